import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { Diverged, NotAppended, Undecided } from '../../../../kvs/log/log.ts'
import { decided } from '../../../contract/log/batches.ts'
import { byForce, type Database, makeDatabase, makeLog, makeOlderLog } from '../../../support/database.ts'
import { put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

describe('while somebody holds a snapshot', () => {
  test('appends leave no versions of a row behind', async () => {
    const [one, two] = [await makeLog(database).open(), await makeLog(database).open()]
    await one.append([put('first')])
    const snapshot = await database.connect()
    await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM transactions')
    const changed = () =>
      database.sql(`SELECT relname, pg_relation_size(oid) AS bytes FROM pg_class
        WHERE relname IN ('log_head', 'writers') ORDER BY relname`)
    const before = await changed()
    let seen = 1n
    for (let n = 0; n < 150; n++) {
      await one.append([put('a', `${n}`)])
      seen = (await two.append([put('b')])).sequence
      await one.appendConditional([decided(put('c'))], seen)
    }
    expect(await changed()).toEqual(before)
    await snapshot.query('COMMIT')
    expect(await readAll(one)).toHaveLength(451)
  })
})

describe('what a commit rests on', () => {
  const settings = `SELECT setting FROM seen`
  beforeEach(async () => {
    await makeLog(database)
      .open()
      .then((session) => session.close())
    await database.sql('CREATE TABLE seen (setting text)')
    await database.sql(`CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO seen SELECT current_setting('synchronous_commit') || ' ' || current_setting('client_min_messages');
      RETURN NULL; END $$`)
    // At the commit itself
    await database.sql(`CREATE CONSTRAINT TRIGGER see AFTER INSERT ON transactions DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION see()`)
    // As it would be in a session that somebody else has used before, behind a pooler
    await database.sql(`CREATE FUNCTION unset() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM set_config('synchronous_commit', 'off', false), set_config('client_min_messages', 'error', false);
      RETURN NULL; END $$`)
    await database.sql('CREATE TRIGGER unset AFTER UPDATE OR INSERT ON writers EXECUTE FUNCTION unset()')
  })

  test.each([
    ['an append', (session: Session) => session.append([put('a')])],
    ['one of spooled writes', (session: Session) => session.appendSpooled([{ ...spooled, write: put('a') }], 0n)],
    ['one under a condition', (session: Session) => session.appendConditional([decided(put('a'))], 0n)],
  ])('%s sets for itself, whatever its session has', async (_, append) => {
    const session = await makeLog(database).open()
    await append(session)
    expect(await database.sql(settings)).toEqual([{ setting: 'on warning' }])
    await session.close()
  })
})

type Session = Awaited<ReturnType<ReturnType<typeof makeLog>['open']>>
const spooled = { number: 1n, superseded: false }

describe('hands other than an append’s', () => {
  test.each([
    "INSERT INTO transactions VALUES (2, 2, 'a', 'x', NULL, now(), 'd')",
    'COPY transactions FROM STDIN',
    "INSERT INTO log_head VALUES (true, 'x', now(), 'd', 0, 0)",
    'UPDATE log_head SET adopted_through = 1',
    'DELETE FROM log_head',
    'TRUNCATE log_head',
    'INSERT INTO writers (id, session) VALUES (gen_random_uuid(), gen_random_uuid())',
    'UPDATE writers SET session = gen_random_uuid()',
    'DELETE FROM writers',
    'TRUNCATE writers',
    "INSERT INTO answers (idempotency_key, request) VALUES ('a', '')",
    'DELETE FROM answers',
    'TRUNCATE answers',
  ])('are refused: %s', async (statement) => {
    const session = await makeLog(database).open()
    await session.append([put('a')])
    await expect(database.sql(statement)).rejects.toThrow(/belongs to the transaction log: \w+ by hand is refused/)
    expect((await session.append([put('b')])).sequence).toBe(2n)
    await session.close()
  })

  test.each([
    ['the next entry', `INSERT INTO transactions VALUES (3, 2, 'x', 'x', NULL, now(), 'd')`, /its last entry, 3/],
    ['one beyond a gap', `INSERT INTO transactions VALUES (9, 2, 'x', 'x', NULL, now(), 'd')`, /its last entry, 9/],
    ['the head', 'DELETE FROM log_head', /its row in log_head is gone/],
    ['the last entry', 'DELETE FROM transactions WHERE sequence = 2', /has the number 0, and not 1/],
    ['the writer', 'DELETE FROM writers', /this node’s row in writers is gone/],
  ])('are noticed where they got past that, and nothing is appended: %s', async (_, statement, reason) => {
    const [other, session] = [await makeLog(database).open(), await makeLog(database).open()]
    await other.append([put('a')])
    await session.append([put('b')])
    await database.sql(byForce(statement))
    const before = await database.sql('SELECT sequence FROM transactions ORDER BY sequence')
    const error = await session.append([put('c')]).catch((error) => error)
    expect(error).toBeInstanceOf(Diverged)
    expect(error.message).toMatch(reason)
    const asked = decided(put('c'))
    await expect(session.appendConditional([asked], 2n)).rejects.toThrow(Diverged)
    expect(await database.sql('SELECT sequence FROM transactions ORDER BY sequence')).toEqual(before)
  })
})

test('an entry that stands where the next one belongs is no reason to try again for ever', async () => {
  const session = await makeLog(database).open()
  await database.sql(byForce('CREATE UNIQUE INDEX stands_there ON transactions (key)'))
  await session.append([put('a')])
  await expect(session.append([put('a')])).rejects.toThrow(Diverged)
})

test('a session whose transactions would not see the log’s end appends nothing', async () => {
  const session = await makeLog(database).open()
  await database.sql(`CREATE FUNCTION isolate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM set_config('default_transaction_isolation', 'repeatable read', false); RETURN NULL; END $$`)
  await database.sql('CREATE TRIGGER isolate AFTER INSERT ON transactions EXECUTE FUNCTION isolate()')
  await session.append([put('a')])
  const error = await session.append([put('b')]).catch((error) => error)
  expect(error).toBeInstanceOf(NotAppended)
  expect(error.logIsDown).toBe(true)
  expect(error.message).toContain('isolation level')
})

test('a batch that comes too late says so', async () => {
  const session = await makeLog(database, { timeoutMs: 5_000 }).open()
  await database.sql(`ALTER FUNCTION append_writes RENAME TO append_in_time`)
  // As a server would whose clock has jumped ahead since its last answer
  await database.sql(`CREATE FUNCTION append_writes(uuid, uuid, bigint, bigint, smallint[], text[], bytea[], text[],
      timestamptz[], text[], bigint, double precision, boolean[], bigint, OUT outcome text, OUT sequence bigint,
      OUT digest bytea, OUT recorded_at timestamptz, OUT stamp bigint) LANGUAGE sql AS
    $$ SELECT * FROM append_in_time($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 - 3600, $13, $14) $$`)
  const error = await session.append([put('a')]).catch((error) => error)
  expect(error).toBeInstanceOf(Undecided)
  expect(error.message).toMatch(/by its clock a batch came to its turn after the node had given up on it.*jump ahead/)
})

describe('a log from before appends changed no row', () => {
  const older = async (statements: string) => {
    await makeOlderLog(database, 4)
    await database.sql(statements)
  }
  /**
   * As its appends left it: writer 1 has written 1, 2 and 5, writer 2 has written 3 and 4 in one batch, writer 3
   * nothing.
   */
  const ids = [randomUUID(), randomUUID(), randomUUID()]
  const filled = `
    INSERT INTO writers (id, session, last_write, last_sequence, last_digest) VALUES
      ('${ids[0]}', gen_random_uuid(), 7, 5, 'five'), ('${ids[1]}', gen_random_uuid(), 2, 4, 'four'),
      ('${ids[2]}', gen_random_uuid(), 0, 0, '');
    INSERT INTO transactions (sequence, event_type, key, value, recorded_at, digest, writer) VALUES
      (1, 2, 'a', '1', now(), 'one', NULL), (2, 2, 'b', '2', now(), 'two', NULL),
      (3, 2, 'c', '3', now(), 'four', 2), (4, 1, 'a', NULL, now(), 'four', 2), (5, 2, 'a', '5', now(), 'five', 1);
    UPDATE log_head SET sequence = 5, digest = 'five', recorded_at = now() + interval '1 hour'`

  test('goes on where it was, for each of its writers', async () => {
    await older(filled)
    const numbers = [7n, 2n, 0n]
    for (const [index, writerId] of ids.entries()) {
      const session = await makeLog(database, { writerId }).open()
      expect(session.head).toMatchObject({ sequence: BigInt(5 + index), entries: BigInt(5 + index) })
      expect(session.committed.number).toBe(numbers[index])
      if (index === 0) expect(session.committed.end).toEqual({ sequence: 5n, digest: Buffer.from('five') })
      expect(await session.holds({ sequence: 4n, digest: Buffer.from('four') })).toBe(true)
      expect((await session.append([remove('b')])).sequence).toBe(BigInt(6 + index))
      await session.close()
    }
    const again = await makeLog(database, { writerId: ids[1] as string }).open()
    expect(again.committed).toMatchObject({ number: 3n, end: { sequence: 7n } })
    expect((await readAll(again)).map(({ isOwn }) => isOwn)).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
      true,
      false,
    ])
    await expect(database.sql('DELETE FROM transactions')).rejects.toThrow('append-only')
  })

  test('has no last entry that is refused, though its writer’s row is gone', async () => {
    await older(`${filled}; DELETE FROM writers WHERE last_write = 7`)
    const session = await makeLog(database).open()
    expect((await session.append([put('x')])).sequence).toBe(6n)
  })

  test('that is empty, or was adopted and not written to since, goes on', async () => {
    await database.sql(
      'CREATE TABLE transactions (sequence BIGSERIAL PRIMARY KEY, event_type SMALLINT, key TEXT, value TEXT)',
    )
    await database.sql(`INSERT INTO transactions VALUES (3, 2, 'a', 'x'), (7, 2, 'b', 'y')`)
    await older('')
    const session = await makeLog(database).open()
    expect(session.head).toMatchObject({ sequence: 7n, entries: 2n, adoptedThrough: 7n })
    expect(await session.askHead()).toMatchObject({ sequence: 7n })
    expect((await session.append([put('c')])).sequence).toBe(8n)
  })

  test.each([
    [
      'an entry beyond its head',
      `INSERT INTO transactions VALUES (6, 1, 'x', NULL, NULL, now(), 'd')`,
      /its head is at 5, and its last entry is 6/,
    ],
    ['no head', 'DELETE FROM log_head', /its row in log_head is gone/],
    [
      'no last entry of a writer',
      'ALTER TABLE transactions DISABLE TRIGGER append_only; DELETE FROM transactions WHERE sequence = 4; ALTER ' +
        'TABLE transactions ENABLE TRIGGER append_only',
      /lacks the entry 4/,
    ],
  ])('is refused in words where somebody has changed it: %s', async (_, statements, reason) => {
    await older(`${filled}; ${statements}`)
    await expect(makeLog(database).open()).rejects.toThrow(reason)
    expect(await database.sql('SELECT max(version) AS version FROM kvs_migrations')).toEqual([{ version: 4 }])
  })
})

