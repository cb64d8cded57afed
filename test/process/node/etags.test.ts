import { expect, test } from 'vitest'
import { makeClient } from '../../support/client.ts'
import { makeDirectory, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { startProxy } from '../../support/proxy.ts'
import { sequenceIn } from '../../support/tags.ts'
import { until } from '../../support/until.ts'

test('a write whose answer from the log was lost is answered with the ETag that its value has', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket)
  const node = await startReadyNode(makeDirectory(), {
    ...postgres.through(proxy.port),
    ...{ KVS_WHEN_LOG_IS_DOWN: 'refuse', KVS_APPEND_TIMEOUT: '60s', POSTGRES_TIMEOUT: '120s' },
  })
  const blocker = await postgres.connect()
  await blocker.query('BEGIN; LOCK TABLE transactions IN SHARE MODE')
  const answer = makeClient()(node.url, { method: 'PUT', path: '/v1/a', body: 'x' })
  const waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'transactions'::regclass"
  await until('it is on its way', async () => (await postgres.sql(waiting)).length > 0)
  proxy.blackhole()
  await blocker.query('COMMIT')
  await until('it is in the log', async () => (await postgres.log()).length > 0)
  proxy.heal()
  const { status, headers } = await answer
  expect([status, sequenceIn(headers.etag)]).toEqual([201, 1n])
  expect((await makeClient()(node.url, { path: '/v1/a' })).headers.etag).toBe(headers.etag)
})
