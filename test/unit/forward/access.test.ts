import { describe, expect, test } from 'vitest'
import { makeFakeRing } from '../http/fake-ring.ts'
import { bearer, guarded, guardOf, secretOf } from '../http/guarded.ts'
import { serve } from '../http/serve.ts'
import { request, startClient, startForwarder, startRawTarget, startTarget } from './serve.ts'

const rights = ['read', 'write', 'admin'] as const
const door = [
  ...rights.map((right) => `${right}:${right}:${secretOf(right)}`),
  `bounded:read+write:${secretOf('bounded')}:a/`,
].join(' ')
const header = (name: string) => `Authorization: Bearer ${secretOf(name)}\r\n`

/** A forwarder with tokens in front of a node that knows none. */
async function startLocked() {
  const node = await serve()
  const forwarder = await startForwarder(node.port, { guard: guardOf(door) })
  return { node, ...forwarder }
}

test('what a forwarder may not be asked for does not reach its target', async () => {
  const target = await startRawTarget()
  const { port } = await startForwarder(target.port, { guard: guardOf(door) })
  const asked: [method: string, path: string, token: string, status: number][] = [
    ['GET', '/v1/a', '', 401],
    ['GET', '/kvs/a', '', 401],
    ['GET', '/v1', '', 401],
    ['GET', '/metrics', '', 401],
    ['GET', '/nowhere', 'read', 403],
    ['GET', '/metrics', 'write', 403],
    ['GET', '/v1/a', 'write', 403],
    ['HEAD', '/v1/a', 'admin', 403],
    ['PUT', '/v1/a', 'read', 403],
    ['DELETE', '/kvs/a', 'read', 403],
    ['POST', '/v1/a', 'read', 403],
    ['GET', '/v1/b', 'bounded', 403],
    ['GET', '/v1/b?consistent', 'bounded', 403],
    ['PUT', '/kvs/%62', 'bounded', 403],
    ['GET', '/view', 'write', 403],
    ['PUT', '/view', 'write', 403],
    ['GET', '/keyValue-store/a', 'write', 403],
    ['GET', '/keyValue-store/b', 'bounded', 403],
    ['GET', '/keyValue-store/search/b', 'bounded', 403],
    ['PUT', '/keyValue-store/%62', 'bounded', 403],
    ['GET', '//v1/a/x', 'bounded', 403],
    ['GET', '/route?key=a', 'write', 403],
    ['GET', '/route?key=a', 'bounded', 403],
    ['POST', '/route', 'read', 403],
    ['GET', '/cache?key=a', '', 401],
    ['GET', '/hash_ring', 'write', 403],
    ['POST', '/hash_ring', 'write', 403],
    ['GET', '/add_node/1/a:1', 'read', 403],
    ['GET', '/remove_node/a:1', 'write', 403],
    ['GET', '/clear_cache', 'admin', 403],
    ['GET', '/ring', 'read', 403],
    ['GET', '/v1/a/../b', 'bounded', 400],
    ['GET', '/v1/a/x#', 'bounded', 400],
    ['GET', 'http://elsewhere/v1/b', 'bounded', 403],
  ]
  for (const [method, path, token, status] of asked) {
    const answer = await request(port, method, path, token && header(token))
    expect(answer, `${method} ${path} by ${token}`).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer.includes('\r\nWWW-Authenticate: Bearer realm="kvs"')).toBe(status !== 400)
  }
  expect(target.connections).toEqual([])
})

