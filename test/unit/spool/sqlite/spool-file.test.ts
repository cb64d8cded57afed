import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { batchLimits } from '../../../../kvs/core/limits.ts'
import { parsePosition } from '../../../../kvs/core/position.ts'
import { openSpool } from '../../../../kvs/spool/spool.ts'
import { Outdated } from '../../../../kvs/spool/spool-errors.ts'
import { openSpoolFile } from '../../../../kvs/spool/sqlite/spool-file.ts'
import { makeSqliteStorage } from '../../../../kvs/spool/sqlite/sqlite-storage.ts'
import { put, remove } from '../../../support/entries.ts'
import { makeDirectory } from '../../../support/node.ts'
import { testAsRoot } from '../../../support/skips.ts'

const position = { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') }
const nothing = { removed: 0n, superseded: [], position }
const after = parsePosition('beef4567=9,stamp=5')
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

/** What a program that writes an older version does first with a file. */
const schemaWith = (columns: string) => `
  CREATE TABLE IF NOT EXISTS spooled
    (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB, ${columns});
  CREATE TABLE IF NOT EXISTS superseded (key TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS position
    (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT NOT NULL, sequence INTEGER NOT NULL,
    digest BLOB NOT NULL);`
const olderSchema = schemaWith('content_type TEXT')
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

interface OlderFile {
  readonly columns: string
  readonly version: number
  readonly rows: string
  readonly deadline?: number
}

test.each<[string, OlderFile]>([
  [
    'without deadlines',
    {
      ...{ columns: 'content_type TEXT', version: 0 },
      rows: `(1, 'put', 'a', x'31', 'text/x'), (2, 'delete', 'b', NULL, NULL)`,
    },
  ],
  [
    'without dependencies',
    {
      ...{ columns: 'media_type TEXT, deadline INTEGER', version: 1, deadline: 5 },
      rows: `(1, 'put', 'a', x'31', 'text/x', 5), (2, 'delete', 'b', NULL, NULL, NULL)`,
    },
  ],
  [
    'without what writes had seen',
    {
      ...{ columns: 'media_type TEXT, deadline INTEGER, dependency TEXT', version: 2, deadline: 5 },
      rows: `(1, 'put', 'a', x'31', 'text/x', 5, NULL), (2, 'delete', 'b', NULL, NULL, NULL, NULL)`,
    },
  ],
])('a file %s keeps what is in it, and takes all from then on', (_, { columns, version, rows, deadline }) => {
  const path = join(makeDirectory(), 'spool.db')
  const older = openDatabase(path)
  older.exec(`
    ${schemaWith(columns)}
    INSERT INTO spooled VALUES ${rows};
    INSERT INTO superseded VALUES ('b', 2);
    INSERT INTO position VALUES (1, 'cafe0123', 7, x'3132333435363738');
    PRAGMA user_version = ${version}`)
  older.close()
  const newest = { ...put('c'), deadline: 5, after }
  const seen = { tag: 'cafe0123-7-0000000a', deadline: 6 }
  for (const added of [[], [{ number: 3n, write: newest, seen }]]) {
    const file = openSpoolFile(path)
    file.change({ ...nothing, last: 2n, added })
    expect(file.position()).toEqual(position)
    file.close()
  }
  const file = openSpoolFile(path)
  expect(file.read({ after: 0n, through: 9n, ...batchLimits })).toEqual([
    { number: 1n, superseded: false, write: { ...put('a', '1', 'text/x'), deadline } },
    { number: 2n, superseded: true, write: remove('b') },
    { number: 3n, superseded: false, write: newest, seen },
  ])
  file.close()
})

testAsRoot('an older file with writes is no missing one on a full disk, and is upgraded later', async () => {
  const directory = makeDirectory()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'kvs-full-disk', directory])
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]))
  const path = join(directory, 'spool.db')
  const older = openDatabase(path)
  older.exec(`
    PRAGMA journal_mode = WAL;
    ${schemaWith('media_type TEXT, deadline INTEGER')}
    INSERT INTO spooled VALUES (1, 'put', 'a', x'31', NULL, 5);
    INSERT INTO position VALUES (1, 'cafe0123', 7, x'3132333435363738');
    PRAGMA user_version = 1`)
  older.close()
  execFileSync('sh', ['-c', 'cat /dev/zero >filler 2>/dev/null || true'], { cwd: directory })
  const open = () => openSpool({ storage: makeSqliteStorage(path), maxBytes: 1e9 })
  const error = await open().catch((error) => error)
  expect(error).toBeInstanceOf(Outdated)
  expect(error.message).toBe(
    `the spool ${path} can’t be read (its disk is full, and has no space to bring it to version 3); ` +
      'it may hold writes that are nowhere else',
  )
  rmSync(join(directory, 'filler'))
  const spool = await open()
  onTestFinished(() => spool.close())
  expect(spool.get('a')).toEqual({ ...put('a', '1'), deadline: 5 })
})

test('a program that knows nothing of what writes have seen refuses a file, since its version is above 2', () => {
  const path = join(makeDirectory(), 'spool.db')
  openSpoolFile(path).close()
  expect(openDatabase(path).prepare('PRAGMA user_version').get()).toEqual({ user_version: 3 })
})

test('a file that has something else where a dependency should be is not read as if it had none', () => {
  const path = join(makeDirectory(), 'spool.db')
  const file = openSpoolFile(path)
  file.change({ ...nothing, last: 0n, added: [{ number: 1n, write: { ...put('a'), after } }] })
  file.close()
  const damaged = openDatabase(path)
  damaged.exec(`UPDATE spooled SET dependency = 'damaged'`)
  damaged.close()
  const reopened = openSpoolFile(path)
  onTestFinished(() => reopened.close())
  expect(() => reopened.read({ after: 0n, through: 9n, ...batchLimits })).toThrow(
    'what a spooled write depends on is no position',
  )
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
  newer.exec('PRAGMA user_version = 4')
  newer.close()
  await expect(openSpool({ storage: makeSqliteStorage(path), maxBytes: 1e9 })).rejects.toThrow(
    `the spool ${path} can’t be read (it has version 4, and this program knows versions up to 3: run a newer one); ` +
      'it may hold writes that are nowhere else',
  )
})
