import { accessSync, constants, copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { batchLimits } from '../core/limits.ts'
import { openSpoolFile } from './spool-file.ts'
import { sqliteFull } from './thread-messages.ts'

/** Above this a spool is not looked into: it is not empty, or has not been long. */
const mostBytes = 64 * 1024 * 1024

/**
 * Whether the spool in a directory that can't be written may hold writes. It does, unless it is known not to: what can't
 * be looked into may be anything. A copy is looked into, since SQLite writes as it recovers.
 */
export function mayHoldWrites(directory: string): boolean {
  const names = filesOf(directory)
  if (names === undefined || names.length === 0) return names === undefined
  try {
    const size = sizeOf(directory, names)
    if (size === 0) return false // made, and its node killed before it had anything in it
    return size > mostBytes || inCopy(directory, names, hasRows)
  } catch {
    return true
  }
}

/**
 * Opens and reads a copy of the spool in a directory that no node holds, as a start would the spool. Passes over what is too large to be
 * looked into, and what there is no room to copy.
 * @throws an Error with a sentence that names the file, where a start would find that it can't be read
 */
export function requireReadable(directory: string): void {
  const names = filesOf(directory) ?? []
  try {
    for (const name of names) accessSync(join(directory, name), constants.R_OK | constants.W_OK)
    if (names.length === 0 || sizeOf(directory, names) > mostBytes) return
    inCopy(directory, names, readAll)
  } catch (error) {
    const { code, syscall, errcode, message } = error as NodeJS.ErrnoException & { errcode?: number }
    if (errcode === sqliteFull || syscall === 'mkdtemp' || /^(ENOSPC|EDQUOT|EROFS)$/.test(code ?? '')) return
    throw new Error(unreadable(join(directory, 'spool.db'), message), { cause: error })
  }
}

/** @param message what is the matter with it */
export const unreadable = (path: string, message: string) =>
  `the spool ${path} can’t be read (${message}); it may hold writes that are nowhere else`

function sizeOf(directory: string, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
}

function inCopy<T>(directory: string, names: readonly string[], look: (path: string) => T): T {
  const copy = mkdtempSync(join(tmpdir(), 'kvs-spool-'))
  try {
    for (const name of names) copyFileSync(join(directory, name), join(copy, name))
    return look(join(copy, 'spool.db'))
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

/** Undefined where nobody can tell; none where there is no such directory. */
function filesOf(directory: string): string[] | undefined {
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
