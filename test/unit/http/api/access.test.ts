import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Right } from '../../../../kvs/access/tokens.ts'
import { membersPath } from '../../../../kvs/http/api/sites/members-handlers.ts'
import { copiesPath } from '../../../../kvs/kv/copies.ts'
import { digestsPath, feedPath, rejoinPath } from '../../../../kvs/kv/feed.ts'
import { until } from '../../../support/until.ts'
import { makeFakeRing } from '../fake-ring.ts'
import { makeFakeSite } from '../fake-site.ts'
import { bearer, combinations, guarded, nameOf, secretOf } from '../guarded.ts'
import { fakeRoutes } from '../serve.ts'

const served = Object.entries(fakeRoutes()).flatMap(([path, { methods, rights }]) =>
  Object.keys(methods).map((method) => {
    return { path, method, needed: rights === 'open' ? rights : rights[method] }
  }),
)

test('every method of every route has a right that it asks for, or is open to all', () => {
  for (const { path, method, needed } of served) expect(needed, `${method} ${path}`).toBeDefined()
  expect(served.filter(({ needed }) => needed === 'open').map(({ path }) => path)).toEqual(
    ['/', '/openapi.json', '/livez', '/readyz', '/healthz'].flatMap((path) => [path, path]),
  )
})

const ring = '{"id":"beef","version":1,"home":"a:1","positions":{"1":"a:1"},"next":null,"standbys":[]}'

const passedOn =
  '{"idempotency_key":"a","key":"a","kind":"delete","value":null,"content_type":null,"deadline":null,"seen":null}'

/** Those of the ring's paths, by path, and by method where one takes another. */
const ringRequests: Readonly<Record<string, [url: string, body: string]>> = {
  '/ring': ['/ring', ''],
  'PUT /ring': ['/ring', ring],
  '/ring/give': ['/ring/give', `{"ring":${ring},"check":true}`],
  '/ring/spooled': ['/ring/spooled', passedOn],
  '/ring/change': ['/ring/change', '{"asker":"a:1","remove":"a:1"}'],
  '/ring/take': ['/ring/take', `{"ring":${ring},"gives":null}`],
  '/ring/keys': ['/ring/keys', '{"id":"beef","version":1,"slots":"0-9999","after":null}'],
  '/ring/changes': ['/ring/changes', '{"id":"beef","version":1,"slots":"0-9999","after":"cafe=7"}'],
  '/ring/answers': ['/ring/answers', '{"id":"beef","version":1,"slots":"0-9999","after":"0"}'],
  '/ring/call_off': ['/ring/call_off', ''],
  '/ring/remove_lost': ['/ring/remove_lost', 'address=a:1'],
  '/route': ['/route?key=a', ''],
  'POST /route': ['/route', 'key=a&val=1'],
  '/cache': ['/cache?key=a', ''],
  'POST /cache': ['/cache', 'key=a&val=1'],
  '/route_test': ['/route_test?key=a', ''],
  '/fetch_keys': ['/fetch_keys', ''],
  '/clear_cache': ['/clear_cache', ''],
  '/hash_ring': ['/hash_ring', ''],
  'POST /hash_ring': ['/hash_ring', 'data={"nodes":[{"ip":"a:1","key":1}]}'],
  '/add_node/:position/:address': ['/add_node/1/a:1', ''],
  '/remove_node/:address': ['/remove_node/a:1', ''],
}

/** A request that is answered where nothing is wrong. */
function askedOf(method: string, path: string): [url: string, body: string] {
  if (path === feedPath) return [`${path}?site=b`, '']
  if (path === rejoinPath) return [`${path}?stamp=1&origin=b`, '']
  if (path === copiesPath) return [`${path}?log=b&sequence=1`, '']
  if (path === digestsPath) return [path, '']
  if (path === membersPath) return [path, method === 'GET' || method === 'HEAD' ? '' : 'ip_port=a:1']
  if (path in ringRequests) return ringRequests[`${method} ${path}`] ?? ringRequests[path] ?? [path, '']
  if (path.startsWith('/keyValue-store/')) return [path.replace('*', 'a%2Fkey'), method === 'PUT' ? 'val=1' : '']
  if (method !== 'POST') return [path.replace('*', 'a/key'), method === 'PUT' ? '{"value":1}' : '']
  return path.endsWith(':') ? [path.replace('*', ''), '{"do":[{"delete":"a/key"}]}'] : ['/v1/a/key?add=1', '']
}

