import { describe, expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { slotOf } from '../../../../../kvs/core/ring/key-slot.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { makeFakeRouting, serveRing } from './ask.ts'

/** Two members, each with about half of the keys. */
const half = (self: string) => makeFakeRing(self, [4_999, 'low:1'], [9_999, 'high:1'])
const keyOf = (owner: 'low' | 'high') =>
  Array.from({ length: 100 }, (_, at) => `k${at}`).find((key) => slotOf(key) <= 4_999 === (owner === 'low')) ?? ''

describe.each(['/route', '/cache'])('%s', (path) => {
  test('takes a value, shows it as text, and N/A where there is none', async () => {
    const { get, post, store, url } = await serveRing()
    expect(await get(`${path}?key=a`)).toEqual([200, 'N/A'])
    expect(await post(path, { key: 'a', val: 'one' })).toEqual([200, 'OK'])
    expect(store.writes).toEqual([{ kind: 'put', key: 'route/a', value: Buffer.from('one'), contentType: undefined }])
    const answer = await fetch(`${url}${path}?key=a`)
    expect([answer.status, await answer.text()]).toEqual([200, 'one'])
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(answer.headers.get('etag')).toMatch(/^"cafe0123-1-/)
    expect(answer.headers.get('kvs-position')).toBe('cafe0123=1')
    expect(await (await fetch(`${url}/v1/route/a`)).text()).toBe('one')
  })

  test('shows each value as it came', async () => {
    const { ask, get, url } = await serveRing()
    for (const value of ['a\nb\r\n', 'Grüße, 世界 🙂', '', ' x + y & z = 1 % ', 'N/A']) {
      expect(await ask('POST', path, { key: 'k', val: value })).toEqual([200, 'OK'])
      expect(await get(`${path}?key=k`)).toEqual([200, value])
    }
    const bytes = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    expect(await ask('POST', path, `key=k&val=${bytes}`)).toEqual([200, 'OK'])
    const answer = await fetch(`${url}${path}?key=k`)
    expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual(Array.from({ length: 256 }, (_, byte) => byte))
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
  })

  test('takes keys of any text, and keeps two keys of one slot apart', async () => {
    const { get, post } = await serveRing()
    const seen = new Map<number, string>()
    let pair: [string, string] | undefined
    for (let at = 0; pair === undefined; at++) {
      const [slot, key] = [slotOf(`k${at}`), `k${at}`]
      const other = seen.get(slot)
      if (other !== undefined) pair = [other, key]
      seen.set(slot, key)
    }
    for (const key of [...pair, 'a b', 'ü/☃', '..', 'x:']) await post(path, { key, val: `value of ${key}` })
    for (const key of [...pair, 'a b', 'ü/☃', '..', 'x:']) {
      expect(await get(`${path}?key=${encodeURIComponent(key)}`)).toEqual([200, `value of ${key}`])
    }
  })

  test('answers HEAD with the headers of GET', async () => {
    const { post, ask, url } = await serveRing()
    await post(path, { key: 'a', val: 'one' })
    const head = await fetch(`${url}${path}?key=a`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '3', ''])
    expect(await ask('HEAD', `${path}?key=b`)).toEqual([200, ''])
  })

  test.each([
    ['', 400, 'the key is missing: send key=KEY; nothing was done\n'],
    ['key=&val=1', 400, 'the key is empty\n'],
    ['key=%00&val=1', 400, 'a key can’t contain the character NUL\n'],
    ['key=%ff&val=1', 400, 'key is not percent-encoded UTF-8; nothing was done\n'],
    ['key=a', 400, 'POST takes the value in val=VALUE; nothing was stored\n'],
    ['key=a&val=%', 400, expect.stringContaining('bad percent-encoding')],
    ['key=a&val=1&value=1', 400, 'there is no parameter "value" here: key and val are taken; nothing was done\n'],
    ['key=a&key=b&val=1', 400, 'key is there twice, with different values; nothing was done\n'],
    [`key=${'a'.repeat(1_019)}&val=1`, 400, 'the key has 1019 bytes; at most 1018 are allowed here\n'],
    [`key=a&val=${'1'.repeat(1_001)}`, 413, expect.stringContaining('at most 1000 are allowed')],
    [`key=a&val=${'1'.repeat(80_000)}`, 413, expect.stringContaining('the form has 80010 bytes')],
  ])('refuses a POST of %.30s', async (body, status, sentence) => {
    const { ask, store } = await serveRing()
    expect(await ask('POST', path, body)).toEqual([status, sentence])
    expect(store.writes).toEqual([])
  })

  test('takes the longest key', async () => {
    const { post, get } = await serveRing()
    const key = 'a'.repeat(1_018)
    expect(await post(path, { key, val: '1' })).toEqual([200, 'OK'])
    expect(await get(`${path}?key=${key}`)).toEqual([200, '1'])
  })

  test.each([
    ['', 'the key is missing: send key=KEY; nothing was done\n'],
    ['?key=', 'the key is empty\n'],
    ['?key=a&val=1', 'there is no parameter "val" here: key is taken; nothing was done\n'],
  ])('refuses GET %s', async (query, sentence) => {
    const { get } = await serveRing()
    expect(await get(`${path}${query}`)).toEqual([400, sentence])
  })

  test('refuses multipart, lifetimes and other methods, by name', async () => {
    const { ask, url, store } = await serveRing()
    const form = new FormData()
    form.set('key', 'a')
    const multipart = await fetch(url + path, { method: 'POST', body: form })
    expect([multipart.status, await multipart.text()]).toEqual([400, expect.stringContaining('multipart')])
    const headers = { 'KVS-TTL': '5m' }
    const lasting = await fetch(url + path, {
      method: 'POST',
      body: new URLSearchParams({ key: 'a', val: '1' }),
      headers,
    })
    expect([lasting.status, await lasting.text()]).toEqual([400, expect.stringContaining('KVS-TTL belongs to a PUT')])
    expect((await ask('PUT', path, { key: 'a', val: '1' }))[0]).toBe(405)
    expect((await ask('DELETE', `${path}?key=a`))[0]).toBe(405)
    expect(store.writes).toEqual([])
  })

  test('does conditions, Idempotency-Key and KVS-Min-Position as other writes and reads do', async () => {
    const { url, store } = await serveRing()
    const post = (headers: Record<string, string>) =>
      fetch(url + path, { method: 'POST', body: new URLSearchParams({ key: 'a', val: '1' }), headers })
    const first = await post({ 'If-None-Match': '*', 'Idempotency-Key': 'x' })
    expect([first.status, store.idempotencyKeys]).toEqual([200, ['x']])
    expect((await post({ 'If-None-Match': '*' })).status).toBe(412)
    const etag = first.headers.get('etag') ?? ''
    expect((await fetch(`${url}${path}?key=a`, { headers: { 'If-None-Match': etag } })).status).toBe(304)
    const behind = await fetch(`${url}${path}?key=a`, { headers: { 'KVS-Min-Position': 'cafe0123=9' } })
    expect([behind.status, store.waitedKeys]).toEqual([503, ['route/a']])
    expect((await post({ 'KVS-Min-Position': 'cafe0123=9' })).status).toBe(503)
  })

  test('says that a write is spooled, and never OK where it failed', async () => {
    const { post, get, store, url } = await serveRing()
    store.spools = true
    const spooled = await fetch(url + path, { method: 'POST', body: new URLSearchParams({ key: 'a', val: '1' }) })
    expect([spooled.status, await spooled.text(), spooled.headers.get('kvs-durability')]).toEqual([
      202,
      'OK',
      'spooled',
    ])
    store.failure = new KvsError('not_ready')
    expect(await post(path, { key: 'a', val: '1' })).toEqual([503, 'the log is not replayed yet\n'])
    expect(await get(`${path}?key=a`)).toEqual([503, 'the log is not replayed yet\n'])
  })

  test('asks for the rights read and write, and for the key in the store', async () => {
    const tokens = [
      ...['read', 'write', 'admin'].map((right) => `${right}:${right}:${secretOf(right)}`),
      `bounded:read+write:${secretOf('bounded')}:route/b`,
    ].join(' ')
    const { url, store } = await serveRing({ guard: guardOf(tokens) })
    const post = async (name: string, key: string) =>
      (await fetch(url + path, { method: 'POST', body: new URLSearchParams({ key, val: '1' }), headers: bearer(name) }))
        .status
    const get = async (name: string, key: string) =>
      (await fetch(`${url}${path}?key=${key}`, { headers: bearer(name) })).status
    expect([await post('read', 'b'), await post('admin', 'b'), await post('bounded', 'a')]).toEqual([403, 403, 403])
    expect([await get('write', 'b'), await get('admin', 'b'), await get('bounded', 'a')]).toEqual([403, 403, 403])
    expect(store.writes).toEqual([])
    expect([await post('write', 'b'), await post('bounded', 'b1')]).toEqual([200, 200])
    expect([await get('read', 'b'), await get('bounded', 'b1')]).toEqual([200, 200])
  })
})

describe('in a ring', () => {
  test('/route has the routing answer for the key in the store, with the form as it came', async () => {
    const routing = makeFakeRouting()
    const { get, post, ask } = await serveRing({ routing }, half('low:1'))
    expect(await post('/route', { key: 'a b', val: 'ü' })).toEqual([200, 'OK'])
    expect(await ask('POST', '/route?key=c&val=1')).toEqual([200, 'OK'])
    expect(await get('/route?key=a+b')).toEqual([200, 'ü'])
    expect(routing.asked).toEqual([
      { method: 'POST', target: '/route', keys: ['route/a b'], body: 'key=a+b&val=%C3%BC' },
      { method: 'POST', target: '/route?key=c&val=1', keys: ['route/c'], body: undefined },
      { method: 'GET', target: '/route?key=a+b', keys: ['route/a b'], body: undefined },
    ])
  })

  test('/route answers what the owner does, and can begin anew', async () => {
    const elsewhere = { status: 200, headers: ['Content-Length', '2'], body: 'it' }
    const other = await serveRing({ routing: makeFakeRouting(() => elsewhere) })
    expect(await other.get('/route?key=a')).toEqual([200, 'it'])
    expect(await other.post('/route', { key: 'a', val: '1' })).toEqual([200, 'it'])
    expect(other.store.writes).toEqual([])
    const again = makeFakeRouting(async (_, __, local) => {
      await local()
      return local()
    })
    const { post, get } = await serveRing({ routing: again })
    expect(await post('/route', { key: 'a', val: 'twice' })).toEqual([200, 'OK'])
    expect(await get('/route?key=a')).toEqual([200, 'twice'])
  })

  test('/route says neither OK nor N/A where the owner can’t be asked', async () => {
    const routing = makeFakeRouting(() => Promise.reject(new KvsError('cannot_forward', 'high:1 gives no answer')))
    const { get, post } = await serveRing({ routing })
    expect(await get('/route?key=a')).toEqual([503, 'high:1 gives no answer\n'])
    expect(await post('/route', { key: 'a', val: '1' })).toEqual([503, 'high:1 gives no answer\n'])
  })

  test('/route_test names the owner, and the node itself where it is in no ring', async () => {
    const { get, ask } = await serveRing({}, half('low:1'))
    expect(await get(`/route_test?key=${keyOf('low')}`)).toEqual([200, 'low:1'])
    expect(await get(`/route_test?key=${keyOf('high')}`)).toEqual([200, 'high:1'])
    expect(await ask('HEAD', '/route_test?key=a')).toEqual([200, ''])
    expect(await get('/route_test')).toEqual([400, 'the key is missing: send key=KEY; nothing was done\n'])
    expect(await (await serveRing({}, makeFakeRing('me:1'))).get('/route_test?key=a')).toEqual([200, 'me:1'])
  })

  test('/cache has this member’s own part, names who owns the rest, and never asks the routing', async () => {
    const routing = makeFakeRouting()
    const { get, post, store } = await serveRing({ routing }, half('low:1'))
    const refused = [421, 'the key belongs to high:1, another member of the ring; nothing was done\n']
    expect(await post('/cache', { key: keyOf('low'), val: '1' })).toEqual([200, 'OK'])
    expect(await get(`/cache?key=${keyOf('low')}`)).toEqual([200, '1'])
    expect(await post('/cache', { key: keyOf('high'), val: '1' })).toEqual(refused)
    expect(await get(`/cache?key=${keyOf('high')}`)).toEqual(refused)
    expect([store.writes.length, routing.asked]).toEqual([1, []])
  })
})
