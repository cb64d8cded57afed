import { beforeEach, describe, expect, test } from 'vitest'
import {
  advanceCheckpoint,
  discardCheckpoint,
  readCheckpoint,
} from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { appendTo, type Logged, loadCheckpoint } from '../../../support/checkpoint.ts'
import { byForce } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { advanceToEnd, connection, database, expectWhole, openLog } from './checkpointing.ts'

beforeEach(openLog)

const put1 = (key: string, value: string | Buffer = 'v', contentType?: string) => ({
  write: put(key, value, contentType),
  superseded: false,
})

const withDeadline: Logged = { write: { ...put('e', '5'), deadline: 5_000_000 }, superseded: false }

describe('damage', () => {
  beforeEach(async () => {
    const entries: Logged[] = [
      put1('a', '1'),
      put1('b', '2', 'x/y'),
      put1('c', ''),
      put1('d', Buffer.alloc(3_000, 'd')),
    ]
    await appendTo(database, entries)
    await appendTo(database, [withDeadline, put1('f', '6')])
    await advanceCheckpoint(connection, 5)
    await expectWhole()
  })

  const disable = 'ALTER TABLE transactions DISABLE TRIGGER append_only'
  test.each([
    ['a row is gone', `DELETE FROM checkpoint_entries WHERE key = 'c'`],
    ['all rows are', 'TRUNCATE checkpoint_entries'],
    ['a value is another', `UPDATE checkpoint_entries SET value = '3' WHERE key = 'a'`],
    ['a key is another', `UPDATE checkpoint_entries SET key = 'A' WHERE key = 'a'`],
    ['a content type is gone', `UPDATE checkpoint_entries SET content_type = NULL WHERE key = 'b'`],
    ['a row was added', `INSERT INTO checkpoint_entries VALUES (3, 'x', '', NULL, '', now(), NULL, true)`],
    ['a row is there twice', `INSERT INTO checkpoint_entries SELECT * FROM checkpoint_entries WHERE key = 'a'`],
    [
      'a row is there in the place of another',
      `INSERT INTO checkpoint_entries SELECT * FROM checkpoint_entries WHERE key = 'a';
       DELETE FROM checkpoint_entries WHERE key = 'b'`,
    ],
    ['a digest is another', `UPDATE checkpoint_entries SET digest = '12345678' WHERE key = 'a'`],
    ['a time is another', `UPDATE checkpoint_entries SET recorded_at = recorded_at + '1 ms' WHERE key = 'a'`],
    ['a deadline is another', `UPDATE checkpoint_entries SET deadline = deadline + '1 ms' WHERE key = 'e'`],
    ['a deadline is gone', `UPDATE checkpoint_entries SET deadline = NULL WHERE key = 'e'`],
    ['a deadline is there', `UPDATE checkpoint_entries SET deadline = now() WHERE key = 'a'`],
    ['a key is said to be gone', `UPDATE checkpoint_entries SET lives = false, value = NULL WHERE key = 'a'`],
    ['a stamp is another', `UPDATE checkpoint_entries SET stamp = stamp_of(stamp, recorded_at) + 1 WHERE key = 'a'`],
    ['an origin is there', `UPDATE checkpoint_entries SET origin = 'another1' WHERE key = 'a'`],
    ['a dependency is there', `UPDATE checkpoint_entries SET dependency = 'another1=1' WHERE key = 'a'`],
    [
      'an earlier version is there',
      `UPDATE checkpoint_entries SET earlier_version = 'cafe0123-1-00000000@1' WHERE key = 'a'`,
    ],
    ['a row has another sequence', `UPDATE checkpoint_entries SET sequence = 5 WHERE key = 'a'`],
    [
      'values have changed places',
      `UPDATE checkpoint_entries AS one SET value = two.value FROM checkpoint_entries AS two
       WHERE one.key || two.key IN ('ab', 'ba')`,
    ],
    [
      'sequences have',
      `UPDATE checkpoint_entries AS one SET sequence = two.sequence FROM checkpoint_entries AS two
       WHERE one.key || two.key IN ('ab', 'ba')`,
    ],
    ['the checkpoint’s row is gone', 'DELETE FROM checkpoint'],
    ['its number of keys is another', 'UPDATE checkpoint SET keys = keys - 1'],
    ['its checksum is', 'UPDATE checkpoint SET checksum = checksum # 1'],
    ['its own end is', 'UPDATE checkpoint SET own_sequence = own_sequence - 1'],
    ['its stamp is', 'UPDATE checkpoint SET stamp = stamp - 1'],
    ['it has another origin', `UPDATE checkpoint SET vector = '{"another1": 1}'`],
    ['it is said to have deleted keys', 'UPDATE checkpoint SET has_tombstones = true'],
    ['it is elsewhere, within one batch', 'UPDATE checkpoint SET sequence = 5'],
    ['it is of another log, with the same digests', byForce(`UPDATE log_head SET log_id = 'another'`)],
    [
      'the log was written on from an older dump',
      `${disable}; UPDATE transactions SET digest = 'another' WHERE sequence > 4`,
    ],
    ['the log is from an older dump', byForce('DELETE FROM transactions WHERE sequence > 4')],
    [
      'a large value is not in the log',
      `${disable}; ALTER TABLE transactions DROP CONSTRAINT value_where_put; UPDATE transactions SET value = NULL ` +
        `WHERE key = 'd'`,
    ],
  ])('is noticed where %s', async (_, statements) => {
    await database.sql(statements)
    expect((await loadCheckpoint(database)).isWhole).toBe(false)
  })

  test('does not mend itself by going on', async () => {
    for (const statement of [
      `UPDATE checkpoint_entries SET value = '3' WHERE key = 'a'`,
      `DELETE FROM checkpoint_entries WHERE key = 'b'`,
      `INSERT INTO checkpoint_entries SELECT * FROM checkpoint_entries WHERE key = 'c'`,
      'UPDATE checkpoint SET keys = keys + 1',
      'UPDATE checkpoint SET checksum = 7',
    ]) {
      await database.sql(statement)
      await appendTo(database, [put1('a'), put1('b'), put1('c')])
      await advanceCheckpoint(connection, 100)
      expect((await loadCheckpoint(database)).isWhole).toBe(false)
      await database.sql('DELETE FROM checkpoint')
      await advanceToEnd(100)
    }
  })

  test('is made up for, from the log alone, once it is discarded', async () => {
    await database.sql(`UPDATE checkpoint_entries SET value = '3' WHERE key = 'a'`)
    const broken = await readCheckpoint(connection)
    if (!broken) throw new Error('there is a checkpoint')
    await discardCheckpoint(connection, broken)
    expect(await readCheckpoint(connection)).toBeUndefined()
    expect(await advanceCheckpoint(connection, 3)).toMatchObject({ outcome: 'begun', before: 0n, reached: 4n })
    await discardCheckpoint(connection, broken) // by another node that has seen the same
    expect(await advanceCheckpoint(connection, 3)).toMatchObject({ outcome: 'advanced', before: 4n, reached: 6n })
    await expectWhole()
  })

  test.each([
    ['that went back', byForce('DELETE FROM transactions WHERE sequence > 4')],
    ['that is another', byForce(`UPDATE log_head SET log_id = 'another'`)],
  ])('by a log %s is made up for by the next step', async (_, statements) => {
    await database.sql(statements)
    expect(await readCheckpoint(connection)).toBeUndefined()
    expect((await advanceCheckpoint(connection, 2)).outcome).toBe('begun')
    await advanceToEnd(2)
  })
})
