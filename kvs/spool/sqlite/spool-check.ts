import { accessSync, constants, copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { batchLimits } from '../../core/limits.ts'
import { unreadable } from '../spool-storage.ts'
import { openSpoolFile } from './spool-file.ts'
import { sqliteFull } from './thread-messages.ts'

/** Larger spools are not inspected, in bytes: they hold writes, or did so a moment ago. */
const maxInspectedBytes = 64 * 1024 * 1024

/**
 * Whether the spool in a directory that can't be written may hold writes: true unless it is known to be empty. It
 * inspects a copy, because SQLite writes while it recovers a file.
 */
export function mayHoldWrites(directory: string): boolean {
  const names = spoolFiles(directory)
  if (names === undefined || names.length === 0) return names === undefined
  try {
    const size = sizeOf(directory, names)
    if (size === 0) return false // its node was killed while it created the spool
    return size > maxInspectedBytes || inspectCopy(directory, names, hasRows)
  } catch {
    return true
  }
}

/**
 * Reads a copy of the spool in a directory that no node holds, as a start would read the spool. Skips a spool that is
 * too large, or that the disk has no room to copy.
 * @throws an Error with a sentence that names the file, when a start could not read it
 */
export function requireReadable(directory: string): void {
  const names = spoolFiles(directory) ?? []
  try {
    for (const name of names) accessSync(join(directory, name), constants.R_OK | constants.W_OK)
    if (names.length === 0 || sizeOf(directory, names) > maxInspectedBytes) return
    inspectCopy(directory, names, readAll)
  } catch (error) {
    const { code, syscall, errcode, message } = error as NodeJS.ErrnoException & { errcode?: number }
    if (errcode === sqliteFull || syscall === 'mkdtemp' || /^(ENOSPC|EDQUOT|EROFS)$/.test(code ?? '')) return
    throw new Error(unreadable(join(directory, 'spool.db'), message), { cause: error })
  }
}

function sizeOf(directory: string, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
}

function inspectCopy<T>(directory: string, names: readonly string[], inspect: (path: string) => T): T {
  const copy = mkdtempSync(join(tmpdir(), 'kvs-spool-'))
  try {
    for (const name of names) copyFileSync(join(directory, name), join(copy, name))
    return inspect(join(copy, 'spool.db'))
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function readAll(path: string): void {
  const file = openSpoolFile(path)
  try {
    file.position()
    for (let after: bigint | undefined = 0n; after !== undefined; ) {
      after = file.read({ after, through: 2n ** 63n - 1n, ...batchLimits }).at(-1)?.number
    }
  } finally {
    file.close()
  }
}

/** Names of the spool's files; empty when the directory does not exist, undefined when it can't be read. */
function spoolFiles(directory: string): string[] | undefined {
  try {
    return readdirSync(directory).filter((name) => /^spool\.db(-wal)?$/.test(name))
  } catch (error) {
    return /^(ENOENT|ENOTDIR)$/.test((error as NodeJS.ErrnoException).code ?? '') ? [] : undefined
  }
}

function hasRows(path: string): boolean {
  const database = new DatabaseSync(path)
  try {
    return database.prepare('SELECT 1 FROM spooled LIMIT 1').get() !== undefined
  } finally {
    database.close()
  }
}
