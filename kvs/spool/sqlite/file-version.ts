import type { DatabaseSync } from 'node:sqlite'
import { noSpaceToUpgrade, sqliteFull } from './thread-messages.ts'

/**
 * Version of the file as `PRAGMA user_version` has it; an older file gets it when it is opened. Version 1 brought
 * deadlines, and another name for the column `content_type`: a program that knows only version 0 looks at no version,
 * and so can't read the file, instead of losing them. Version 2 brought dependencies, and version 3 what writes had
 * seen.
 */
const fileVersion = 3n

// `position` has one row. `superseded` has one row for a key, because another node's entry supersedes all waiting
// writes of its key. So has `landed`: of waiting writes of its key, `seen` is what an own write has made of that since.
const schema = `
  CREATE TABLE IF NOT EXISTS spooled
    (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB, media_type TEXT,
    deadline INTEGER, dependency TEXT, seen TEXT, seen_deadline INTEGER);
  CREATE TABLE IF NOT EXISTS superseded (key TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS landed
    (key TEXT PRIMARY KEY, through INTEGER NOT NULL, seen TEXT NOT NULL, seen_deadline INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS position
    (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT NOT NULL, sequence INTEGER NOT NULL,
    digest BLOB NOT NULL)`

/**
 * Brings the file to `fileVersion`, all of it or nothing. Throws where a newer program has written it. A full disk
 * under a file with writes is another error than SQLite's: a start that took the file for a missing one would give the
 * numbers of its writes to others.
 */
export function upgrade(database: DatabaseSync): void {
  const version = versionOf(database)
  if (version > fileVersion) {
    throw new Error(`it has version ${version}, and this program knows versions up to ${fileVersion}: run a newer one`)
  }
  if (version === fileVersion) return
  database.exec('BEGIN IMMEDIATE')
  try {
    const columns = database.prepare("SELECT name FROM pragma_table_info('spooled')").all()
    const has = (column: string) => columns.some(({ name }) => name === column)
    if (has('content_type')) {
      database.exec('ALTER TABLE spooled RENAME COLUMN content_type TO media_type')
      database.exec('ALTER TABLE spooled ADD COLUMN deadline INTEGER')
    }
    if (columns.length > 0 && !has('dependency')) database.exec('ALTER TABLE spooled ADD COLUMN dependency TEXT')
    if (columns.length > 0 && !has('seen')) {
      database.exec('ALTER TABLE spooled ADD COLUMN seen TEXT')
      database.exec('ALTER TABLE spooled ADD COLUMN seen_deadline INTEGER')
    }
    database.exec(`${schema}; PRAGMA user_version = ${fileVersion}; COMMIT`)
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    const isFull = (error as { errcode?: number }).errcode === sqliteFull
    if (isFull && holdsWrites(database)) throw new Error(`${noSpaceToUpgrade} ${fileVersion}`, { cause: error })
    throw error
  }
}

function holdsWrites(database: DatabaseSync): boolean {
  const hasTable = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'spooled'").get() !== undefined
  return hasTable && database.prepare('SELECT 1 FROM spooled LIMIT 1').get() !== undefined
}

function versionOf(database: DatabaseSync): bigint {
  const statement = database.prepare('PRAGMA user_version')
  statement.setReadBigInts(true)
  return statement.get()?.user_version as bigint
}
