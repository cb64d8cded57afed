import { expect, test } from 'vitest'
import { makeClient } from '../../support/client.ts'
import { makeDatabase } from '../../support/database.ts'
import { reaches, status } from '../../support/requests.ts'
import { until } from '../../support/until.ts'
import { startNodeOn } from './three.ts'

test('a node that was stopped for longer than KVS_MAX_LAG says so until it has caught up', async () => {
  const database = await makeDatabase()
  const env = { KVS_TAIL_INTERVAL: '100ms', KVS_MAX_LAG: '1s' }
  const [one, two] = [await startNodeOn(database), await startNodeOn(database, env)]
  const call = makeClient()
  two.kill('SIGSTOP')
  const written = await call(one.url, { method: 'PUT', path: '/v1/a', body: 'x' })
  const since = performance.now()
  await until('it is past the bound', () => performance.now() - since > 1_500)
  const blocker = await database.connect()
  await blocker.query('BEGIN; LOCK TABLE log_head, transactions IN ACCESS EXCLUSIVE MODE') // catching up takes until it is let go
  two.kill('SIGCONT')
  await reaches(two, 'behind')
  const asking = Date.now()
  const behind = await status(two)
  const toldAt = Date.parse(behind.since) + Number(behind.lag) - 1_000 // it came to be behind as the lag came to be 1 s
  expect(toldAt).toBeGreaterThanOrEqual(asking - 1)
  expect(toldAt).toBeLessThanOrEqual(Date.now() + 1)
  expect(behind.reason).toMatch(/has not applied all of the log for \d+ ms, more than KVS_MAX_LAG/)
  expect((await call(two.url, { path: '/readyz' })).status).toBe(503)
  const headers = { 'KVS-Min-Position': written.headers['kvs-position'] ?? '' }
  const asked = call(two.url, { path: '/v1/a', headers })
  await blocker.query('COMMIT')
  expect((await asked).body).toBe('x')
  await reaches(two, 'serving')
})
