import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { batchLimits } from '../../../../kvs/core/limits.ts'
import { openSpool } from '../../../../kvs/spool/spool.ts'
import { openSpoolFile } from '../../../../kvs/spool/sqlite/spool-file.ts'
import { makeSqliteStorage } from '../../../../kvs/spool/sqlite/sqlite-storage.ts'
import { put, remove } from '../../../support/entries.ts'
import { makeDirectory } from '../../../support/node.ts'

const position = { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') }
const nothing = { removed: 0n, superseded: [], position }
const row = (number: bigint) => ({ number, write: put('k', String(number)) })

test('what a change that failed has left is not read, and leaves the file with the next change', () => {
  const file = openSpoolFile(join(makeDirectory(), 'spool.db'))
  const numbers = (through: bigint) =>
    file.read({ after: 0n, through, ...batchLimits }).map((spooled) => spooled.number)
  file.change({ ...nothing, last: 0n, added: [row(1n), row(2n)] })
  // On disk, though its flush was told to have failed: whoever asks knows of 2 and no more.
  file.change({ ...nothing, last: 2n, added: [row(3n), row(4n)] })
  expect(numbers(2n)).toEqual([1n, 2n])
  file.change({ ...nothing, last: 2n, added: [row(5n)] })
  expect(numbers(9n)).toEqual([1n, 2n, 5n])
  file.close()
})

/** What a program that knows nothing of deadlines does first with a file. */
const olderSchema = `
  CREATE TABLE IF NOT EXISTS spooled
    (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB, content_type TEXT);
  CREATE TABLE IF NOT EXISTS superseded (key TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS position
    (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT NOT NULL, sequence INTEGER NOT NULL,
    digest BLOB NOT NULL)`
const olderSelect = `
  SELECT number, kind, key, value, content_type, number <= coalesce(superseded.through, 0) AS superseded
  FROM spooled LEFT JOIN superseded USING (key) WHERE number > ? AND number <= ? ORDER BY number LIMIT ?`

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  onTestFinished(() => {
    if (database.isOpen) database.close()
  })
  return database
}

describe('a file of the version before', () => {
  test('is read, and takes deadlines from then on', () => {
    const path = join(makeDirectory(), 'spool.db')
    const older = openDatabase(path)
    older.exec(olderSchema)
    older.exec(`
      INSERT INTO spooled VALUES (1, 'put', 'a', x'31', 'text/x'), (2, 'delete', 'b', NULL, NULL);
      INSERT INTO superseded VALUES ('b', 2);
      INSERT INTO position VALUES (1, 'cafe0123', 7, x'3132333435363738')`)
    older.close()
    for (const added of [[], [{ number: 3n, write: { ...put('c'), deadline: 5 } }]]) {
      const file = openSpoolFile(path)
      file.change({ ...nothing, last: 2n, added })
      expect(file.position()).toEqual(position)
      file.close()
    }
    const file = openSpoolFile(path)
    expect(file.read({ after: 0n, through: 9n, ...batchLimits })).toEqual([
      { number: 1n, superseded: false, write: put('a', '1', 'text/x') },
      { number: 2n, superseded: true, write: remove('b') },
      { number: 3n, superseded: false, write: { ...put('c'), deadline: 5 } },
    ])
    file.close()
  })
})

test('a program that knows nothing of deadlines can’t read a file', () => {
  const path = join(makeDirectory(), 'spool.db')
  openSpoolFile(path).close()
  const older = openDatabase(path)
  older.exec(olderSchema)
  expect(() => older.prepare(olderSelect)).toThrow('no such column: content_type')
})

test('a file of a newer program is refused by name', async () => {
  const path = join(makeDirectory(), 'spool.db')
  openSpoolFile(path).close()
  const newer = openDatabase(path)
  newer.exec('PRAGMA user_version = 2')
  newer.close()
  await expect(openSpool({ storage: makeSqliteStorage(path), maxBytes: 1e9 })).rejects.toThrow(
    `the spool ${path} can’t be read (it has version 2, and this program knows versions up to 1: run a newer one); ` +
      'it may hold writes that are nowhere else',
  )
})
