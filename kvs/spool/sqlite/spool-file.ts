import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { SeenValue, SpooledWrite } from '../../core/entry.ts'
import { decodeWrite, kindNames, setsValue, type Write, weight } from '../../core/operation/operation.ts'
import { formatPosition, type Position, parsePosition } from '../../core/position.ts'
import { freeBuffer } from '../../lib/buffers.ts'
import { makePrivateFile } from '../../lib/files.ts'
import type { LogPosition, SpoolChange, SpoolRange } from '../spool-storage.ts'
import { upgrade } from './file-version.ts'

/**
 * The methods of `SpoolStorage` on an SQLite database. Every call blocks, and throws SQLite's errors with their
 * `errcode`.
 */
export interface SpoolFile {
  position(): LogPosition | undefined
  read(range: SpoolRange): SpooledWrite[]
  change(change: SpoolChange): void
  shrink(): void
  close(): void
}

/**
 * A commit is one write and one flush in WAL mode, and `synchronous = FULL` makes it durable. On macOS only `fullfsync`
 * flushes the drive's cache too. https://www.sqlite.org/pragma.html#pragma_synchronous
 */
const pragmas = `
  PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON; PRAGMA wal_autocheckpoint = 1000`

/** Opens the file, or creates it. SQLite throws "database is locked" when another process has it open. */
export function openSpoolFile(path: string): SpoolFile {
  rewriteAndFlush(`${path}-wal`)
  makePrivateFile(path)
  const database = new DatabaseSync(path)
  try {
    database.exec(pragmas)
    upgrade(database)
    return makeSpoolFile(database)
  } catch (error) {
    database.close() // otherwise its lock would stay
    throw error
  }
}

function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => {
    const statement = database.prepare(sql)
    statement.setReadBigInts(true)
    return statement
  }
  return {
    select: prepare(`
      SELECT number, kind, spooled.key AS key, value, media_type, deadline, dependency,
        number <= coalesce(superseded.through, 0) AS superseded,
        CASE WHEN number <= landed.through THEN landed.seen ELSE spooled.seen END AS seen,
        CASE WHEN number <= landed.through THEN landed.seen_deadline ELSE spooled.seen_deadline END AS seen_deadline
      FROM spooled LEFT JOIN superseded ON superseded.key = spooled.key LEFT JOIN landed ON landed.key = spooled.key
      WHERE number > ? AND number <= ? ORDER BY number LIMIT ?`),
    selectPosition: prepare('SELECT log_id, sequence, digest FROM position'),
    insert: prepare(`
      INSERT INTO spooled (number, kind, key, value, media_type, deadline, dependency, seen, seen_deadline)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    remove: prepare('DELETE FROM spooled WHERE number <= ? OR number > ?'),
    removeSuperseded: prepare('DELETE FROM superseded WHERE through <= ?'),
    supersede: prepare('INSERT OR REPLACE INTO superseded (key, through) VALUES (?, ?)'),
    removeLanded: prepare('DELETE FROM landed WHERE through <= ?'),
    land: prepare('INSERT OR REPLACE INTO landed (key, through, seen, seen_deadline) VALUES (?, ?, ?, ?)'),
    setPosition: prepare('INSERT OR REPLACE INTO position (only_row, log_id, sequence, digest) VALUES (1, ?, ?, ?)'),
  }
}

function makeSpoolFile(database: DatabaseSync): SpoolFile {
  const statements = prepareStatements(database)
  const { select, selectPosition } = statements

  function apply({ removed, last, added, superseded, seen = [], position }: SpoolChange): void {
    statements.remove.run(removed, last)
    if (added.length === 0) {
      statements.removeSuperseded.run(removed)
      statements.removeLanded.run(removed)
    }
    for (const { number, write, seen } of added) {
      const { kind, key, deadline = null, after } = write
      const [value, contentType = null] = setsValue(write) ? [write.value, write.contentType] : [null]
      const dependency = (after && formatPosition(after)) || null
      const seenParts = [seen?.tag ?? null, seen?.deadline ?? null]
      statements.insert.run(number, kind, key, value, contentType, deadline, dependency, ...seenParts)
    }
    for (const [key, through] of superseded) statements.supersede.run(key, through)
    for (const [key, through, { tag, deadline = null }] of seen) statements.land.run(key, through, tag, deadline)
    statements.setPosition.run(position.logId, position.sequence, position.digest)
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
 * Rewrites SQLite's write-ahead log byte for byte and flushes it. After a failed flush the kernel marks pages as clean
 * that never reached the disk, and the next flush succeeds without writing them: SQLite would recover, and acknowledge,
 * what the disk does not have. A checkpoint would rewrite them too, but fails on a full disk.
 * https://wiki.postgresql.org/wiki/Fsync_Errors
 */
function rewriteAndFlush(path: string): void {
  const file = openIfPresent(path)
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

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function toSpooled(row: Record<string, unknown>): SpooledWrite {
  return { number: row.number as bigint, superseded: row.superseded === 1n, write: toWrite(row), seen: toSeen(row) }
}

function toSeen({ seen, seen_deadline: deadline }: Record<string, unknown>): SeenValue | undefined {
  return typeof seen === 'string'
    ? { tag: seen, deadline: deadline === null ? undefined : Number(deadline) }
    : undefined
}

function toWrite({ kind, key, value, media_type: type, deadline, dependency }: Record<string, unknown>): Write {
  if (typeof key !== 'string') throw new Error('a spooled write has no key')
  const bytes = value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length) : undefined
  const contentType = typeof type === 'string' ? type : undefined
  const endsAt = deadline === null ? undefined : Number(deadline)
  const write = decodeWrite(String(kind), key, bytes, contentType, endsAt, toPosition(dependency))
  if (write === undefined) throw new Error(`a spooled write is neither ${kindNames.join(' nor ')}`)
  return write
}

/** A write that lost its dependency would land with too early a stamp. */
function toPosition(dependency: unknown): Position | undefined {
  if (dependency === null) return undefined
  const position = parsePosition(String(dependency))
  if (position === undefined) throw new Error('what a spooled write depends on is no position')
  return position
}
