import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../lib/random.ts'

const fileIn = (directory: string) => join(directory, 'log-id')

/**
 * Id of the log that a node on this data directory used last, for a new slot or a check, which have none of their own.
 * Needs no lock. Undefined when there was none, or when the file can't be read.
 */
export function readLastLog(directory: string): string | undefined {
  try {
    const text = readFileSync(fileIn(directory), 'utf8').trim()
    return text === '' ? undefined : text
  } catch {
    return undefined
  }
}

/**
 * Writes the id atomically, so that several nodes may do so at once and be killed meanwhile. On a full or read-only
 * disk it does nothing: a new slot's node then takes the log that the `search_path` leads to.
 */
export function writeLastLog(directory: string, logId: string, random: Random): void {
  if (readLastLog(directory) === logId) return
  const temporary = `${fileIn(directory)}.${random.uuid()}`
  try {
    writeFileSync(temporary, `${logId}\n`, { mode: 0o600, flush: true })
    renameSync(temporary, fileIn(directory))
  } catch {
    removeFile(temporary)
  }
}

function removeFile(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // It could not be created either.
  }
}
