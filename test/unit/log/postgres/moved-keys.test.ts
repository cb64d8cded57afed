import { beforeEach, expect, test } from 'vitest'
import type { MovedWrite } from '../../../../kvs/core/entry.ts'
import type { KeyMover } from '../../../../kvs/log/index.ts'
import { advanceCheckpoint } from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { makePostgresRingLog } from '../../../../kvs/log/postgres/postgres-ring-log.ts'
import { loadCheckpoint } from '../../../support/checkpoint.ts'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put, remove } from '../../../support/entries.ts'
import { until } from '../../../support/until.ts'
import { connectTo } from './checkpointing.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
  await (await makeLog(database).open()).close()
})

const ringLog = () => makePostgresRingLog({ target: database.target, timeoutMs: 10_000 })
const openMover = (): Promise<KeyMover> => until('the lead', () => ringLog().openMover())

function moved(key: string, sequence: number): MovedWrite {
  return {
    write: put(key, `${sequence}`),
    earlier: { tag: `cafe0123-${sequence}-0123abcd`, modifiedAt: 1_000 + sequence },
  }
}

/** Until so many sessions wait for a lock. */
async function untilWaiting(count: number): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
  await until('the wait for a lock', async () => (await database.sql(waiting)).length === count)
}

test('keys that move wait for their turn behind an entry on the ring, and are overtaken by it', async () => {
  const mover = await openMover()
  const holder = await database.connect()
  await holder.query('BEGIN; SELECT FROM log_head FOR UPDATE')
  const entry = ringLog().append('gives away', 0n, [])
  await untilWaiting(1)
  const late = mover.append([moved('a', 1)], 0n)
  await untilWaiting(2)
  await holder.query('COMMIT')
  expect(await entry).toMatchObject({ sequence: 1n })
  expect(await late).toBeUndefined()
  expect(await mover.append([moved('a', 1)], 1n)).toMatchObject({ sequence: 2n })
  await mover.close()
})

test('the lead goes with the connection that has it, and a node can see whose that is', async () => {
  const mover = await openMover()
  const [row] = await database.sql<{ pid: number; application_name: string }>(
    `SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND datname = current_database()`,
  )
  expect(row?.application_name).toBe('kvs move')
  await database.sql('SELECT pg_terminate_backend($1)', [row?.pid])
  await mover.lost
  await (await openMover()).close()
})

test('a checkpoint has the earlier versions, however it is folded', async () => {
  const mover = await openMover()
  const connection = await connectTo(database.target)
  const found = async () => {
    const { isWhole, entries } = await loadCheckpoint(database)
    expect(isWhole).toBe(true)
    return Object.fromEntries(
      entries.map((entry) => [entry.key, (entry as unknown as { earlier_version: string | null }).earlier_version]),
    )
  }
  for (const fold of [() => advanceCheckpoint(connection, 1), async () => undefined]) {
    await mover.append([moved('a', 1), moved('b', 2), { ...moved('c', 3), write: remove('c') }], 0n)
    await fold()
    await mover.append([moved('a', 4)], 0n)
    await fold()
  }
  while ((await advanceCheckpoint(connection, 100)).behind > 0n);
  expect(await found()).toEqual({ a: 'cafe0123-4-0123abcd@1004', b: 'cafe0123-2-0123abcd@1002' })
  await Promise.all([mover.close(), connection.close()])
})
