import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { catalogue, type ErrorCode, KvsError } from '../../../../../kvs/core/errors.ts'
import { makeOpenApiDocument } from '../../../../../kvs/http/api/openapi/document.ts'
import { startForwarder } from '../../../forward/serve.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { makeFakeFeed, makeFakeMembers, makeFakeSite } from '../../fake-site.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { fakeRoutes, serve } from '../../serve.ts'

interface Operation {
  readonly parameters?: readonly { readonly $ref: string }[]
  readonly security?: readonly unknown[]
  readonly responses: Readonly<Record<string, Response>>
}

interface Response {
  readonly description: string
  readonly headers?: object
  readonly content?: Readonly<Record<string, unknown>>
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

const document = makeOpenApiDocument()
const paths = document.paths as Paths
const parameters = (document.components as { parameters: Record<string, { name: string; in: string }> }).parameters

const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
)

const routes = fakeRoutes()

/** A route's path as the document writes it. */
const templateOf = (path: string) =>
  path
    .replace('*:', '{prefix}:')
    .replace('*', '{key}')
    .replace(/(?<=\/):(\w+)/g, '{$1}')

/** A path of the document as a request may have it. */
const targetOf = (path: string) =>
  path
    .replace('{position}', '1')
    .replace('{address}', 'a:1')
    .replace(/\{.*\}/, 'a')

const parametersOf = ({ parameters: refs = [] }: Operation) =>
  refs.flatMap(({ $ref }) => parameters[$ref.split('/').at(-1) ?? ''] ?? [])

