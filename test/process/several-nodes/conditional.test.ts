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

test('a key is created once, however many try at once on whichever node', async () => {
  const { nodes } = await startThree()
  const call = makeClient()
  for (let round = 0; round < 20; round++) {
    const path = `/v1/lock-${round}`
    const tries = Array.from({ length: 12 }, (_, number) =>
      call(nodes[number % 3]?.url ?? '', { method: 'PUT', path, body: `${number}`, headers: { 'If-None-Match': '*' } }),
    )
    const answers = await Promise.all(tries)
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(11)
  }
})

test('a write that is asked for again under its Idempotency-Key is done once, on any node', async () => {
  const { nodes, database } = await startThree()
  const urls = nodes.map(({ url }) => url)
  const call = makeClient()
  const put = (url: string, body: string, key: string, headers: Record<string, string> = {}) =>
    call(url, { method: 'PUT', path: '/v1/a', body, headers: { 'Idempotency-Key': key, ...headers } })
  const [one = '', two = '', three = ''] = urls
  const first = await put(one, 'x', 'k1', { 'If-None-Match': '*' })
  expect([first.status, tagOf(first)]).toEqual([201, 1n])
  const again = await Promise.all(urls.map((url) => put(url, 'x', 'k1', { 'If-None-Match': '*' })))
  expect(again.map(({ status, headers }) => [status, headers.etag])).toEqual(Array(3).fill([201, first.headers.etag]))
  expect((await put(two, 'y', 'k1', { 'If-None-Match': '*' })).status).toBe(422)

  const refused = await put(three, 'z', 'k2', { 'If-Match': '"77"' })
  expect([refused.status, refused.headers.etag]).toEqual([412, first.headers.etag])
  const later = await put(one, 'plain', 'k3')
  expect([later.status, tagOf(later)]).toEqual([201, 2n])
  const stillRefused = await put(two, 'z', 'k2', { 'If-Match': '"77"' })
  expect([stillRefused.status, stillRefused.headers.etag]).toEqual([412, first.headers.etag])

  const burst = await Promise.all(Array.from({ length: 30 }, (_, n) => put(urls[n % 3] ?? '', 'burst', 'k4')))
  expect(new Set(burst.map(({ headers }) => headers.etag)).size).toBe(1)
  expect(burst.map(tagOf)).toEqual(Array(30).fill(3n))
  const rows = await database.sql('SELECT sequence FROM transactions')
  expect(rows).toHaveLength(3)
})
