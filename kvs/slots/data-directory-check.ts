import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { requireReadable } from '../spool/index.ts'
import { findSlots, slotPath } from './numbering.ts'

/**
 * Tells in a sentence whether a node could have its data in a directory; makes and changes nothing.
 * @param isShared whether several nodes may have it; else there is the first slot and no other
 * @throws an Error that says what is in the way
 */
export async function lookAtDataDirectory(path: string, isShared: boolean): Promise<string> {
  const sentence = lookAtDirectory(path)
  await requireUsableSlot(path, isShared)
  return sentence
}

/** A start goes on with any slot that it can use, and with a new one where a node holds one of those that there are. */
async function requireUsableSlot(directory: string, isShared: boolean): Promise<void> {
  const numbers = isShared ? await findSlots(directory).catch(() => [1]) : [1]
  let obstacle: unknown
  for (const number of numbers) {
    const path = slotPath(directory, number)
    try {
      if (!isHeld(join(path, 'node.db'))) requireReadable(path)
      return
    } catch (error) {
      obstacle ??= error
    }
  }
  throw obstacle
}

function lookAtDirectory(path: string): string {
  const nearest = nearestExisting(path)
  try {
    if (!statSync(nearest).isDirectory()) throw new Error(`${nearest} is no directory`)
    accessSync(nearest, constants.R_OK | constants.W_OK | constants.X_OK)
    if (nearest !== path) return `${path} is not there yet, which a start makes`
    return isHeld(join(path, 'node.db')) ? `${path} is in use by a node that runs` : `${path} can be used`
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`the directory ${path} can’t be used (${why}): set KVS_DATA_DIR to another`, { cause: error })
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path))
}

/** Whether a node has locked the file that keeps others out. One that died in the middle of a write has not. */
function isHeld(path: string): boolean {
  if (!existsSync(path)) return false
  accessSync(path, constants.R_OK | constants.W_OK)
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    database.exec('SELECT count(*) FROM sqlite_schema')
    return false
  } catch (error) {
    return error instanceof Error && /database is locked/.test(error.message)
  } finally {
    database.close()
  }
}