describe.each(served)('$method $path asks for $needed', ({ path, method, needed }) => {
  const [url, body] = askedOf(method, path)
  // The answer to a count tells the value.
  const rights = method === 'POST' && path === '/v1/*' ? [needed, 'read' as const] : [needed]
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`

  test('without a token', async () => {
    const { request, store } = await guarded({ site: makeFakeSite(), ring: makeFakeRing() })
    const answer = await request(method, url, length, body)
    if (needed === 'open') return expect(answer).toMatch(/^HTTP\/1.1 200 /)
    expect(answer).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n/)
    expect(answer).toMatch(/\r\nWWW-Authenticate: Bearer realm="kvs"\r\n/)
    expect(answer).not.toContain('KVS-Position')
    expect(store.writes).toEqual([])
  })

  test.each(['Bearer wrong-0123456789abcdef', 'Basic eDp5'])('with %s', async (authorization) => {
    const { request } = await guarded({ site: makeFakeSite(), ring: makeFakeRing() })
    const answer = await request(method, url, `${length}Authorization: ${authorization}\r\n`, body)
    const challenge = authorization.startsWith('Bearer') ? ', error="invalid_token"' : ''
    if (needed === 'open') return expect(answer).toMatch(/^HTTP\/1.1 200 /)
    expect(answer).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n/)
    expect(answer).toContain(`\r\nWWW-Authenticate: Bearer realm="kvs"${challenge}\r\n`)
    expect(answer).not.toContain('KVS-Position')
  })

  test.each(combinations)('with a token for %s %s %s', async (...granted: Right[]) => {
    const { request, store } = await guarded({ site: makeFakeSite(), ring: makeFakeRing() })
    const authorization = `Authorization: Bearer ${secretOf(nameOf(granted.filter(Boolean)))}\r\n`
    const answer = await request(method, url, `${length}${authorization}`, body)
    const missing = rights.find((right) => right !== 'open' && right !== undefined && !granted.includes(right))
    if (missing === undefined) {
      // A member in no ring takes nothing that is passed on.
      expect(answer).toMatch(path === '/ring/spooled' ? /^HTTP\/1.1 421 / : /^HTTP\/1.1 (200|201|404) /)
      return
    }
    expect(answer).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/)
    expect(answer).toContain(`error="insufficient_scope", scope="${missing}"\r\n`)
    expect(store.writes).toEqual([])
  })
})

test.each(['/v1', '/v1/', '/kvs', '/kvs/', '/keyValue-store/', '/keyValue-store/search/'])(
  '%s has no key, which only who has a token is told',
  async (path) => {
    const { url } = await guarded()
    expect((await fetch(url + path)).status).toBe(401)
    expect((await fetch(url + path, { headers: bearer('read') })).status).toBe(405)
  },
)

test('a method that keys do not know is asked for a token first', async () => {
  const { url } = await guarded()
  expect((await fetch(`${url}/v1/a`, { method: 'PATCH' })).status).toBe(401)
  expect((await fetch(`${url}/v1/a`, { method: 'PATCH', headers: bearer('read') })).status).toBe(405)
})

test('a page that is not there is so for everybody, who is told no position', async () => {
  const { url } = await guarded()
  const answer = await fetch(`${url}/nowhere`)
  expect([answer.status, answer.headers.get('kvs-position')]).toEqual([404, null])
})

describe.each(['/v1/', '/kvs/'])('below %s', (dialect) => {
  test.each([
    ['a/x', true],
    ['a%2Fx', true],
    ['%61%2fx', true],
    ['b,', true],
    ['b%2Cx', true],
    ['b', false],
    ['ab', false],
    ['%2561/x', false],
    ['c/a/x', false],
    ['c%2F..%2Fa%2Fx', false],
  ])('a token bounded to a/ and "b,", and %s: %s', async (key, isReached) => {
    const { url, store } = await guarded()
    const answers = [
      await fetch(url + dialect + key, { method: 'PUT', body: '{"value":1}', headers: bearer('bounded') }),
      await fetch(url + dialect + key, { headers: bearer('bounded') }),
      await fetch(`${url}${dialect}${key}?consistent`, { headers: bearer('bounded') }),
      await fetch(url + dialect + key, { method: 'HEAD', headers: bearer('bounded') }),
      await fetch(url + dialect + key, { method: 'DELETE', headers: bearer('bounded') }),
    ]
    const statuses = answers.map(({ status }) => status)
    expect(statuses).toEqual(isReached ? [201, 200, 200, 200, 200] : [403, 403, 403, 403, 403])
    if (!isReached) expect(store).toMatchObject({ writes: [], waits: [] })
    for (const answer of isReached ? [] : answers) {
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="kvs", error="insufficient_scope"')
    }
  })

  test('conditions and positions are not looked at for who may not ask', async () => {
    const { url, store } = await guarded()
    await fetch(`${url}${dialect}c`, { method: 'PUT', body: '{"value":1}', headers: bearer('read-write') })
    const conditions = { 'if-match': '"999"', 'kvs-min-position': 'cafe0123=999', 'idempotency-key': 'x' }
    for (const headers of [{}, bearer('admin'), bearer('bounded')]) {
      for (const request of [{}, { method: 'PUT', body: '{"value":1}' }, { method: 'DELETE' }]) {
        const answer = await fetch(`${url}${dialect}c`, { ...request, headers: { ...headers, ...conditions } })
        expect(answer.status).toBe('authorization' in headers ? 403 : 401)
        expect(answer.headers.get('etag')).toBeNull()
      }
    }
    expect(store).toMatchObject({ waits: [], idempotencyKeys: [] })
  })
})

test('an error looks as its dialect has it', async () => {
  const { url } = await guarded()
  const sentence = 'this needs a token: send the header "Authorization: Bearer TOKEN"'
  expect(await (await fetch(`${url}/v1/a`)).text()).toBe(`${sentence}\n`)
  expect(await (await fetch(`${url}/kvs/a`)).json()).toEqual({ error: sentence })
  expect(await (await fetch(`${url}/v1/a`, { headers: { accept: 'application/json' } })).json()).toMatchObject({
    status: 401,
    code: 'unauthorized',
    detail: sentence,
  })
  const forbidden = { ...bearer('read'), accept: 'application/json' }
  expect(await (await fetch(`${url}/v1/a`, { method: 'DELETE', headers: forbidden })).json()).toMatchObject({
    status: 403,
    code: 'forbidden',
    detail: 'the token read has no right to write: its rights are read',
  })
})

test('two Authorization headers are none', async () => {
  const { request } = await guarded()
  const header = `Authorization: Bearer ${secretOf('read')}\r\n`
  expect(await request('GET', '/v1/a', header)).toMatch(/^HTTP\/1.1 404 /)
  expect(await request('GET', '/v1/a', header + header)).toMatch(/^HTTP\/1.1 401 /)
})

test.each([
  ['401 to who has no token', '', '401 Unauthorized'],
  ['403 to who may not write', `Authorization: Bearer ${secretOf('read')}\r\n`, '403 Forbidden'],
])('a body is not asked for before the answer is %s', async (_, header, status) => {
  const { port, store } = await guarded()
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (data) => {
    answer += data.toString('latin1')
  })
  socket.write(`PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\nExpect: 100-continue\r\n${header}\r\n`)
  await until('the answer is there', () => answer.includes('\r\n\r\n') || undefined)
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\n`))
  expect(answer).toContain('\r\nConnection: close\r\n')
  await until('the connection is closed', () => socket.end().closed)
  expect(answer).not.toContain('100 Continue')
  expect(store.writes).toEqual([])
})

