import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { requireReadable } from '../spool/index.ts'
import { listSlots, slotPath } from './slot-paths.ts'

/**
 * Checks whether a node could use a data directory, and changes nothing.
 * @param isShared whether several nodes may use the directory; otherwise slot 1 is the only one
 * @returns a sentence about the directory
 * @throws an Error that says why it can't be used
 */
export async function inspectDataDirectory(path: string, isShared: boolean): Promise<string> {
  const finding = checkDirectory(path)
  await requireUsableSlot(path, isShared)
  return finding
}

/** A start needs one usable slot, or one that another node holds: then it creates a new one. */
async function requireUsableSlot(directory: string, isShared: boolean): Promise<void> {
  const numbers = isShared ? await listSlots(directory).catch(() => [1]) : [1]
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

function checkDirectory(path: string): string {
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

/**
 * Whether a live node holds the lock. The kernel has released the lock of a killed node, even if it was killed while it
 * wrote.
 */
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
