import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeEmbeddedPostgres } from '../../../kvs/log/embedded/embedded-postgres.ts'
import { count } from '../../support/count.ts'
import { makeDatabase, makeLog } from '../../support/database.ts'
import { embeddedPid, makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { text as get, put, status } from '../../support/requests.ts'
import { sequenceOf } from '../../support/tags.ts'
import { until } from '../../support/until.ts'

test('on its embedded log, a node has everything again after a stop and after a SIGKILL', async () => {
  const directory = makeDirectory()
  const first = await startReadyNode(directory)
  await put(first, 'a', 'Test Pair 1')
  first.kill('SIGTERM')
  expect(await first.ended).toBe(0)
  expect(first.output()).toMatch(/stopped/)
  expect(embeddedPid(directory)).toBeUndefined()

  const second = await startReadyNode(directory)
  expect(second.output()).toMatch(/1 events replayed in \d+\.\d+ s/)
  expect(await get(second, 'a')).toBe('Test Pair 1')
  await put(second, 'b', 'Test Pair 2')
  second.kill('SIGKILL')
  await second.ended

  const third = await startReadyNode(directory)
  expect([await get(third, 'a'), await get(third, 'b')]).toEqual(['Test Pair 1', 'Test Pair 2'])
  expect(await status(third)).toMatchObject({ state: 'serving', reason: null, replayed: 2, total: 2 })
})

test('told to refuse, a node reads on while the log is down, and nothing of what it refused comes later', async () => {
  const directory = makeDirectory()
  const quiet = { info() {}, debug() {}, warn() {} }
  const postgres = makeEmbeddedPostgres({ directory: join(directory, 'elsewhere', 'postgres'), log: quiet })
  onTestFinished(() => postgres.stop())
  await postgres.ensureRunning()
  const node = await startReadyNode(directory, {
    ...toEnvironment({ ...postgres.connection, applicationName: 'kvs', tls: { mode: 'disable' } }),
    KVS_APPEND_TIMEOUT: '500ms',
    KVS_WHEN_LOG_IS_DOWN: 'refuse',
  })
  await put(node, 'a', 'before')
  await postgres.stop()
  await until('it is noticed', async () => (await status(node)).state === 'log down')
  const refused = await put(node, 'a', 'while down')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await refused.text()).toContain('nothing was stored')
  expect(await get(node, 'a')).toBe('before')
  expect((await fetch(`${node.url}/readyz`)).status).toBe(200)
  expect((await status(node)).reason).toMatch(/Postgres/)

  await postgres.ensureRunning()
  await until('it serves again', async () => (await status(node)).state === 'serving')
  expect(sequenceOf(await put(node, 'b', 'after'))).toBe(2n)
  expect(await get(node, 'a')).toBe('before')
  expect(count(node.output(), /the log is down/)).toBe(1)
  expect(count(node.output(), /the log is back/)).toBe(1)
})

test('what another writer has committed is applied before a node’s own next write', async () => {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), toEnvironment(database.target))
  await put(node, 'a', 'mine')
  const session = await makeLog(database).open()
  await session.append([{ kind: 'put', key: 'a', value: Buffer.from('theirs'), contentType: undefined }])
  await session.close()
  expect(sequenceOf(await put(node, 'b', 'mine'))).toBe(3n)
  expect(await get(node, 'a')).toBe('theirs')
})

test('request lines are logged at debug, with the key and never the value', async () => {
  const { target } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), {
    ...toEnvironment(target),
    LOG_LEVEL: 'debug',
    LOG_FORMAT: 'pretty',
  })
  await put(node, 'a', 'geheim')
  await put(node, encodeURIComponent('two\nlines'), 'geheim')
  await get(node, 'a')
  await fetch(`${node.url}/v1/a`, { method: 'DELETE' })
  await until('the last line is there', () => node.output().includes('DELETE'))
  expect(node.output()).toMatch(/PUT key=a status=201 bytes=6 sequence=1 \d+ms/)
  expect(node.output()).toMatch(/PUT key="two\\nlines" status=201 bytes=6 sequence=2 \d+ms/)
  expect(node.output()).toMatch(/GET key=a status=200 bytes=6 \d+ms/)
  expect(node.output()).toMatch(/DELETE key=a status=200 sequence=3 \d+ms/)
  expect(node.output()).not.toContain('geheim')
})

test('concurrent writes reach the log in far fewer statements than there are writes', async () => {
  const { target, sql } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), toEnvironment(target))
  await Promise.all(
    Array.from({ length: 32 }, async (_, client) => {
      for (let i = 0; i < 30; i++) expect((await put(node, `k${client}`, `${i}`)).status).toBe(201)
    }),
  )
  const [row] = await sql<{ entries: number; batches: number }>(
    'SELECT count(*)::int AS entries, count(DISTINCT digest)::int AS batches FROM transactions',
  )
  expect(row?.entries).toBe(960)
  expect(row?.batches).toBeLessThan(480)
})