test('pipelined requests are each judged by their own token', async () => {
  const { raw } = await guarded()
  const ask = (headers: string) => `GET /v1/a HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
  const authorization = `Authorization: Bearer ${secretOf('read')}\r\n`
  const answers = await raw(ask(authorization) + ask('') + ask(`${authorization}Connection: close\r\n`))
  expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 401', 'HTTP/1.1 404'])
})

test('one caller’s half-sent bodies take half the room at most, and others send theirs', async () => {
  const { port, url } = await guarded({ maxValueBytes: 60_000, maxWaitingBytes: 200_000 })
  const half = 'x'.repeat(40_000)
  const open = (key: string) => {
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    const headers = `Host: x\r\nAuthorization: Bearer ${secretOf('write')}\r\nContent-Length: 50000\r\n`
    socket.write(`PUT /v1/${key} HTTP/1.1\r\n${headers}\r\n${half}`)
    return { socket, answer: () => answer }
  }
  const put = async (name: string) => {
    const answer = await fetch(`${url}/v1/c`, { method: 'PUT', body: half, headers: bearer(name) })
    return [answer.status, await answer.text()]
  }
  const slow = [open('a'), open('b')]
  await until('the third is refused', async () => {
    const third = open('c')
    await Promise.race([once(third.socket, 'data'), once(third.socket, 'close')])
    third.socket.destroy()
    return /^HTTP\/1.1 503 [\s\S]*too much of the token write is being received/.test(third.answer())
  })
  expect(await put('read-write')).toEqual([201, ''])
  for (const { socket } of slow) socket.write('x'.repeat(10_000))
  await until('they are done', () => slow.every(({ answer }) => answer().startsWith('HTTP/1.1 201')))
  expect(await put('write')).toEqual([201, ''])
})
