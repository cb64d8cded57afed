import { describe, expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { until } from '../../../../support/until.ts'
import { startClient } from '../../../forward/serve.ts'
import { serve } from '../../serve.ts'

const clear = { method: 'DELETE' }

/** A server with these keys that lets everybody clear them. */
async function serveKeys(keys: readonly string[], options: Parameters<typeof serve>[0] = {}) {
  const served = await serve({ allowsClear: true, ...options })
  for (const key of keys) {
    await served.store.write({ kind: 'put', key, value: Buffer.from(key), contentType: undefined })
  }
  served.store.writes.length = 0
  const left = async () => (await (await fetch(`${served.url}/v1/:`)).json()) as string[]
  return { ...served, left }
}

const many = Array.from({ length: 2_500 }, (_, n) => `key-${String(n).padStart(6, '0')}`)

test('a clear deletes the keys that begin with the prefix, each by a delete of its own, and tells how many', async () => {
  const { url, store, left } = await serveKeys(['a', 'a/1', 'a/2', 'a/b/3', 'b'])
  const answer = await fetch(`${url}/v1/a%2F:`, clear)
  expect([answer.status, await answer.text()]).toEqual([200, ''])
  expect(answer.headers.get('kvs-deleted')).toBe('3')
  expect(answer.headers.get('kvs-position')).toBe('cafe0123=8')
  expect(store.writes).toEqual(['a/1', 'a/2', 'a/b/3'].map((key) => ({ kind: 'delete', key })))
  expect(await left()).toEqual(['a', 'b'])
  const none = await fetch(`${url}/v1/a%2F:`, clear)
  expect([none.status, none.headers.get('kvs-deleted')]).toEqual([200, '0'])
  expect((await fetch(`${url}/v1/:`, clear)).headers.get('kvs-deleted')).toBe('2')
  await until('every listing is closed', () => store.lists.open === 0)
})

test('it takes as many at a time as there is room for', async () => {
  const { url, store, left } = await serveKeys(many)
  let [room, most] = [300, 0]
  const write = store.write
  store.write = async (given) => {
    if (room === 0) throw new KvsError('overloaded')
    room--
    most = Math.max(most, 300 - room)
    await new Promise((resolve) => setImmediate(resolve))
    room++
    return write(given)
  }
  const answer = await fetch(`${url}/v1/:`, clear)
  expect([answer.status, answer.headers.get('kvs-deleted'), most]).toEqual([200, '2500', 300])
  expect(await left()).toEqual([])
})

test('at most 1,000 deletes are under way', async () => {
  const { url, store } = await serveKeys(many)
  let [underWay, most] = [0, 0]
  const write = store.write
  store.write = async (given) => {
    most = Math.max(most, ++underWay)
    await new Promise((resolve) => setImmediate(resolve))
    underWay--
    return write(given)
  }
  expect((await fetch(`${url}/v1/:`, clear)).headers.get('kvs-deleted')).toBe('2500')
  expect(most).toBe(1_000)
})

test('what somebody else deletes meanwhile is not counted, and what is put meanwhile stays', async () => {
  const { url, store, left } = await serveKeys(['a', 'b', 'c'])
  const write = store.write
  store.write = async (given) => {
    store.write = write
    await write({ kind: 'delete', key: 'b' })
    await write({ kind: 'put', key: 'bb', value: Buffer.from('x'), contentType: undefined })
    return write(given)
  }
  expect((await fetch(`${url}/v1/:`, clear)).headers.get('kvs-deleted')).toBe('2')
  expect(await left()).toEqual(['bb'])
})

test('with the log down it is answered 202', async () => {
  const { url, store } = await serveKeys(['a', 'b'])
  store.spools = true
  const answer = await fetch(`${url}/v1/:`, clear)
  expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([202, '2'])
  expect(answer.headers.get('kvs-durability')).toBe('spooled')
})

describe('an error midway', () => {
  test.each([
    ['not_stored', 'the log can’t be written now'],
    ['undecided', 'no answer came from the log; the write may or may not have been stored, or may be yet'],
    ['draining', 'the node is shutting down'],
  ] as const)('is told with how many keys were deleted: %s', async (code, sentence) => {
    const { url, store, left } = await serveKeys(many)
    store.refuses = ({ key }) => {
      if (key === 'key-001500') return new KvsError(code)
      return key === 'key-001400' ? new KvsError('not_stored') : undefined
    }
    if (code === 'not_stored') store.refuses = ({ key }) => (key === 'key-001500' ? new KvsError(code) : undefined)
    if (code === 'draining') store.refuses = ({ key }) => (key >= 'key-001500' ? new KvsError(code) : undefined)
    const answer = await fetch(`${url}/v1/:`, { ...clear, headers: { accept: 'application/json' } })
    const deleted = 2_500 - (await left()).length
    expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([503, String(deleted)])
    expect(await answer.json()).toMatchObject({
      code,
      detail: `the clear broke off after ${deleted} keys, and can be repeated: ${sentence}`,
    })
    expect(deleted).toBeGreaterThanOrEqual(1_000)
    expect(deleted).toBeLessThan(2_500)
    await until('every listing is closed', () => store.lists.open === 0)
  })

  test('is told where there is no room for a single delete', async () => {
    const { url, store } = await serveKeys(['a', 'b'])
    store.refuses = () => new KvsError('overloaded')
    const answer = await fetch(`${url}/v1/:`, clear)
    expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([503, '0'])
    expect(await answer.text()).toBe(
      'the clear broke off after 0 keys, and can be repeated: too many writes are waiting or being received\n',
    )
  })
})

test('it stops where its client goes away', async () => {
  const { port, server, store, left } = await serveKeys(many)
  const client = startClient(port)
  const write = store.write
  let begun = 0
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
  let gone: Promise<unknown> | undefined
  store.write = async (given) => {
    begun++
    client.socket.destroy()
    gone ??= until('the server has seen it', async () => (await connections()) === 0)
    await gone
    return write(given)
  }
  client.send('DELETE /v1/: HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('the listing is closed', () => begun > 0 && store.lists.open === 0)
  store.write = write
  expect([begun, (await left()).length]).toEqual([1_000, 1_500])
})

test('it deletes nothing for a client that is gone before the keys are found', async () => {
  const { port, server, store } = await serveKeys(many)
  const client = startClient(port)
  const { listKeys } = store
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
  let hasBegun = false
  store.listKeys = async (query) => {
    client.socket.destroy()
    await until('the server has seen it', async () => (await connections()) === 0)
    hasBegun = true
    return listKeys(query)
  }
  client.send('DELETE /v1/: HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('the listing is closed', () => hasBegun && store.lists.open === 0)
  expect(store.writes).toEqual([])
})

test('it waits for its body, and for a position', async () => {
  const { url, store, request } = await serveKeys(['a'])
  const late = await fetch(`${url}/v1/:`, { ...clear, headers: { 'KVS-Min-Position': 'cafe0123=2' } })
  expect([late.status, late.headers.get('kvs-deleted')]).toEqual([503, null])
  expect(await request('DELETE', '/v1/:', 'Content-Length: 2000\r\n')).toMatch(/^HTTP\/1.1 413 /)
  expect(store.writes).toEqual([])
  const done = await fetch(`${url}/v1/:`, { ...clear, headers: { 'KVS-Min-Position': 'cafe0123=1' }, body: 'x' })
  expect([done.status, done.headers.get('kvs-deleted')]).toEqual([200, '1'])
  expect(store.waits).toEqual([2n, 1n])
})

test.each([
  [':', 'If-Match', '*', 'a clear takes no condition'],
  [':', 'If-None-Match', '"x"', 'a clear takes no condition'],
  [':', 'If-Unmodified-Since', 'x', 'If-Unmodified-Since is not supported on a write'],
  [':', 'Idempotency-Key', 'x', 'a clear takes no Idempotency-Key'],
  [':', 'TTL', '1', 'TTL is not supported'],
  [':', 'KVS-Min-Position', 'x', 'KVS-Min-Position takes what KVS-Position had'],
  [':?limit=1', 'X-None', 'x', 'a write takes no query'],
  ['%FF:', 'X-None', 'x', 'not valid UTF-8'],
])('DELETE /v1/%s with %s: %s is refused', async (path, name, value, sentence) => {
  const { url, store } = await serveKeys(['a'])
  const answer = await fetch(`${url}/v1/${path}`, { ...clear, headers: { [name]: value } })
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(sentence)])
  expect(store.writes).toEqual([])
})

test('without tokens it is refused where the operator does not allow it, and the refusal says how it is allowed', async () => {
  const { url, store } = await serveKeys(['a'], { allowsClear: false })
  const answer = await fetch(`${url}/v1/:`, { ...clear, headers: { accept: 'application/json' } })
  expect(answer.status).toBe(403)
  expect(await answer.json()).toMatchObject({
    code: 'clear_not_allowed',
    detail: expect.stringContaining('KVS_ALLOW_CLEAR=true'),
  })
  expect(store.writes).toEqual([])
})

test('no page of another origin clears anything, nor sends anything by POST', async () => {
  const { store, request } = await serveKeys(['a'], { crossOrigin: { hosts: 'any' } })
  for (const headers of [
    'Origin: http://other.test\r\n',
    'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n',
  ]) {
    for (const method of ['DELETE', 'POST']) {
      for (const path of ['/v1/:', '/v1/a']) {
        expect(await request(method, path, headers)).toMatch(/^HTTP\/1.1 403 [\s\S]*a web page of another origin/)
      }
    }
    expect(await request('GET', '/v1/:', headers)).toMatch(headers.startsWith('Origin') ? /^HTTP\/1.1 403 / : /200 OK/)
  }
  expect(store.writes).toEqual([])
})
