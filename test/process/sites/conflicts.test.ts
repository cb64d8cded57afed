import { expect, test } from 'vitest'
import { makeClient } from '../../support/client.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { after, get, put, tokenOf } from './requests.ts'
import { type Site, startSites } from './sites.ts'

test('a key that was renewed elsewhere meanwhile outlives the expiry of a site that had not heard of it', async () => {
  const { sites, cut, heal, converged } = await startSites(2)
  const [a, b] = sites as [Site, Site]
  const written = await a.ask({ method: 'PUT', path: '/v1/lease', body: 'first', headers: { 'KVS-TTL': '2s' } })
  expect((await get(b, 'lease', tokenOf(written))).body).toBe('first')
  cut(0, 1)
  cut(1, 0)
  await b.ask({ method: 'PUT', path: '/v1/lease', body: 'renewed', headers: { 'KVS-TTL': '1h' } })
  await until('a has recorded the expiry', async () => (await expiriesIn(a)) === 1)
  expect((await get(a, 'lease')).status).toBe(404)
  heal()
  await converged()
  const token = tokenOf(await get(b, 'lease'))
  for (const site of sites) expect((await get(site, 'lease', token)).body).toBe('renewed')
})

async function expiriesIn({ database }: Site): Promise<number> {
  return (await database.sql('SELECT FROM transactions WHERE event_type = 1 AND deadline IS NOT NULL')).length
}

test('a transaction of another site is seen whole; each of its keys has its own conflict', async () => {
  const { sites, cut, heal, converged } = await startSites(2)
  const [a, b] = sites as [Site, Site]
  cut(0, 1)
  cut(1, 0)
  const body = JSON.stringify({ do: ['x', 'y', 'z'].map((key) => ({ put: key, value: 'a' })) })
  const done = await a.ask({ method: 'POST', path: '/v1/:', body, headers: { 'Content-Type': 'application/json' } })
  expect([done.status, done.body]).toEqual([200, expect.any(String)])
  const later = await put(b, 'y', 'b')
  heal()
  await converged()
  const token = `${tokenOf(done)},${tokenOf(later)}`
  for (const site of sites) {
    expect((await get(site, 'x', token)).body).toBe('a')
    expect((await get(site, 'y', token)).body).toBe('b')
    expect((await get(site, 'z', token)).body).toBe('a')
  }
})

test('what was spooled while a site’s log was down lands later, and is the later write then', async () => {
  const { sites, converged } = await startSites(2, { env: { KVS_APPEND_TIMEOUT: '1s' } })
  const [a, b] = sites as [Site, Site]
  const before = await put(a, 'k', 'before')
  expect((await get(b, 'k', tokenOf(before))).body).toBe('before')
  a.logDown()
  const spooled = await put(a, 'k', 'spooled')
  expect(spooled.status).toBe(202)
  await put(b, 'k', 'at b')
  // A site whose own log is down cannot order a write after what it lacks.
  const refused = await a.ask({ method: 'PUT', path: '/v1/k', body: 'x', headers: after(tokenOf(await get(b, 'k'))) })
  expect(refused.status).toBe(503)
  a.logUp()
  await converged()
  await until('both have it', async () => {
    const values = await Promise.all(sites.map(async (site) => (await get(site, 'k')).body))
    return values.every((value) => value === 'spooled')
  })
})

test('logs with a past become sites: a delete from before counts against an older write, also out of a checkpoint', async () => {
  const call = makeClient()
  const written = Promise.withResolvers<void>()
  const { sites, converged } = await startSites(2, {
    async past(database, number) {
      const node = await startReadyNode(makeDirectory(), toEnvironment(database.target))
      const ask = (method: string) =>
        call(node.url, { method, path: '/v1/k', body: method === 'PUT' ? `${number}` : '' })
      if (number === 1) {
        await ask('PUT')
        written.resolve()
      } else {
        await written.promise
        await ask('PUT')
        await ask('DELETE')
        await call(node.url, { method: 'PUT', path: '/v1/other', body: 'x' })
      }
      node.kill('SIGKILL')
      await node.ended
      await database.sql('SELECT advance_checkpoint(1000)')
    },
  })
  await converged()
  const [a] = sites as [Site, Site]
  const token = tokenOf(await put(a, 'now', 'x'))
  for (const site of sites) {
    expect((await get(site, 'other', token)).body).toBe('x')
    expect((await get(site, 'k', token)).status).toBe(404)
  }
})
