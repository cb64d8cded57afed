import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Above this a spool is not looked into: it is not empty, or has not been long. */
const mostBytes = 64 * 1024 * 1024

/**
 * Whether the spool in a directory that can't be written may hold writes. It does, unless it is known not to: what can't
 * be looked into may be anything. A copy is looked into, since SQLite writes as it recovers.
 */
export function mayHoldWrites(directory: string): boolean {
  const names = filesOf(directory)
  if (names === undefined || names.length === 0) return names === undefined
  let copy: string | undefined
  try {
    const size = names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
    if (size === 0) return false // made, and its node killed before it had anything in it
    if (size > mostBytes) return true
    copy = mkdtempSync(join(tmpdir(), 'kvs-spool-'))
    for (const name of names) copyFileSync(join(directory, name), join(copy, name))
    return hasRows(join(copy, 'spool.db'))
  } catch {
    return true
  } finally {
    if (copy !== undefined) rmSync(copy, { recursive: true, force: true })
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
