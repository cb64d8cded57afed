import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { makeClient, tagOf } from '../../support/client.ts'
import { startThree } from './three.ts'

test('50 clients increment one counter across three nodes 5,000 times: none is lost', {
  timeout: 300_000,
}, async () => {
  const { nodes, database } = await startThree()
  const urls = nodes.map(({ url }) => url)
  const call = makeClient()
  const path = '/v1/counter'
  const created = await call(urls[0] ?? '', { method: 'PUT', path, body: '0', headers: { 'If-None-Match': '*' } })
  expect(created.status).toBe(201)
  for (const url of urls) expect((await call(url, { path: `${path}?consistent` })).body).toBe('0')
  let left = 5_000
  let failed = 0

  async function increment(url: string): Promise<void> {
    for (;;) {
      const found = await call(url, { path })
      const headers = { 'If-Match': found.headers.etag ?? '' }
      const answer = await call(url, { method: 'PUT', path, body: String(Number(found.body) + 1), headers })
      if (answer.status === 201) return
      expect(answer.status).toBe(412)
      expect(tagOf(answer)).toBeGreaterThan(tagOf(found) ?? 0n)
      failed++
      await sleep(Math.random() * 50) // as a client would, so as not to be in the way of the next
    }
  }

  async function run(client: number): Promise<void> {
    while (left-- > 0) await increment(urls[client % urls.length] ?? '')
  }

  await Promise.all(Array.from({ length: 50 }, (_, client) => run(client)))
  const ends = await Promise.all(urls.map((url) => call(url, { path: `${path}?consistent` })))
  expect(ends.map(({ body }) => body)).toEqual(['5000', '5000', '5000'])
  expect(failed).toBeGreaterThan(0)
  const [log] = await database.sql<{ entries: string }>('SELECT count(*) AS entries FROM transactions')
  expect(log?.entries).toBe('5001')
})
