import { randomUUID } from 'node:crypto'
import type { DatabaseError } from 'pg'
import { beforeEach, expect, test } from 'vitest'
import { slotOf } from '../../../../kvs/core/ring/key-slot.ts'
import { Diverged, RingUnseen, Unavailable } from '../../../../kvs/log/index.ts'
import { isRolledBack } from '../../../../kvs/log/postgres/postgres-errors.ts'
import { makePostgresRingLog } from '../../../../kvs/log/postgres/postgres-ring-log.ts'
import { byForce, type Database, makeDatabase, makeLog, makeOlderLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { until } from '../../../support/until.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

const ringLog = () => makePostgresRingLog({ target: database.target, timeoutMs: 10_000 })

/** Until so many sessions wait for a lock. */
async function untilWaiting(count: number): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
  await until('the wait for a lock', async () => (await database.sql(waiting)).length === count)
}

test('a key has the same slot in the log as in the service', async () => {
  await (await makeLog(database).open()).close()
  const some = [
    '',
    'a',
    'route/',
    'route/a',
    'route/route/a',
    'Route/a',
    'route',
    'straße',
    '値',
    '🧨',
    'e\u0301',
    ' %_\\',
  ]
  const random = Array.from({ length: 1_000 }, (_, index) => {
    const text = randomUUID().slice(0, index % 37)
    return `${index % 3 === 0 ? 'route/' : ''}${text}${String.fromCodePoint(0xa1 + ((index * 7_919) % 0xd000))}`
  })
  const keys = [...some, ...random]
  const [row] = await database.sql<{ slots: number[] }>(
    'SELECT array_agg(slot_of(key) ORDER BY place) AS slots FROM unnest($1::text[]) WITH ORDINALITY AS keys (key, place)',
    [keys],
  )
  expect(row?.slots).toEqual(keys.map(slotOf))
})

test('an append that waits for its turn behind an entry on the ring is refused', async () => {
  const session = await makeLog(database).open()
  await session.append([put('a')])
  const holder = await database.connect()
  await holder.query('BEGIN; SELECT FROM log_head FOR UPDATE')
  const entry = ringLog().append('gives away', 1n, [])
  await untilWaiting(1)
  const append = session.append([put('b')])
  append.catch(() => undefined)
  await untilWaiting(2)
  await holder.query('COMMIT')
  expect(await entry).toMatchObject({ sequence: 2n })
  await expect(append).rejects.toThrow(RingUnseen)
  await session.seeRing(2n)
  await session.append([put('b')])
  await session.close()
})

test('an entry on the ring that waits for its turn behind a put into slots that it gives away is overtaken', async () => {
  const session = await makeLog(database).open()
  const holder = await database.connect()
  await holder.query('BEGIN; SELECT FROM log_head FOR UPDATE')
  const append = session.append([put('a')])
  await untilWaiting(1)
  const entry = ringLog().append('gives away', 0n, [{ from: slotOf('a'), through: slotOf('a') }])
  await untilWaiting(2)
  await holder.query('COMMIT')
  await append
  expect(await entry).toBeUndefined()
  await session.close()
})

test('a session has seen an entry that comes between its registration and its head', async () => {
  const writerId = randomUUID()
  await (await makeLog(database, { writerId }).open()).close()
  const holder = await database.connect()
  await holder.query(`BEGIN; SELECT FROM writers WHERE id = '${writerId}' FOR UPDATE`)
  const opening = makeLog(database, { writerId }).open()
  await untilWaiting(1)
  await ringLog().append('gives away', 0n, [])
  await holder.query('COMMIT')
  const session = await opening
  expect(session.head.ring).toEqual({ sequence: 1n, text: 'gives away' })
  await session.append([put('a')])
  await session.close()
})

test('of two entries at the same time one lands, and the other may be tried again', async () => {
  await (await makeLog(database).open()).close()
  const holder = await database.connect()
  await holder.query('BEGIN; SELECT FROM log_head FOR UPDATE')
  const first = ringLog().append('one', 0n, [])
  await untilWaiting(1)
  const second = ringLog().append('other', 0n, [])
  await untilWaiting(2)
  await holder.query('COMMIT')
  expect(await first).toMatchObject({ sequence: 1n })
  // It waits for the first one's row, and registers in its place once that has landed.
  expect(await second).toBeUndefined()
})

test('an entry whose writer was replaced before its turn is not stored', async () => {
  await (await makeLog(database).open()).close()
  await ringLog().append('one', 0n, [])
  const [row] = await database.sql<{ id: string; session: string }>(
    'SELECT id, session FROM writers WHERE ring_seen > 1',
  )
  const { id, session } = row as { id: string; session: string }
  await ringLog().append('two', 1n, [])
  const late = `SELECT outcome FROM append_ring('${id}', '${session}', 1, 2, 'late', 2, '{}', '{}')`
  expect(await database.sql(late)).toEqual([{ outcome: 'fenced' }])
  await database.sql(`SELECT note_ring_seen('${id}', '${session}', 9)`)
  expect(await database.sql('SELECT ring_sequence FROM log_head')).toEqual([{ ring_sequence: '2' }])
})

test('a log that lacks its newest entry on the ring is broken', async () => {
  await (await makeLog(database).open()).close()
  await database.sql(byForce('UPDATE log_head SET ring_sequence = 7'))
  await expect(makeLog(database).open()).rejects.toThrow(Diverged)
  await expect(makeLog(database).open()).rejects.toThrow(/it lacks the entry 7, its newest on the ring/)
})

test('no hand but a node’s changes what a session has seen', async () => {
  await (await makeLog(database).open()).close()
  await expect(database.sql('UPDATE writers SET ring_seen = 1')).rejects.toThrow(/by hand is refused/)
  await expect(database.sql('UPDATE log_head SET ring_sequence = 1')).rejects.toThrow(/by hand is refused/)
})

test('a log from before the ring takes entries on it, and folds them into its checkpoint', async () => {
  await makeOlderLog(database, 11)
  const session = await makeLog(database).open()
  await session.append([put('a')])
  await ringLog().append('owns all', 1n, [])
  await session.close()
  expect(await database.sql('SELECT outcome, reached, behind FROM advance_checkpoint(10, true)')).toEqual([
    { outcome: 'begun', reached: '2', behind: '0' },
  ])
})

test('a log that is not there can’t be told of a ring', async () => {
  const target = { ...database.target, database: 'nowhere' }
  await expect(makePostgresRingLog({ target, timeoutMs: 10_000 }).append('one', 0n, [])).rejects.toThrow(Unavailable)
})

test('members are found by their index', async () => {
  await (await makeLog(database).open()).close()
  await database.sql('SET enable_seqscan = off')
  const plan = await database.sql<{ 'QUERY PLAN': string }>(
    'EXPLAIN SELECT key FROM transactions WHERE event_type IN (3, 4) AND NOT superseded',
  )
  expect(JSON.stringify(plan)).toContain('transactions_of_members')
})

test('what a node is told of an entry that it has not seen is certain', async () => {
  const session = await makeLog(database).open()
  await ringLog().append('gives away', 0n, [])
  const error = await session.append([put('a')]).catch((error) => error)
  expect(isRolledBack(error.cause)).toBe(true)
  expect((error.cause as DatabaseError).code).toBe('KVS02')
  await session.close()
})
