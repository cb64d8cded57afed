import { randomUUID } from 'node:crypto'
import { DatabaseError } from 'pg'
import { expect, test } from 'vitest'
import { isRolledBack, takesNoWrites } from '../../../../kvs/log/postgres/postgres-errors.ts'
import { makeDatabase, makeLog } from '../../../support/database.ts'

/** What a program asks of a log that knows an older schema: nothing of deadlines, of sites, or of keys that move. */
const statements: readonly (readonly [name: string, text: string, code: string])[] = [
  ['the log’s end', 'SELECT flaw, sequence, digest FROM log_end', '42P01'],
  [
    'an append',
    `SELECT outcome FROM append_writes($1, $1, 0, 1, '{2}', '{a}', '{x}', '{NULL}', 1e10, NULL, NULL)`,
    '42883',
  ],
  [
    'an append of spooled writes',
    `SELECT outcome FROM append_writes($1, $1, 0, 1, '{2}', '{a}', '{x}', '{NULL}', NULL, '{false}', 0)`,
    '42883',
  ],
  [
    'a conditional append',
    `SELECT outcome FROM append_conditional($1, $1, 0, 1, 0, '{2}', '{a}', '{x}', '{NULL}', '{true}', '{NULL}', '{NULL}', '{NULL}')`,
    '42883',
  ],
  [
    'the live keys of the checkpoint',
    'SELECT checkpoint_hash(sequence, key, value, content_type, digest) FROM checkpoint_entries',
    '42883',
  ],
  [
    'an append with deadlines',
    `SELECT outcome FROM append_writes($1, $1, 0, 1, '{2}', '{a}', '{x}', '{NULL}', NULL, 1e10, NULL, NULL)`,
    '42883',
  ],
  [
    'an append of spooled writes with deadlines',
    `SELECT outcome FROM append_writes($1, $1, 0, 1, '{2}', '{a}', '{x}', '{NULL}', NULL, NULL, '{false}', 0)`,
    '42883',
  ],
  [
    'an append of transactions',
    `SELECT outcome FROM append_conditional($1, $1, 0, 1, 0, '{2}', '{a}', '{x}', '{NULL}', NULL, '{1}', '{1}', '{a}', NULL,
      '{}', '{}', '{NULL}', '{NULL}', '{NULL}', '{NULL}')`,
    '42883',
  ],
  [
    'the live keys of the checkpoint with deadlines',
    `SELECT checkpoint_hash(sequence, key, value, content_type, digest, recorded_at, deadline) FROM checkpoint_entries`,
    '42883',
  ],
  [
    'the keys of a site’s checkpoint',
    `SELECT checkpoint_hash(sequence, lives, key, value, content_type, digest, recorded_at, deadline, stamp, origin, dependency)
      FROM checkpoint_entries`,
    '42883',
  ],
  ['having seen an entry on the ring', 'SELECT see_ring($1, $1, 1)', '42883'],
]

test.each(statements)(
  'a program that knows nothing of deadlines, of sites, or of keys that move, gets no answer to its question for %s',
  async (_, text, code) => {
    const database = await makeDatabase()
    await (await makeLog(database).open()).close()
    const error = await database.sql(text, text.includes('$1') ? [randomUUID()] : []).catch((error) => error)
    expect(error).toBeInstanceOf(DatabaseError)
    expect(error.code).toBe(code)
    // So it takes the log for down, connects anew, and finds a schema that it refuses by name.
    expect([isRolledBack(error), takesNoWrites(error)]).toEqual([true, true])
    expect(await database.sql('SELECT FROM transactions')).toEqual([])
  },
)
