import { DatabaseSync } from 'node:sqlite'
import { batchLimits, type SpooledWrite, type Write, weight } from '../entry.ts'

/** How far the node had applied which log. */
export interface Seen {
  readonly logId: string
  readonly sequence: bigint
  readonly digest: Buffer
}

/** Everything at once, or nothing. */
export interface Change {
  /** Writes up to this number are in the log, and leave the file. */
  readonly removed: bigint
  /** Writes after this number that an earlier change has left, though it failed, leave the file too. */
  readonly last: bigint
  readonly added: readonly Pick<SpooledWrite, 'number' | 'write'>[]
  /** Writes of the key up to the number are superseded. */
  readonly superseded: readonly (readonly [key: string, through: bigint])[]
  readonly seen: Seen
}

/** The spool on disk: an SQLite database. Every call blocks; errors are SQLite's, with its `errcode`. */
export interface SpoolFile {
  /** As of the last change; undefined where there never was one. */
  seen(): Seen | undefined
  /** The writes after a number, in order, as many as make a batch. */
  page(after: bigint): SpooledWrite[]
  /** On disk, flushed, on return. */
  change(change: Change): void
  /** Gives the disk back what an emptied spool has used. */
  shrink(): void
  close(): void
}

// `seen` has one row. `superseded` is by key, since a write of another node overtakes all that wait for that key.
const schema = `
  CREATE TABLE IF NOT EXISTS spooled (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB, content_type TEXT);
  CREATE TABLE IF NOT EXISTS superseded (key TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS seen (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT NOT NULL, sequence INTEGER NOT NULL, digest BLOB NOT NULL)`

/**
 * In this journal mode a commit is one write and one flush. `fullfsync` is for macOS, where a flush else stops at the
 * drive's cache. https://www.sqlite.org/pragma.html#pragma_synchronous
 */
const pragmas = `
  PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON; PRAGMA wal_autocheckpoint = 1000`

export function openSpoolFile(path: string): SpoolFile {
  const database = new DatabaseSync(path)
  database.exec(pragmas)
  database.exec(schema)
  const prepare = (sql: string) => {
    const statement = database.prepare(sql)
    statement.setReadBigInts(true)
    return statement
  }
  const select = prepare(`
    SELECT number, kind, key, value, content_type, number <= coalesce(through, 0) AS superseded
    FROM spooled LEFT JOIN superseded USING (key) WHERE number > ? ORDER BY number LIMIT ${batchLimits.writes}`)
  const selectSeen = prepare('SELECT log_id, sequence, digest FROM seen')
  const insert = prepare('INSERT INTO spooled (number, kind, key, value, content_type) VALUES (?, ?, ?, ?, ?)')
  const remove = prepare('DELETE FROM spooled WHERE number <= ? OR number > ?')
  const removeSuperseded = prepare('DELETE FROM superseded WHERE through <= ?')
  const supersede = prepare('INSERT OR REPLACE INTO superseded (key, through) VALUES (?, ?)')
  const see = prepare('INSERT OR REPLACE INTO seen (only_row, log_id, sequence, digest) VALUES (1, ?, ?, ?)')

  function apply({ removed, last, added, superseded, seen }: Change): void {
    remove.run(removed, last)
    removeSuperseded.run(removed)
    for (const { number, write } of added) {
      if (write.kind === 'delete') insert.run(number, write.kind, write.key, null, null)
      else insert.run(number, write.kind, write.key, write.value, write.contentType ?? null)
    }
    for (const [key, through] of superseded) supersede.run(key, through)
    see.run(seen.logId, seen.sequence, seen.digest)
  }

  return {
    seen() {
      const row = selectSeen.get()
      if (row === undefined) return undefined
      return {
        logId: String(row.log_id),
        sequence: row.sequence as bigint,
        digest: Buffer.from(row.digest as Uint8Array),
      }
    },

    page(after) {
      const page: SpooledWrite[] = []
      let bytes = 0
      for (const row of select.iterate(after)) {
        const spooled = toSpooled(row)
        bytes += weight(spooled.write)
        if (page.length > 0 && bytes > batchLimits.bytes) break
        page.push(spooled)
      }
      return page
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

function toSpooled(row: Record<string, unknown>): SpooledWrite {
  return { number: row.number as bigint, superseded: row.superseded === 1n, write: toWrite(row) }
}

function toWrite({ kind, key, value, content_type: type }: Record<string, unknown>): Write {
  if (typeof key !== 'string') throw new Error('a spooled write has no key')
  if (kind === 'delete') return { kind, key }
  if (kind !== 'put' || !(value instanceof Uint8Array)) throw new Error(`a spooled write is neither put nor delete`)
  const contentType = typeof type === 'string' ? type : undefined
  return { kind, key, value: Buffer.from(value.buffer, value.byteOffset, value.length), contentType }
}