test('a writer’s number is its own, wherever the sequence of numbers stands', async () => {
  const first = await makeLog(database).open()
  await first.append([put('a'), put('b')])
  await database.sql('ALTER TABLE writers ALTER number RESTART WITH 1')
  await expect(makeLog(database).open()).rejects.toThrow(/it has given this node’s number to another one/)
  await first.append([put('c')])
  await first.close()
})

test('later entries are found without reading the whole log, also by a plan made when it was empty', async () => {
  const session = await makeLog(database).open()
  const client = await database.connect()
  await client.query('SET plan_cache_mode = force_generic_plan')
  const [writer] = await database.sql<{ id: string; session: string }>('SELECT id, session FROM writers')
  /** Appends after so many entries, and takes it back. @returns how many rows were read from one end to the other */
  async function readRows(entries: number): Promise<number> {
    const ids = [writer?.id, writer?.session, entries, entries + 1]
    await client.query('BEGIN')
    await client.query(
      `SELECT append_conditional($1, $2, $3, $4, $3, '{2}', '{a}', '{x}', '{NULL}', NULL, NULL, NULL, '{1}', '{1}', '{a}', NULL, ` +
        `'{}', '{}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', NULL)`,
      ids,
    )
    ids[3] = entries + 2
    await client.query(
      `SELECT append_writes($1, $2, $3::bigint + 1, $4, '{2}', '{b}', '{x}', '{NULL}', NULL, NULL, NULL, NULL, '{false}', $3)`,
      ids,
    )
    const { rows } = await client.query(
      `SELECT seq_tup_read::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'transactions'`,
    )
    await client.query('ROLLBACK')
    return rows[0].read
  }
  await readRows(0)
  for (let batch = 0; batch < 4; batch++) await session.append(Array.from({ length: 5_000 }, (_, at) => put(`k${at}`)))
  expect(await readRows(20_000)).toBeLessThan(100)
  await client.end()
  await session.close()
})
