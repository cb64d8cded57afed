import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Write } from '../../../../kvs/core/entry.ts'
import type { Version } from '../../../../kvs/core/version.ts'
import { type Decided, Diverged, type LogSession, Undecided } from '../../../../kvs/log/log.ts'
import { byForce, makeDatabase, makeLog } from '../../../support/database.ts'
import { put, remove } from '../../../support/entries.ts'

const decided = (write: Write, rest: Partial<Decided> = {}): Decided => ({
  write,
  lands: true,
  current: undefined,
  idempotency: undefined,
  ...rest,
})

/** As a node tells it; the log takes its word, and gives it back. */
const version = (sequence: bigint) => ({ sequence, tag: `the node's for ${sequence}` })

/** As the log has it. */
async function versionIn(session: LogSession, sequence: bigint): Promise<Version> {
  const [entry] = await session.read(sequence - 1n, sequence)
  if (entry === undefined) throw new Error(`the log has no entry ${sequence}`)
  return { sequence, tag: `${session.head.logId}-${sequence}-${entry.digest.toString('hex', 0, 4)}` }
}

const under = (key: string, request = 'r') => ({ key, request: Buffer.from(request) })

test('what was decided lands together, in order, with its place; what was refused does not', async () => {
  const database = await makeDatabase()
  const session = await makeLog(database).open()
  await session.append([put('old', 'x')])
  const { verdicts, end } = await session.appendConditional(
    [
      decided(put('a', '1', 'text/x')),
      decided(put('old', 'y'), { lands: false, current: version(1n) }),
      decided(remove('b'), { current: version(1n) }),
    ],
    1n,
  )
  expect(verdicts).toEqual([
    { outcome: 'landed', version: await versionIn(session, 2n), current: undefined },
    { outcome: 'refused', version: undefined, current: version(1n) },
    { outcome: 'landed', version: await versionIn(session, 3n), current: version(1n) },
  ])
  expect(end.sequence).toBe(3n)
  const entries = await session.read(1n)
  expect(entries.map(({ write, isOwn }) => [write, isOwn])).toEqual([
    [put('a', '1', 'text/x'), true],
    [remove('b'), true],
  ])
  expect(entries.at(-1)?.digest).toEqual(end.digest)
  expect(await session.holds(end)).toBe(true)
  expect(session.committed.end).toEqual(end)
  await session.close()
})

test('a key that has an entry since is passed over, and nothing else is', async () => {
  const database = await makeDatabase()
  const [session, other] = [await makeLog(database).open(), await makeLog(database).open()]
  await session.append([put('a'), put('b'), put('c')])
  await other.append([put('b', 'theirs')])
  const { verdicts, end } = await session.appendConditional(
    [decided(put('a', 'mine')), decided(put('b', 'mine')), decided(remove('b'), { lands: false }), decided(put('c'))],
    3n,
  )
  expect(verdicts.map(({ outcome }) => outcome)).toEqual(['landed', 'overtaken', 'overtaken', 'landed'])
  expect(end.sequence).toBe(6n)
  const { verdicts: again } = await session.appendConditional([decided(put('b', 'mine'), { current: version(4n) })], 6n)
  expect(again).toEqual([{ outcome: 'landed', version: await versionIn(session, 7n), current: version(4n) }])
})

test('nothing that lands leaves the log as it is', async () => {
  const database = await makeDatabase()
  const session = await makeLog(database).open()
  const before = await session.append([put('a')])
  const { verdicts, end } = await session.appendConditional(
    [decided(put('a'), { lands: false, current: version(1n) })],
    1n,
  )
  expect(verdicts).toEqual([{ outcome: 'refused', version: undefined, current: version(1n) }])
  expect(end).toEqual(before)
  expect(session.committed.end).toEqual(before)
  expect((await session.append([put('b')])).sequence).toBe(2n)
})

test('entries that others append while the head is awaited count as well', async () => {
  const database = await makeDatabase()
  const [session, other] = [await makeLog(database).open(), await makeLog(database).open()]
  await session.append([put('a')])
  const blocker = await database.connect()
  await blocker.query('BEGIN; SELECT FROM log_head FOR UPDATE')
  const theirs = other.append([put('a', 'theirs')])
  await waiting(database, 1)
  const mine = session.appendConditional([decided(put('a', 'mine'), { current: version(1n) })], 1n)
  await waiting(database, 2)
  await blocker.query('COMMIT')
  expect((await theirs).sequence).toBe(2n)
  expect((await mine).verdicts).toEqual([{ outcome: 'overtaken', version: undefined, current: version(1n) }])
})

test('who asks again under an idempotency key gets the first answer; another request is told apart', async () => {
  const database = await makeDatabase()
  const [session, other] = [await makeLog(database).open(), await makeLog(database).open()]
  await session.append([put('b')])
  const first = await session.appendConditional(
    [
      decided(put('a'), { idempotency: under('k1') }),
      decided(put('b'), { lands: false, current: version(1n), idempotency: under('k2') }),
    ],
    1n,
  )
  expect(first.verdicts.map(({ outcome }) => outcome)).toEqual(['landed', 'refused'])
  await other.append([put('b')])
  const again = await other.appendConditional(
    [
      decided(put('a'), { lands: false, current: version(2n), idempotency: under('k1') }),
      decided(put('b'), { idempotency: under('k2') }),
      decided(put('c'), { idempotency: under('k3') }),
    ],
    3n,
  )
  expect(again.verdicts).toEqual([
    { outcome: 'answered', version: await versionIn(session, 2n), current: undefined },
    { outcome: 'answered', version: undefined, current: await versionIn(session, 1n) },
    { outcome: 'landed', version: await versionIn(session, 4n), current: undefined },
  ])
  const reused = await session.appendConditional([decided(put('a'), { idempotency: under('k1', 'other') })], 4n)
  expect(reused.verdicts.map(({ outcome }) => outcome)).toEqual(['reused'])
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
  const version = await versionIn(session, 1n)
  expect((await again).verdicts).toEqual([{ outcome: 'answered', version, current: undefined }])
})

test('an overtaken write leaves no answer behind', async () => {
  const database = await makeDatabase()
  const session = await makeLog(database).open()
  await session.append([put('a')])
  const idempotency = under('k')
  const overtaken = await session.appendConditional([decided(put('a'), { idempotency })], 0n)
  expect(overtaken.verdicts.map(({ outcome }) => outcome)).toEqual(['overtaken'])
  const landed = await session.appendConditional([decided(put('a'), { current: version(1n), idempotency })], 1n)
  expect(landed.verdicts).toEqual([{ outcome: 'landed', version: await versionIn(session, 2n), current: version(1n) }])
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

test('a session that another has taken over from appends nothing', async () => {
  const database = await makeDatabase()
  const writerId = randomUUID()
  const first = await makeLog(database, { writerId }).open()
  await makeLog(database, { writerId }).open()
  await expect(first.appendConditional([decided(put('a'))], 0n)).rejects.toThrow(Diverged)
  expect(await database.sql('SELECT FROM transactions')).toEqual([])
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
