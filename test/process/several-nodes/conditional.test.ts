import { expect, test } from 'vitest'
import { makeClient, tagOf } from '../../support/client.ts'
import { startThree } from './three.ts'

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
