import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { LogPoint, SpooledWrite } from '../core/entry.ts'
import { decodeWrite, kindNames, setsValue, type Write, weight } from '../core/operation/operation.ts'
import { freeBuffer } from '../lib/buffers.ts'
import { makePrivateFile } from '../lib/files.ts'

/** How far the node had applied which log. */
export interface LogPosition extends LogPoint {
  readonly logId: string
}

/** Everything at once, or nothing. */
export interface Change {
  /** Writes up to this number are in the log, and leave the file. */
  readonly removed: bigint
  /** What is in the file above this number was left by a change that failed, and leaves it too. */
  readonly last: bigint
  readonly added: readonly Pick<SpooledWrite, 'number' | 'write'>[]
  /** Writes of the key up to the number are superseded. */
  readonly superseded: readonly (readonly [key: string, through: bigint])[]
  readonly position: LogPosition
}

/** Which writes, in their order: those after one number, up to another, as many as fit. */
export interface Range {
  readonly after: bigint
  readonly through: bigint
  readonly writes: number
  /** At least one write is read, whatever it weighs. */
  readonly bytes: number
}

/** The spool on disk: an SQLite database. Every call blocks; errors are SQLite's, with its `errcode`. */
export interface SpoolFile {
  /** As of the last change; undefined where there never was one. */
  position(): LogPosition | undefined
  read(range: Range): SpooledWrite[]
  /** On disk, flushed, on return. */
  change(change: Change): void
  /** Gives the disk back what an emptied spool has used. */
  shrink(): void
  close(): void
}

// `position` has one row. `superseded` is by key, since a write of another node overtakes all that wait for that key.
const schema = `
  CREATE TABLE IF NOT EXISTS spooled (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB, content_type TEXT);
  CREATE TABLE IF NOT EXISTS superseded (key TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS position (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT NOT NULL, sequence INTEGER NOT NULL, digest BLOB NOT NULL)`

/**
 * In this journal mode a commit is one write and one flush. `fullfsync` is for macOS, where a flush else stops at the
 * drive's cache. https://www.sqlite.org/pragma.html#pragma_synchronous
 */
const pragmas = `
  PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON; PRAGMA wal_autocheckpoint = 1000`

/** Nobody else may have the file open. */
export function openSpoolFile(path: string): SpoolFile {
  flushAgain(`${path}-wal`)
  makePrivateFile(path)
  const database = new DatabaseSync(path)
  try {
    database.exec(pragmas)
    database.exec(schema)
    return fileOf(database)
  } catch (error) {
    database.close() // else its lock stays
    throw error
  }
}

function fileOf(database: DatabaseSync): SpoolFile {
  const prepare = (sql: string): StatementSync => {
    const statement = database.prepare(sql)
    statement.setReadBigInts(true)
    return statement
  }
  const select = prepare(`
    SELECT number, kind, key, value, content_type, number <= coalesce(superseded.through, 0) AS superseded
    FROM spooled LEFT JOIN superseded USING (key) WHERE number > ? AND number <= ? ORDER BY number LIMIT ?`)
  const selectPosition = prepare('SELECT log_id, sequence, digest FROM position')
  const insert = prepare('INSERT INTO spooled (number, kind, key, value, content_type) VALUES (?, ?, ?, ?, ?)')
  const remove = prepare('DELETE FROM spooled WHERE number <= ? OR number > ?')
  const removeSuperseded = prepare('DELETE FROM superseded WHERE through <= ?')
  const supersede = prepare('INSERT OR REPLACE INTO superseded (key, through) VALUES (?, ?)')
  const setPosition = prepare(
    'INSERT OR REPLACE INTO position (only_row, log_id, sequence, digest) VALUES (1, ?, ?, ?)',
  )

  function apply({ removed, last, added, superseded, position }: Change): void {
    remove.run(removed, last)
    if (added.length === 0) removeSuperseded.run(removed)
    for (const { number, write } of added) {
      if (setsValue(write)) insert.run(number, write.kind, write.key, write.value, write.contentType ?? null)
      else insert.run(number, write.kind, write.key, null, null)
    }
    for (const [key, through] of superseded) supersede.run(key, through)
    setPosition.run(position.logId, position.sequence, position.digest)
  }

  return {
    position() {
      const row = selectPosition.get()
      if (row === undefined) return undefined
      const digest = Buffer.from(row.digest as Uint8Array)
      return { logId: String(row.log_id), sequence: row.sequence as bigint, digest }
    },

    read({ after, through, writes, bytes }) {
      const found: SpooledWrite[] = []
      let size = 0
      for (const row of select.iterate(after, through, writes)) {
        const spooled = toSpooled(row)
        size += weight(spooled.write)
        if (found.length > 0 && size > bytes) {
          if (setsValue(spooled.write)) freeBuffer(spooled.write.value)
          break
        }
        found.push(spooled)
      }
      return found
    },

    change(change) {
      database.exec('BEGIN IMMEDIATE')
      try {
        apply(change)
        database.exec('COMMIT')
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },

    shrink() {
      database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
    },

    close() {
      database.close()
    },
  }
}

/**
 * After a flush that failed the kernel holds as clean what never reached the disk, and the next flush would succeed without
 * it. What SQLite is about to recover is therefore written again, byte for byte, and flushed, before anything is built on
 * it. A checkpoint would do so too, but not on a full disk. https://wiki.postgresql.org/wiki/Fsync_Errors
 */
function flushAgain(path: string): void {
  const file = openIfThere(path)
  if (file === undefined) return
  try {
    const piece = Buffer.allocUnsafe(1024 * 1024)
    let at = 0
    for (;;) {
      const length = readSync(file, piece, 0, piece.length, at)
      if (length === 0) break
      for (let done = 0; done < length; ) done += writeSync(file, piece, done, length - done, at + done)
      at += length
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function toSpooled(row: Record<string, unknown>): SpooledWrite {
  return { number: row.number as bigint, superseded: row.superseded === 1n, write: toWrite(row) }
}

function toWrite({ kind, key, value, content_type: type }: Record<string, unknown>): Write {
  if (typeof key !== 'string') throw new Error('a spooled write has no key')
  const bytes = value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length) : undefined
  const write = decodeWrite(String(kind), key, bytes, typeof type === 'string' ? type : undefined)
  if (write === undefined) throw new Error(`a spooled write is neither ${kindNames.join(' nor ')}`)
  return write
}
