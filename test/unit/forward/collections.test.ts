import { expect, test } from 'vitest'
import { guardOf, secretOf } from '../http/guarded.ts'
import { serve } from '../http/serve.ts'
import { request, startForwarder, startTarget } from './serve.ts'

const door = [
  ...['read', 'write', 'clear', 'admin'].map((right) => `${right}:${right}:${secretOf(right)}`),
  `both:read+write:${secretOf('both')}`,
  `bounded:read+write+clear:${secretOf('bounded')}:a/,b/1`,
].join(' ')
const header = (name: string) => `Authorization: Bearer ${secretOf(name)}\r\n`

test('lists, their links, long ones, and clears go through as they are', async () => {
  const node = await serve({ allowsClear: true })
  const { url } = await startForwarder(node.port)
  const keys = Array.from({ length: 20_000 }, (_, n) => `a/${String(n).padStart(6, '0')}`)
  for (const key of keys) {
    await node.store.write({ kind: 'put', key, value: Buffer.from('x'), contentType: undefined })
  }
  expect(await (await fetch(`${url}/v1/a/:`)).json()).toEqual(keys)
  const page = await fetch(`${url}/v1/a%2F:?limit=2&after=a/000007`)
  expect(page.headers.get('link')).toBe('</v1/a/:?limit=2&after=a%2F000009>; rel="next"')
  expect(await page.json()).toEqual(['a/000008', 'a/000009'])
  const head = await fetch(`${url}/v1/:?limit=1&delimiter=/`, { method: 'HEAD' })
  expect([head.status, head.headers.get('kvs-position'), head.headers.get('link')]).toEqual([
    200,
    'cafe0123=20000',
    null,
  ])
  expect(await (await fetch(`${url}/v1/:?count`)).json()).toEqual({ count: 20_000 })
  expect((await fetch(`${url}/v1/:?what`)).status).toBe(400)
  const cleared = await fetch(`${url}/v1/a/:`, { method: 'DELETE' })
  expect([cleared.status, cleared.headers.get('kvs-deleted')]).toEqual([200, '20000'])
})

test('a forwarder with tokens lets through those of whose keys the caller reaches all', async () => {
  const asked: string[] = []
  const target = await startTarget(({ method, url }, response) => {
    asked.push(`${method} ${url}`)
    response.end()
  })
  const { port } = await startForwarder(target.port, { guard: guardOf(door) })
  const cases: [method: string, path: string, token: string, status: number][] = [
    ['GET', '/v1/:', '', 401],
    ['GET', '/v1/:', 'read', 200],
    ['HEAD', '/v1/:?limit=1', 'read', 200],
    ['GET', '/v1/:', 'write', 403],
    ['GET', '/v1/:', 'clear', 403],
    ['DELETE', '/v1/:', 'clear', 200],
    ['DELETE', '/v1/:', 'both', 403],
    ['DELETE', '/v1/:', 'admin', 403],
    ['PATCH', '/v1/:', 'both', 200],
    ['PATCH', '/v1/:', 'write', 403],
    ['PATCH', '/v1/:', 'read', 403],
    ['PATCH', '/v1/:', 'bounded', 403],
    ['GET', '/v1/a/:', 'bounded', 200],
    ['GET', '/v1/a%2Fx:?after=b', 'bounded', 200],
    ['DELETE', '/v1/b/1:', 'bounded', 200],
    ['GET', '/v1/:', 'bounded', 403],
    ['GET', '/v1/a:', 'bounded', 403],
    ['DELETE', '/v1/b/:', 'bounded', 403],
    ['GET', '/v1/c:', 'bounded', 403],
    ['GET', '/v1/%FF:', 'bounded', 400],
    ['GET', '//v1/a/:', 'bounded', 403],
    ['GET', '/v1/../a/:', 'bounded', 400],
  ]
  for (const [method, path, token, status] of cases) {
    asked.length = 0
    const answer = await request(port, method, path, token && header(token))
    expect(answer, `${method} ${path} by ${token}`).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(asked).toEqual(status === 200 ? [`${method} ${path}`] : [])
  }
  const refused = await request(port, 'GET', '/v1/:', header('bounded'))
  expect(refused).toContain('tell from the rest: ask for "a/" or "b/1"')
})
