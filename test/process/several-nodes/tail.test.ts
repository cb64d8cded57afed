import { expect, test } from 'vitest'
import { makeClient, positionOf } from '../../support/client.ts'
import { byForce, makeDatabase } from '../../support/database.ts'
import { reaches } from '../../support/requests.ts'
import { until } from '../../support/until.ts'
import { startNodeOn, startThree } from './three.ts'

test('what one node takes all others show, in the order of the log', async () => {
  const { nodes } = await startThree()
  const call = makeClient()
  for (const [number, { url }] of nodes.entries()) {
    await call(url, { method: 'PUT', path: '/v1/shared', body: `from ${number}` })
    for (const other of nodes) {
      const { body } = await until('it is seen', async () => {
        const answer = await call(other.url, { path: '/v1/shared' })
        return answer.body === `from ${number}` && answer
      })
      expect(body).toBe(`from ${number}`)
    }
  }
})

test('a notification is enough, from any kind of write', async () => {
  const database = await makeDatabase()
  const env = { KVS_TAIL_INTERVAL: '1h', POSTGRES_TIMEOUT: '2h', KVS_MAX_LAG: '2h' }
  const [one, two] = [await startNodeOn(database, env), await startNodeOn(database, env)]
  const call = makeClient()
  for (const [n, headers] of [{}, { 'If-Match': '*' }, { 'Idempotency-Key': 'k' }].entries()) {
    await call(one.url, { method: 'PUT', path: '/v1/a', body: `${n}`, headers: headers as Record<string, string> })
    await until('it is seen', async () => (await call(two.url, { path: '/v1/a' })).body === `${n}`)
  }
})

test('where no notification arrives, others are followed by asking', async () => {
  const database = await makeDatabase()
  const env = { KVS_TAIL_INTERVAL: '50ms' }
  const reader = await startNodeOn(database, env)
  await database.sql(byForce("INSERT INTO transactions VALUES (1, 2, 'a', 'x', NULL, now(), 'd', false, NULL, 0)"))
  const call = makeClient()
  await until('it is seen', async () => (await call(reader.url, { path: '/v1/a' })).body === 'x')
})

test('who asks for what a node has not applied gets it, or 503 with its position', async () => {
  const database = await makeDatabase()
  const env = { KVS_TAIL_INTERVAL: '1h', KVS_MAX_LAG: '2h', KVS_WAIT_TIMEOUT: '300ms' }
  const [one, two] = [await startNodeOn(database, env), await startNodeOn(database, env)]
  const call = makeClient()
  const written = await call(one.url, { method: 'PUT', path: '/v1/a', body: 'x' })
  const position = written.headers['kvs-position'] ?? ''
  const seen = await call(two.url, { path: '/v1/a', headers: { 'KVS-Min-Position': position } })
  expect([seen.status, seen.body]).toEqual([200, 'x'])
  expect(positionOf(seen)).toBe(1n)
  const future = position.replace('=1', '=2')
  const late = await call(two.url, { path: '/v1/a', headers: { 'KVS-Min-Position': future } })
  expect([late.status, late.headers['kvs-position'], late.headers['retry-after']]).toEqual([503, position, '1'])
})

test('a consistent read shows what any node has acknowledged; with the log down it is refused', async () => {
  const database = await makeDatabase()
  const [one, two] = [await startNodeOn(database), await startNodeOn(database)]
  const call = makeClient()
  for (let n = 0; n < 200; n++) {
    await call(one.url, { method: 'PUT', path: '/v1/a', body: `${n}` })
    expect((await call(two.url, { path: '/v1/a?consistent' })).body).toBe(`${n}`)
  }
  await database.sql('UPDATE pg_database SET datallowconn = false WHERE datname = current_database()')
  await database.sql(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  )
  await reaches(two, 'log down')
  const refused = await call(two.url, { path: '/v1/a?consistent' })
  expect([refused.status, refused.body]).toEqual([503, expect.stringContaining('needs the log')])
  const conditional = await call(two.url, { method: 'PUT', path: '/v1/a', headers: { 'If-Match': '*' }, body: 'x' })
  expect([conditional.status, conditional.body]).toEqual([503, expect.stringContaining('nothing was done')])
  const plain = await call(two.url, { path: '/v1/a' })
  expect([plain.status, plain.body]).toEqual([200, '199'])
})
