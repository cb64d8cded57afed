import { expect, test } from 'vitest'
import { Undecided } from '../../../../kvs/log/log.ts'
import { decided, pointIn, toldVersion, under, verdict } from '../../../contract/log/batches.ts'
import { byForce, makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'

test('entries that others append while the head is awaited count as well', async () => {
  const database = await makeDatabase()
  const [session, other] = [await makeLog(database).open(), await makeLog(database).open()]
  await session.append([put('a')])
  const blocker = await database.connect()
  await blocker.query('BEGIN; SELECT FROM log_head FOR UPDATE')
  const theirs = other.append([put('a', 'theirs')])
  await waiting(database, 1)
  const mine = session.appendConditional([decided(put('a', 'mine'), { current: toldVersion(1n) })], 1n)
  await waiting(database, 2)
  await blocker.query('COMMIT')
  expect((await theirs).sequence).toBe(2n)
  expect((await mine).verdicts).toEqual([{ outcome: 'overtaken', entry: undefined, current: toldVersion(1n) }])
})

test('an answer given while the head was awaited has its version as well', async () => {
  const database = await makeDatabase()
  const [session, other] = [await makeLog(database).open(), await makeLog(database).open()]
  const blocker = await database.connect()
  await blocker.query('BEGIN; SELECT FROM log_head FOR UPDATE')
  const asked = decided(put('a'), { idempotency: under('k') })
  const first = other.appendConditional([asked], 0n)
  await waiting(database, 1)
  const again = session.appendConditional([asked], 0n)
  await waiting(database, 2)
  await blocker.query('COMMIT')
  expect((await first).verdicts).toMatchObject([{ outcome: 'landed' }])
  const entry = await pointIn(session, 1n)
  expect((await again).verdicts).toEqual([verdict('answered', { entry })])
})

test('the log keeps the newest 100,000 answers', async () => {
  const database = await makeDatabase()
  const session = await makeLog(database).open()
  await database.sql(
    byForce(
      "INSERT INTO answers (idempotency_key, request) SELECT 'old ' || n, '' FROM generate_series(1, 100000) AS n",
    ),
  )
  await session.appendConditional([decided(put('a'), { idempotency: under('new') })], 0n)
  const kept = () => database.sql('SELECT count(*)::int AS kept, min(number)::int AS oldest FROM answers')
  expect(await kept()).toEqual([{ kept: 100_000, oldest: 2 }])
  // What is passed over, where their numbers have gaps, goes at the next connection.
  await database.sql(
    byForce(`INSERT INTO answers (idempotency_key, number, request) OVERRIDING SYSTEM VALUE VALUES ('x', 0, '')`),
  )
  await makeLog(database).open()
  expect(await kept()).toEqual([{ kept: 100_000, oldest: 2 }])
})

test('a lost answer leaves the outcome open', async () => {
  const database = await makeDatabase()
  const session = await makeLog(database).open()
  const blocker = await database.connect()
  await blocker.query('BEGIN; SELECT FROM log_head FOR UPDATE')
  const lost = expect(session.appendConditional([decided(put('a'))], 0n)).rejects.toThrow(Undecided)
  await waiting(database, 1)
  await database.sql(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = " +
      'current_database()',
  )
  await lost
})

async function waiting(database: Awaited<ReturnType<typeof makeDatabase>>, count: number): Promise<void> {
  await expect
    .poll(() =>
      database.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"),
    )
    .toHaveLength(count)
}