test('the document has every method of every route, and no other', () => {
  const served = Object.entries(routes).flatMap(([path, { methods }]) =>
    Object.keys(methods).map((method) => `${method} ${templateOf(path)}`),
  )
  // A transaction is posted to this one alone.
  const collections = served.filter((route) => route.endsWith(' /v1/{prefix}:'))
  const all = collections.map((route) => route.replace('{prefix}', ''))
  const expected = [...served.filter((route) => route !== 'POST /v1/{prefix}:'), ...all]
  expect(operations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(expected.toSorted())
})

test('what is open to all is so in the document, and nothing else', () => {
  for (const { path, operation } of operations) {
    const isOpen = routes[path.replace(/\{.*\}|(?<=^\/v1\/)(?=:)/, '*')]?.rights === 'open'
    expect([path, operation.security]).toEqual([path, isOpen ? [] : undefined])
  }
})

test('the document has every error of the catalogue under its status, and no other', () => {
  const told = new Set(
    operations.flatMap(({ operation }) =>
      Object.entries(operation.responses).flatMap(([status, { description }]) =>
        [...description.matchAll(/`([a-z_]+)`/g)].map(([, code]) => `${status} ${code}`),
      ),
    ),
  )
  const known = Object.entries(catalogue).map(([code, { status }]) => `${status} ${code}`)
  expect([...told].toSorted()).toEqual(known.toSorted())
})

/** The flags that an error names as those that are known. */
function flagsIn(message: string): string[] {
  const all = message.split('; it takes ')[1]?.split(', ') ?? message.match(/\?\w+/g) ?? []
  return all.flatMap((text) => /\w+/.exec(text)?.[0] ?? []).filter((name) => name !== 'nonsense')
}

test('a path’s query flags are those that the service names where it refuses one', async () => {
  const { url } = await serve({ allowsClear: true, site: makeFakeSite() })
  for (const { path, method, operation } of operations.filter(({ path }) => /^\/(v1|kvs|sites)\//.test(path))) {
    const answer = await fetch(`${url}${targetOf(path)}?nonsense=1`, { method: method === 'HEAD' ? 'GET' : method })
    expect([path, method, answer.status]).toEqual([path, method, 400])
    const named = flagsIn(await answer.text())
    const flags = parametersOf(operation).filter((parameter) => parameter.in === 'query')
    expect([path, method, flags.map(({ name }) => name).toSorted()]).toEqual([path, method, named.toSorted()])
  }
})

/** The body that a request is to have, so that nothing but a header can be wrong with it. */
function bodyOf(method: string, path: string): string | undefined {
  if (path.startsWith('/keyValue-store/')) return method === 'PUT' ? 'val=1' : undefined
  if (path === '/view') return undefined
  if (path === '/route' || path === '/cache') return method === 'POST' ? 'key=a&val=1' : undefined
  if (method === 'PUT') return '{"value":1}'
  return path === '/v1/:' && method === 'POST' ? '{"do":[{"delete":"a"}]}' : undefined
}

test('every header that the document names is taken', async () => {
  const { url } = await serve({ allowsClear: true, ring: makeFakeRing() })
  for (const { path, method, operation } of operations) {
    const body = bodyOf(method, path)
    const values: Record<string, string> = {
      'KVS-Min-Position': 'cafe0123=0',
      'Content-Digest': `sha-256=:${createHash('sha256')
        .update(body ?? '')
        .digest('base64')}:`,
      'If-Match': '"a"',
      'If-None-Match': '"a"',
      'Idempotency-Key': 'a',
      'If-Modified-Since': 'Sun, 29 Nov 2026 11:12:13 GMT',
      'If-Unmodified-Since': 'Sun, 29 Nov 2026 11:12:13 GMT',
      'KVS-TTL': '5m',
      'KVS-Expires': '2030-01-01T00:00:00Z',
      'X-TTL': '60',
    }
    const isRouted = /^\/(route|cache)$/.test(path) && method !== 'POST'
    const query = path === '/v1/{key}' && method === 'POST' ? '?add=1' : isRouted ? '?key=a' : ''
    const target = `${targetOf(path)}${query}`
    for (const { name } of parametersOf(operation).filter((parameter) => parameter.in === 'header')) {
      const headers = { [name]: values[name] ?? '' }
      const answer = await fetch(`${url}${target}`, { method, headers, ...(body !== undefined && { body }) })
      expect([path, method, name, answer.status], await answer.text()).not.toContain(400)
    }
  }
})

describe('answers', () => {
  /** Requests that are answered in as many ways as a fake store allows. */
  const ring = '{"id":"beef","version":1,"home":"a:1","positions":{"1":"a:1"},"next":null,"standbys":[]}'
  const requests: [method: string, path: string, headers?: Record<string, string>, body?: string][] = [
    ['PUT', '/v1/a', {}, 'x'],
    ['GET', '/v1/a'],
    ['HEAD', '/v1/a'],
    ['GET', '/v1/a', { 'If-None-Match': '*' }],
    ['GET', '/v1/a', { 'If-Match': '"b"' }],
    ['HEAD', '/v1/b'],
    ['GET', '/v1/b'],
    ['GET', '/v1/b?consistent'],
    ['GET', '/v1/b', { 'KVS-Min-Position': 'cafe0123=99' }],
    ['GET', '/v1/b', { 'KVS-Min-Position': 'x' }],
    ['GET', '/v1/%ff'],
    ['PUT', '/v1/a', { 'If-None-Match': '*' }, 'x'],
    ['PUT', '/v1/a', { 'Content-Encoding': 'gzip' }, 'x'],
    ['PUT', '/v1/a', { 'Content-MD5': 'x' }, 'x'],
    ['PUT', '/v1/a', {}, 'x'.repeat(1_001)],
    ['PATCH', '/v1/a'],
    ['PUT', '/v1/l', { 'KVS-TTL': '5m' }, 'x'],
    ['GET', '/v1/l'],
    ['GET', '/kvs/l'],
    ['GET', '/v1/l', { 'If-Modified-Since': 'Sun, 29 Nov 2099 11:12:13 GMT' }],
    ['GET', '/v1/l', { 'If-Unmodified-Since': 'Sun, 29 Nov 2009 11:12:13 GMT' }],
    ['PUT', '/v1/l', { 'KVS-TTL': '5m', 'X-TTL': '1' }, 'x'],
    ['GET', '/v1/:'],
    ['HEAD', '/v1/a:'],
    ['GET', '/v1/:', { accept: 'application/x-ndjson' }],
    ['GET', '/v1/:?values'],
    ['GET', '/v1/:?count'],
    ['GET', '/v1/:?limit=1&consistent'],
    ['GET', '/v1/:?limit=0'],
    ['GET', '/v1/%ff:'],
    ['GET', '/v1/:', { 'KVS-Min-Position': 'cafe0123=99' }],
    ['PUT', '/v1/:'],
    ['POST', '/v1/:', {}, '{"do":[{"put":"t","value":"1"},{"add":"t","by":1}]}'],
    ['POST', '/v1/:', {}, '{"if":[{"key":"t","etag":null}],"do":[{"delete":"t"}]}'],
    ['POST', '/v1/:', {}, '{"do":[]}'],
    ['POST', '/v1/:', { 'If-Match': '*' }, '{"do":[{"delete":"t"}]}'],
    ['POST', '/v1/a:', {}, '{"do":[{"delete":"t"}]}'],
    ['POST', '/v1/n?add=1'],
    ['POST', '/v1/n?max=99999999999999999999'],
    ['POST', '/v1/n'],
    ['POST', '/kvs/n'],
    ['DELETE', '/v1/z:'],
    ['DELETE', '/v1/z:', { 'If-Match': '*' }],
    ['DELETE', '/v1/a'],
    ['PUT', '/kvs/a', {}, '{"value":1}'],
    ['PUT', '/kvs/a', {}, '{"value":1}'],
    ['PUT', '/kvs/a', {}, '{}'],
    ['GET', '/kvs/a'],
    ['GET', '/kvs/b'],
    ['DELETE', '/kvs/a'],
    ['DELETE', '/kvs/a'],
    ['GET', '/sites/log?site=b'],
    ['GET', '/sites/log'],
    ['PUT', '/keyValue-store/a', {}, 'val=1'],
    ['PUT', '/keyValue-store/a', {}, 'val=1'],
    ['PUT', '/keyValue-store/a', {}, 'payload='],
    ['PUT', '/keyValue-store/a', { 'If-None-Match': '*' }, 'val=1'],
    ['PUT', '/keyValue-store/a', {}, `val=${'x'.repeat(1_001)}`],
    ['GET', '/keyValue-store/a'],
    ['HEAD', '/keyValue-store/a'],
    ['GET', '/keyValue-store/a', { 'If-None-Match': '*' }],
    ['GET', '/keyValue-store/a?payload=cafe0123:99'],
    ['GET', '/keyValue-store/a', { 'KVS-Min-Position': 'cafe0123=99' }],
    ['GET', '/keyValue-store/b'],
    ['GET', '/keyValue-store/search/a'],
    ['HEAD', '/keyValue-store/search/a'],
    ['PUT', '/keyValue-store/search/a'],
    ['DELETE', '/keyValue-store/a'],
    ['DELETE', '/keyValue-store/a'],
    ['GET', '/view'],
    ['HEAD', '/view'],
    ['POST', '/view'],
    ['PUT', '/view', {}, 'ip_port=a:1'],
    ['PUT', '/view', {}, 'ip_port=a:1'],
    ['PUT', '/view', {}, 'ip_port=a'],
    ['PUT', '/view', { 'If-Match': '*' }, 'ip_port=a:1'],
    ['DELETE', '/view?ip_port=a:1'],
    ['DELETE', '/view?ip_port=a:1'],
    ['POST', '/route', {}, 'key=a&val=1'],
    ['POST', '/route', {}, 'key=a'],
    ['POST', '/route', { 'If-None-Match': '*' }, 'key=a&val=1'],
    ['POST', '/cache', {}, `key=a&val=${'x'.repeat(1_001)}`],
    ['GET', '/route?key=a'],
    ['GET', '/route?key=nothing'],
    ['GET', '/route'],
    ['HEAD', '/cache?key=a'],
    ['GET', '/cache?key=a', { 'If-None-Match': '*' }],
    ['GET', '/cache?key=a', { 'KVS-Min-Position': 'cafe0123=99' }],
    ['PUT', '/cache?key=a'],
    ['GET', '/route_test?key=a'],
    ['GET', '/route_test?key=%00'],
    ['GET', '/fetch_keys'],
    ['HEAD', '/fetch_keys'],
    ['GET', '/clear_cache'],
    ['GET', '/hash_ring'],
    ['POST', '/hash_ring', {}, 'data={"nodes":[{"ip":"a:1","key":1}]}'],
    ['POST', '/hash_ring', {}, 'data={}'],
    ['GET', '/add_node/1/a:1'],
    ['POST', '/add_node/1/a'],
    ['GET', '/remove_node/b:1'],
    ['GET', '/ring'],
    ['PUT', '/ring', {}, '{}'],
    ['POST', '/ring/give', {}, '{}'],
    ['POST', '/ring/spooled', {}, '{}'],
    ['POST', '/ring/change', {}, '{"asker":"a:1","remove":"a:1"}'],
    ['POST', '/ring/take', {}, '{}'],
    ['POST', '/ring/take', {}, `{"ring":${ring},"gives":null}`],
    ['POST', '/ring/keys', {}, '{}'],
    ['POST', '/ring/keys', {}, '{"id":"beef","version":1,"slots":"0-9999","after":null}'],
    ['POST', '/ring/changes', {}, '{"id":"beef","version":1,"slots":"0-9999","after":"cafe=7"}'],
    ['POST', '/ring/answers', {}, '{"id":"beef","version":1,"slots":"0-9999","after":"0"}'],
    ['POST', '/ring/call_off'],
    ['POST', '/ring/call_off', { 'If-Match': '*' }],
    ['POST', '/ring/remove_lost', {}, 'address=a:1,b:1&confirm=7'],
    ['POST', '/ring/remove_lost', {}, 'address=a'],
    ...['/', '/livez', '/readyz', '/healthz', '/metrics', '/openapi.json'].flatMap((path): [string, string][] =>
      ['GET', 'HEAD', 'PUT'].map((method) => [method, path]),
    ),
  ]

  async function check(url: string, authorization: Record<string, string> = {}): Promise<void> {
    for (const [method, target, headers = {}, body] of requests) {
      const path = target
        .replace(/\?.*/, '')
        .replace(/^\/v1\/.+:$/, '/v1/{prefix}:')
        .replace(/^\/add_node\/.*/, '/add_node/{position}/{address}')
        .replace(/^\/remove_node\/.*/, '/remove_node/{address}')
        .replace(/^\/(v1|kvs|keyValue-store\/search|keyValue-store(?!\/search))\/[^{:]+$/, '/$1/{key}')
      const known = paths[path]?.[method.toLowerCase()] ?? paths[path]?.get
      const answer = await fetch(`${url}${target}`, {
        method,
        headers: { accept: 'application/json', ...headers, ...authorization },
        ...(body !== undefined && { body }),
      })
      const told = known?.responses[answer.status]
      const what = `${method} ${target} ${answer.status}`
      expect(told, what).toBeDefined()
      const type = answer.headers.get('content-type')?.replace(/;.*/, '')
      const text = await answer.text()
      if (text !== '') {
        const types = Object.keys(told?.content ?? {}).map((name) => name.replace(/;.*/, ''))
        const isValue = ['/v1/{key}', '/route', '/cache'].includes(path) && method === 'GET' && answer.ok
        expect(types, `${what} ${type}`).toContain(isValue ? '*/*' : type)
      }
      const own = [
        'kvs-position',
        'kvs-durability',
        'etag',
        'retry-after',
        'www-authenticate',
        'allow',
        'link',
        'kvs-deleted',
      ]
      const sent = [...answer.headers.keys()].filter((name) => own.includes(name))
      const described = Object.keys(told?.headers ?? {}).map((name) => name.toLowerCase())
      expect(described, what).toEqual(expect.arrayContaining(sent))
      const { code } = text.startsWith('{') && type?.endsWith('json') ? JSON.parse(text) : {}
      if (code !== undefined) expect(told?.description, what).toContain(`\`${code}\``)
    }
  }

  test('every answer is described: status, media type, headers and code', async () => {
    await check((await serve({ ring: makeFakeRing(), site: makeFakeSite() })).url)
  })

  test('where there are other sites', async () => {
    const { url, store } = await serve({ ring: makeFakeRing(), site: makeFakeSite(makeFakeMembers()) })
    await check(url)
    store.isSite = true
    await check(url)
  })

  test('where keys may be cleared', async () => {
    const { url, store } = await serve({ allowsClear: true, ring: makeFakeRing(), site: makeFakeSite() })
    await check(url)
    store.spools = true
    await check(url)
  })

  test('while the log is down as well', async () => {
    const { url, store } = await serve({ ring: makeFakeRing(), site: makeFakeSite() })
    store.spools = true
    await check(url)
  })

  test.each<ErrorCode>(['not_ready', 'overloaded', 'draining', 'internal'])(
    'where everything fails with %s',
    async (code) => {
      const feed = makeFakeFeed()
      feed.failure = new KvsError(code)
      const { url, store } = await serve({ ring: makeFakeRing(), site: makeFakeSite(undefined, feed) })
      store.failure = new KvsError(code)
      await check(url)
    },
  )

  test('where the ring fails', async () => {
    for (const code of ['ring_conflict', 'cannot_forward', 'not_owner', 'not_ready', 'undecided'] as const) {
      const ring = makeFakeRing()
      ring.failure = new KvsError(code)
      await check((await serve({ ring, site: makeFakeSite() })).url)
    }
  })

  test('where a key belongs to another member', async () => {
    await check((await serve({ ring: makeFakeRing('here:1', [0, 'there:1']), site: makeFakeSite() })).url)
  })

  test('to callers without a token, and without the right', async () => {
    const { url } = await serve({
      ring: makeFakeRing(),
      site: makeFakeSite(),
      guard: guardOf(`writer:write:${secretOf('writer')}`),
    })
    await check(url)
    await check(url, bearer('writer'))
  })
})

test('a forwarding node answers with the same document by itself', async () => {
  const { url } = await startForwarder(1)
  const node = await serve()
  const [own, other] = await Promise.all([fetch(`${url}/openapi.json`), fetch(`${node.url}/openapi.json`)])
  expect([own.status, own.headers.get('content-type')]).toEqual([200, 'application/json'])
  expect(await own.json()).toEqual(await other.json())
})

test('the document tells nothing of the node', async () => {
  const { url } = await serve({ guard: guardOf(`admin:read+write+admin:${secretOf('admin')}`) })
  const answer = await fetch(`${url}/openapi.json`)
  expect(answer.headers.has('kvs-position')).toBe(false)
  expect(await answer.json()).toEqual(document)
})
