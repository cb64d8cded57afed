import { expect, test } from 'vitest'
import { startForwarder } from '../../forward/serve.ts'
import { serve } from '../serve.ts'

const body = '{"value":1}'
const paths = ['/v1/a', '/kvs/a']

/** A node, and a forwarder in front of it. */
async function serveBoth() {
  const { store, url, port } = await serve()
  const forwarder = await startForwarder(port)
  const ask = (base: string, path: string, init: RequestInit = {}) => fetch(`${base}${path}`, init)
  return { store, bases: [url, forwarder.url], ask }
}

const put = (headers: Record<string, string>): RequestInit => ({ method: 'PUT', body, headers })

test.each([
  ['KVS-TTL', '300ms', 300, '1'],
  ['X-TTL', '1.5', 1_500, '2'],
  ['KVS-Expires', '2027-01-15T08:00:10.000Z', 10_000, '10'],
])('%s: %s is kept with the value, and told', async (name, value, ttlMs, rest) => {
  const { store, bases, ask } = await serveBoth()
  for (const base of bases) {
    for (const path of paths) {
      expect((await ask(base, path, put({ [name]: value }))).status).toBeLessThan(202)
      const deadline = store.time + ttlMs
      expect(store.writes.at(-1)).toMatchObject({ kind: 'put', key: 'a', deadline })
      for (const method of ['GET', 'HEAD']) {
        const { status, headers } = await ask(base, path, { method })
        expect(status).toBe(200)
        expect(headers.get('kvs-expires')).toBe(new Date(deadline).toISOString())
        expect(headers.get('x-ttl')).toBe(rest)
      }
    }
  }
})

test('a key is absent from its deadline on, in both dialects', async () => {
  const { store, bases, ask } = await serveBoth()
  for (const base of bases) {
    for (const path of paths) {
      await ask(base, path, put({ 'KVS-TTL': '1s' }))
      store.time += 999
      expect((await ask(base, path)).headers.get('x-ttl')).toBe('1')
      store.time += 1
      for (const method of ['GET', 'HEAD']) expect((await ask(base, path, { method })).status).toBe(404)
      expect((await ask(base, path, put({ 'If-Match': '*' }))).status).toBe(412)
      const created = await ask(base, path, put({ 'If-None-Match': '*' }))
      expect(created.status).toBe(201)
      const { headers } = await ask(base, path)
      expect([headers.get('x-ttl'), headers.get('kvs-expires')]).toEqual([null, null])
    }
  }
})

test('/kvs tells of a lapsed key as of one that was deleted', async () => {
  const { store, bases, ask } = await serveBoth()
  const [base = ''] = bases
  await ask(base, '/kvs/a', put({ 'X-TTL': '1' }))
  store.time += 1_000
  const again = await ask(base, '/kvs/a', put({ 'X-TTL': '1' }))
  expect([again.status, await again.text()]).toEqual([201, '{"result":"created"}'])
  store.time += 1_000
  expect((await ask(base, '/kvs/a', { method: 'DELETE' })).status).toBe(404)
})

test.each(['KVS-TTL: 0s', 'X-TTL: 0', 'X-TTL: -1', 'KVS-Expires: 1999-12-31T23:59:59Z'])(
  '%s is accepted, and means absent at once',
  async (header) => {
    const { store, bases, ask } = await serveBoth()
    const [name = '', value = ''] = header.split(/: /)
    for (const base of bases) {
      expect((await ask(base, '/v1/a', put({ [name]: value }))).status).toBe(201)
      expect((await ask(base, '/v1/a')).status).toBe(404)
    }
    expect(store.writes).toHaveLength(2)
  },
)

test('what is no lifetime is refused, and nothing is stored', async () => {
  const { store, bases, ask } = await serveBoth()
  const wrong: [headers: Record<string, string>, message: string][] = [
    [{ 'KVS-TTL': '60' }, 'KVS-TTL takes a whole number of ms, s, m or h, such as 300ms or 5m; nothing was done'],
    [{ 'X-TTL': 'soon' }, 'X-TTL takes seconds, such as 60 or 0.5; nothing was done'],
    [{ 'KVS-Expires': 'tomorrow' }, 'KVS-Expires takes a moment such as 2030-01-01T00:00:00Z, or an HTTP date'],
    [{ 'KVS-TTL': '99999999h' }, 'a key’s lifetime ends in the year 9999 at the latest'],
    [{ 'KVS-TTL': '1s', 'X-TTL': '1' }, 'send one of KVS-TTL, KVS-Expires and X-TTL'],
  ]
  for (const base of bases) {
    for (const path of paths) {
      for (const [headers, message] of wrong) {
        const answer = await ask(base, path, put(headers))
        expect(answer.status).toBe(400)
        expect(await answer.text()).toContain(message)
      }
    }
  }
  expect(store.writes).toEqual([])
})

