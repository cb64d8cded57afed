import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { startProxy } from '../../support/proxy.ts'
import { get, put, reaches, status, text } from '../../support/requests.ts'
import { until } from '../../support/until.ts'
import { startNodeOn } from '../several-nodes/three.ts'

/** Few questions: what a Postgres wants that sleeps, or is paid for, by how much it is asked. */
const seldom = { KVS_TAIL_INTERVAL: '1h', KVS_MAX_LAG: '2h' }

test('an idle node asks the log as often as KVS_TAIL_INTERVAL says, and applies what others write at once', async () => {
  const database = await makeDatabase()
  const connections = () =>
    database.sql<{ pid: number; asked: string }>(
      `SELECT pid, query_start::text AS asked FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'kvs'`,
    )
  const quiet = await startNodeOn(database, { ...seldom, POSTGRES_TIMEOUT: '2s' })
  const [own] = await connections()
  const asked = async (isOwn: boolean) => (await connections()).find(({ pid }) => (pid === own?.pid) === isOwn)?.asked

  const other = await startNodeOn(database, { KVS_TAIL_INTERVAL: '100ms' })
  expect((await put(other, 'a', 'from the other')).status).toBe(201)
  await until('it has what the other has written', async () => (await text(quiet, 'a')) === 'from the other')

  const before = await asked(true)
  const questions = new Set<string | undefined>()
  await until('the other has asked forty times', async () => questions.add(await asked(false)).size > 40)
  expect(await asked(true)).toBe(before)
  expect((await status(quiet)).state).toBe('serving')
})

test('a connection that has gone silent is noticed by who needs the log, however seldom it is asked', async () => {
  const postgres = await startPostgres()
  for (const need of ['write', 'consistent read'] as const) {
    const proxy = await startProxy(postgres.socket)
    const settings = { ...postgres.through(proxy.port), ...seldom, POSTGRES_TIMEOUT: '1s' }
    const node = await startReadyNode(makeDirectory(), settings)
    proxy.blackhole()
    if (need === 'write') expect((await put(node, 'a', 'spooled')).status).toBe(202)
    else expect((await get(node, 'a?consistent')).status).toBe(503)
    await reaches(node, 'log down')
    proxy.heal()
    await reaches(node, 'serving')
  }
})
