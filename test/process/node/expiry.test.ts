import { expect, test } from 'vitest'
import { makeDirectory, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { get, reaches } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

test('what is spooled ends by then as well: while the log is down, after a start, and in the log', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const node = await startReadyNode(directory, postgres.environment)
  const put = (url: string, key: string, ttl?: string) =>
    fetch(`${url}/v1/${key}`, { method: 'PUT', body: 'x', headers: ttl === undefined ? {} : { 'KVS-TTL': ttl } })
  expect((await put(node.url, 'renewed', '2s')).status).toBe(201)
  expect((await put(node.url, 'short')).status).toBe(201)
  await postgres.stop()
  await reaches(node, 'log down')
  expect((await put(node.url, 'short', '2s')).status).toBe(202)
  expect((await put(node.url, 'long', '1h')).status).toBe(202)
  expect((await put(node.url, 'renewed')).status).toBe(202)
  const { headers } = await get(node, 'long')
  expect([headers.get('x-ttl'), headers.get('last-modified')]).toEqual([expect.stringMatching(/^3[56]\d\d$/), null])
  await until('it has ended', async () => (await get(node, 'short')).status === 404)
  expect((await get(node, 'renewed')).status).toBe(200)
  node.kill('SIGTERM')
  await node.ended

  await postgres.start()
  const next = await startReadyNode(directory, postgres.environment)
  await reaches(next, 'serving')
  expect((await get(next, 'short')).status).toBe(404)
  const long = await get(next, 'long')
  expect(long.headers.get('kvs-expires')).toBe(headers.get('kvs-expires'))
  await until('it is recorded', async () => (await postgres.log()).length === 6)
  expect((await get(next, 'renewed')).status).toBe(200)
  expect((await postgres.log()).map((row) => [row.event_type, row.key])).toEqual([
    [2, 'renewed'],
    [2, 'short'],
    [2, 'short'],
    [2, 'long'],
    [2, 'renewed'],
    [1, 'short'],
  ])
})