test('a lifetime begins when the whole value is there', async () => {
  const { store, raw } = await serve()
  const head = `PUT /v1/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nKVS-TTL: 1s\r\nContent-Length: 2\r\n\r\n`
  const now = store.now
  const asked: number[] = []
  store.now = () => {
    asked.push(store.writes.length)
    return now()
  }
  expect(await raw(head, 'hi')).toMatch(/^HTTP\/1\.1 201 /)
  expect([asked, store.writes[0]]).toEqual([[0], expect.objectContaining({ deadline: store.time + 1_000 })])
})

test('under an Idempotency-Key, the store is told what was asked for', async () => {
  const { store, bases, ask } = await serveBoth()
  const [base = ''] = bases
  const idempotent = { 'Idempotency-Key': 'k' }
  await ask(base, '/v1/a', put({ ...idempotent, 'KVS-TTL': '5m' }))
  store.time += 1_234
  await ask(base, '/v1/a', put({ ...idempotent, 'X-TTL': '300' }))
  await ask(base, '/v1/a', put({ ...idempotent, 'KVS-Expires': '2030-01-01T00:00:00Z' }))
  await ask(base, '/v1/a', put(idempotent))
  expect(store.asked).toEqual(['ttl=300000', 'ttl=300000', 'expires=1893456000000', undefined])
})

test('Last-Modified is the time of the entry, and If-Modified-Since is honoured after If-None-Match', async () => {
  const { store, bases, ask } = await serveBoth()
  store.time = Date.UTC(2026, 10, 29, 11, 12, 13, 456)
  const date = 'Sun, 29 Nov 2026 11:12:13 GMT'
  const before = 'Sun, 29 Nov 2026 11:12:12 GMT'
  for (const base of bases) {
    for (const path of paths) {
      const tag = (await ask(base, path, put({}))).headers.get('etag') ?? ''
      for (const method of ['GET', 'HEAD']) {
        const statusOf = async (headers: Record<string, string>) => (await ask(base, path, { method, headers })).status
        expect((await ask(base, path, { method })).headers.get('last-modified')).toBe(date)
        expect(await statusOf({ 'If-Modified-Since': date })).toBe(304)
        expect(await statusOf({ 'If-Modified-Since': 'Sunday, 29-Nov-26 11:12:13 GMT' })).toBe(304)
        expect(await statusOf({ 'If-Modified-Since': before })).toBe(200)
        expect(await statusOf({ 'If-Modified-Since': 'never' })).toBe(200)
        expect(await statusOf({ 'If-None-Match': '"other"', 'If-Modified-Since': date })).toBe(200)
        expect(await statusOf({ 'If-None-Match': tag, 'If-Modified-Since': before })).toBe(304)
        expect(await statusOf({ 'If-Match': tag, 'If-Modified-Since': date })).toBe(304)
        expect(await statusOf({ 'If-Match': '"other"', 'If-Modified-Since': date })).toBe(412)
        expect(await statusOf({ 'If-Unmodified-Since': date })).toBe(200)
        expect(await statusOf({ 'If-Unmodified-Since': before })).toBe(412)
        expect(await statusOf({ 'If-Unmodified-Since': 'never' })).toBe(200)
        expect(await statusOf({ 'If-Match': tag, 'If-Unmodified-Since': before })).toBe(200)
      }
    }
    expect((await ask(base, '/v1/none', { headers: { 'If-Modified-Since': date } })).status).toBe(404)
  }
})

test('a 304 tells when the key ends', async () => {
  const { bases, ask } = await serveBoth()
  const [base = ''] = bases
  const tag = (await ask(base, '/v1/a', put({ 'X-TTL': '60' }))).headers.get('etag') ?? ''
  const { status, headers } = await ask(base, '/v1/a', { headers: { 'If-None-Match': tag } })
  expect([status, headers.get('x-ttl'), headers.get('last-modified')]).toEqual([304, '60', null])
})
