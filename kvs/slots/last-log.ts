import { randomUUID } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const fileOf = (directory: string) => join(directory, 'log-id')

/**
 * The log that one of the nodes on this data directory was last used with, for one that has none of its own to go by: a new
 * slot, or somebody who only looks. Takes no lock. Undefined where there was none, or where it can't be read.
 */
export function lastLogOf(directory: string): string | undefined {
  try {
    const text = readFileSync(fileOf(directory), 'utf8').trim()
    return text === '' ? undefined : text
  } catch {
    return undefined
  }
}

/**
 * Where the disk takes it: without it, a new slot's node goes where the search_path leads. Several nodes may do so at once, and
 * be killed meanwhile: the file is always there as a whole.
 */
export function noteLog(directory: string, logId: string): void {
  if (lastLogOf(directory) === logId) return
  const beside = `${fileOf(directory)}.${randomUUID()}`
  try {
    writeFileSync(beside, `${logId}\n`, { mode: 0o600, flush: true })
    renameSync(beside, fileOf(directory))
  } catch {
    // A full disk, or one that only reads: there is another start.
    remove(beside)
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // It could not be made either.
  }
}
