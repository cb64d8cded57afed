import { expect, test } from 'vitest'
import { positionAfter } from '../../../../kvs/http/api/freshness.ts'
import { serve } from '../serve.ts'

const ask = (url: string, position: string, init: RequestInit = {}) =>
  fetch(`${url}/v1/a`, { ...init, headers: { 'KVS-Min-Position': position } })

test('KVS-Min-Position is waited for, by reads and by writes; of several the newest', async () => {
  const { url, store } = await serve()
  await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })
  expect((await ask(url, 'cafe0123=1')).status).toBe(200)
  expect((await ask(url, ' cafe0123=0 , cafe0123=1,cafe0123=0')).status).toBe(200)
  expect((await ask(url, 'cafe0123=1', { method: 'PUT', body: 'y' })).status).toBe(201)
  expect((await ask(url, 'cafe0123=2', { method: 'DELETE' })).status).toBe(200)
  expect(store.waits).toEqual([1n, 1n, 1n, 2n])
})

test('a node that does not get there says where it is, and has done nothing', async () => {
  const { url, store } = await serve()
  for (const init of [{}, { method: 'PUT', body: 'x' }, { method: 'DELETE' }]) {
    const answer = await ask(url, 'cafe0123=9', init)
    expect(answer.status).toBe(503)
    expect([answer.headers.get('kvs-position'), answer.headers.get('retry-after')]).toEqual(['cafe0123=0', '1'])
  }
  expect(store.writes).toEqual([])
})

test.each([
  ['deadbeef=1', 'KVS-Min-Position names the log deadbeef; this node'],
  ['cafe0123=0,deadbeef=1', 'names the log deadbeef'],
  ['1', 'takes what KVS-Position had, LOGID=SEQUENCE'],
  ['', 'takes what KVS-Position had'],
  [',', 'takes what KVS-Position had'],
  ['cafe0123=-1', 'takes what KVS-Position had'],
  ['cafe0123=99999999999999999999', 'takes what KVS-Position had'],
])('a position that is none of this log is refused: %s', async (position, message) => {
  const { request, store } = await serve()
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const answer = await request(method, '/v1/a', `KVS-Min-Position: ${position}\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain(message)
  }
  expect(store.writes).toEqual([])
})

test('an unknown query beside a position that is not reached is refused, and nothing is waited for', async () => {
  const { request, store } = await serve()
  for (const path of ['/v1/a?x', '/kvs/a?x']) {
    expect(await request('GET', path, 'KVS-Min-Position: cafe0123=9\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  }
  expect(store.waits).toEqual([])
})

test('?consistent has the log asked first, on reads alone', async () => {
  const { url, store, request } = await serve()
  await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })
  expect(await (await fetch(`${url}/v1/a?consistent`)).text()).toBe('x')
  expect((await fetch(`${url}/v1/a?consistent`, { method: 'HEAD' })).status).toBe(200)
  expect(await (await fetch(`${url}/v1/a?`)).text()).toBe('x')
  expect(store.waits).toEqual(['head', 'head'])
  // As client libraries write a flag
  expect(await (await fetch(`${url}/v1/a?consistent=`)).text()).toBe('x')
  await fetch(`${url}/kvs/a?consistent=`, { method: 'HEAD' })
  expect(store.waits).toHaveLength(4)
  expect(await request('PUT', '/v1/a?consistent', 'Content-Length: 0\r\n')).toContain('a write takes no query')
  expect(await request('GET', '/v1/a?consistent=1')).toContain('knows no query "?consistent=1", only "?consistent"')
})

test.each(['consistent=1', 'consistent=true', 'Consistent', 'consistent&x', 'ttl=60', 'x', '='])(
  'a query that nobody knows is refused on every key: ?%s',
  async (query) => {
    const { request, store } = await serve()
    for (const path of ['/v1/a', '/kvs/a']) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await request(method, `${path}?${query}`, 'Content-Length: 11\r\n', '{"value":1}')
        expect(answer).toMatch(/^HTTP\/1\.1 400 /)
        expect(answer).toContain(method === 'GET' ? `knows no query ` : 'a write takes no query')
      }
    }
    expect(store.writes).toEqual([])
  },
)

test('every answer has the node’s position', async () => {
  const { url, request } = await serve()
  const paths = ['/v1/a', '/v1/', '/nothing', '/livez', '/readyz', '/healthz']
  for (const path of paths) {
    const answer = await fetch(`${url}${path}`)
    expect([path, answer.headers.get('kvs-position')]).toEqual([path, 'cafe0123=0'])
  }
  expect(await request('PATCH', '/v1/a')).toContain('KVS-Position: cafe0123=0')
})

test('what a client has sent of logs that the node knows nothing of comes back to it', () => {
  const store = { position: () => 'cafe=5' }
  expect(positionAfter(store, 'a', 'beef=9,cafe=3')).toBe('beef=9,cafe=5')
  expect(positionAfter(store, 'a', 'beef=0,stamp=7')).toBe('beef=0,cafe=5,stamp=7')
})