test('what it may be asked for does, with its token', async () => {
  const { node, url } = await startLocked()
  const put = (key: string, name: string) =>
    fetch(`${url}/v1/${key}`, { method: 'PUT', body: 'x', headers: bearer(name) })
  expect((await put('b', 'write')).status).toBe(201)
  expect((await put('a/x', 'bounded')).status).toBe(201)
  expect(await (await fetch(`${url}/v1/b`, { headers: bearer('read') })).text()).toBe('x')
  expect((await fetch(`${url}/nowhere`, { headers: bearer('admin') })).status).toBe(404)
  expect((await fetch(`${url}/v1/b`, { method: 'PATCH', headers: bearer('write') })).status).toBe(405)
  expect(node.store.writes).toHaveLength(2)

  const raw = await startRawTarget(({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  const near = await startForwarder(raw.port, { guard: guardOf(door) })
  await request(near.port, 'GET', '/v1/a', header('read'))
  expect((await raw.connection()).text()).toContain(header('read'))
})

test('callers with one Idempotency-Key get each their own answer from a target that knows no callers', async () => {
  const target = await startTarget(({ headers }, response) => response.end(headers['idempotency-key'] ?? 'none'))
  const open = await startForwarder(target.port)
  const locked = await startForwarder(target.port, { guard: guardOf(`${door} other:read+write:${secretOf('other')}`) })
  const ask = async (url: string, name: string, key: string, method = 'PUT') => {
    const headers = { ...bearer(name), 'Idempotency-Key': key }
    return (await fetch(`${url}/v1/a`, { method, headers })).text()
  }
  const sent = await ask(locked.url, 'write', 'k')
  expect(sent).toMatch(/^[0-9a-f]{64}$/)
  expect(await ask(locked.url, 'write', 'k')).toBe(sent)
  expect(await ask(locked.url, 'write', 'k2')).not.toBe(sent)
  expect(await ask(locked.url, 'other', 'k')).toMatch(/^[0-9a-f]{64}$/)
  expect(await ask(locked.url, 'other', 'k')).not.toBe(sent)
  expect(await ask(locked.url, 'other', 'k', 'GET')).toBe('none')
  expect(await ask(open.url, 'write', 'k')).toBe('k')

  const wrong = `Idempotency-Key: ${'x'.repeat(256)}\r\n`
  expect(await request(locked.port, 'PUT', '/v1/a', header('write') + wrong)).toMatch(
    /^HTTP\/1.1 400 [\s\S]*an Idempotency-Key has 1 to 255/,
  )
  expect(await request(locked.port, 'PUT', '/v1/a', wrong)).toMatch(/^HTTP\/1.1 401 /)
})

test('a refusal looks as its dialect has it', async () => {
  const { url } = await startLocked()
  expect(await (await fetch(`${url}/kvs/a`)).json()).toHaveProperty('error')
  expect(await (await fetch(`${url}/v1/a`)).text()).toMatch(/^this needs a token: /)
  const asJson = await fetch(`${url}/v1/a`, { headers: { accept: 'application/json' } })
  expect(await asJson.json()).toMatchObject({ code: 'unauthorized' })
})

test('a body is not asked for before a refusal', async () => {
  const { port } = await startLocked()
  const client = startClient(port)
  client.send('PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
  await client.receives(/\r\n\r\n/)
  expect(client.text()).toMatch(/^HTTP\/1.1 401 /)
})

test('without tokens of its own it hands on whatever it gets, for its target to judge', async () => {
  const node = await guarded()
  const { url } = await startForwarder(node.port)
  const answer = await fetch(`${url}/v1/a`)
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="kvs"'])
  expect((await fetch(`${url}/v1/a`, { headers: bearer('read') })).status).toBe(404)
  expect((await fetch(`${url}/v1/a`, { headers: bearer('write') })).status).toBe(403)
})

describe('/readyz', () => {
  const json = async (url: string, name?: string) => {
    const answer = await fetch(`${url}/readyz`, name === undefined ? {} : { headers: bearer(name) })
    return [answer.status, await answer.json()]
  }

  test('tells an administrator all, and everybody else the state alone', async () => {
    const { node, url } = await startLocked()
    for (const [state, status] of [
      ['serving', 200],
      ['replaying', 503],
    ] as const) {
      node.store.state = state
      expect(await json(url)).toEqual([status, { state: 'forwarding' }])
      expect(await json(url, 'read')).toEqual([status, { state: 'forwarding' }])
      expect(await json(url, 'admin')).toEqual([status, expect.objectContaining({ answer: node.store.status() })])
    }
    expect((await fetch(`${url}/livez`)).status).toBe(200)
  })

  test('asks the target on behalf of whoever has asked', async () => {
    const node = await guarded()
    const { url } = await startForwarder(node.port)
    expect(await json(url)).toEqual([200, expect.objectContaining({ answer: { state: 'serving' } })])
    expect(await json(url, 'admin')).toEqual([200, expect.objectContaining({ answer: node.store.status() })])
  })

  test('does not choose between two tokens', async () => {
    const node = await guarded()
    const { port } = await startForwarder(node.port)
    expect(await request(port, 'GET', '/readyz', header('admin'))).toContain('"spool"')
    const answer = await request(port, 'GET', '/readyz', header('admin') + header('read'))
    expect(answer).toMatch(/"answer":\{"state":"serving"\}\}/)
  })
})

test('the dialect of a ring is asked for with the rights that a node asks for', async () => {
  const ring = makeFakeRing()
  const node = await serve({ ring })
  const tokens = `${door} routed:read+write:${secretOf('routed')}:route/`
  const { url } = await startForwarder(node.port, { guard: guardOf(tokens) })
  const ask = async (method: string, path: string, name: string, body?: string) => {
    const answer = await fetch(url + path, { method, headers: bearer(name), ...(body !== undefined && { body }) })
    return [answer.status, await answer.text()]
  }
  expect(await ask('POST', '/route', 'write', 'key=a&val=one')).toEqual([200, 'OK'])
  expect(await ask('GET', '/route?key=a', 'read')).toEqual([200, 'one'])
  expect(await ask('POST', '/cache', 'routed', 'key=b&val=two')).toEqual([200, 'OK'])
  expect(await ask('GET', '/cache?key=b', 'routed')).toEqual([200, 'two'])
  expect(await ask('GET', '/fetch_keys', 'read')).toEqual([200, '["a","b"]\n'])
  expect(await ask('GET', '/add_node/1/a:1', 'admin')).toEqual([200, 'OK'])
  expect(await ask('GET', '/hash_ring', 'read')).toEqual([200, '{"ring":{"1":"a:1"},"_sorted_keys":[1]}\n'])
})
