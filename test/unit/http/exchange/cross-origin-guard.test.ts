import { describe, expect, test } from 'vitest'
import { makeDirectory, startNode } from '../../../support/node.ts'
import { request as requestTo, startForwarder, startTarget } from '../../forward/serve.ts'
import { makeFakeRing } from '../fake-ring.ts'
import { fakeRoutes, serve } from '../serve.ts'

const status = (answer: string) => Number(answer.split(' ')[1])
const loopback = { crossOrigin: { hosts: 'loopback' } } as const
const anyHost = { crossOrigin: { hosts: 'any' } } as const

const get = (host: string, ...headers: string[]) =>
  `${[`GET /v1/a HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`

describe('a node on loopback without tokens', () => {
  test.each([
    'localhost',
    'LocalHost:8080',
    'localhost.',
    'kvs.localhost:1',
    '127.0.0.1',
    '127.0.0.1:8080',
    '192.0.2.1:80',
    '[::1]',
    '[::1]:8080',
    '',
  ])('answers to Host: %s', async (host) => {
    const { raw } = await serve(loopback)
    expect(status(await raw(get(host)))).toBe(404)
  })

  test.each([
    'rebound.test',
    'rebound.test:8080',
    'x',
    'localhost.rebound.test',
    'notlocalhost',
    '127.0.0.1.rebound.test',
    '127.0.0.1x',
    'rebound.test:127.0.0.1',
    '[::1].rebound.test',
  ])('refuses Host: %s, and does nothing', async (host) => {
    const { raw, store } = await serve(loopback)
    const own = get('localhost').replace('Connection: close\r\n', '')
    const put = `PUT /v1/a HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1\r\n\r\nx`
    const answer = await raw(own, put)
    expect(answer).toMatch(/HTTP\/1.1 404 [\s\S]*HTTP\/1.1 421 Misdirected Request\r\n[\s\S]*Connection: close/)
    expect(store.writes).toEqual([])
  })

  test('takes a request without Host from HTTP/1.0, and refuses two', async () => {
    const { raw } = await serve(loopback)
    expect(status(await raw('GET /v1/a HTTP/1.0\r\n\r\n'))).toBe(404)
    expect(status(await raw(get('localhost', 'Host: localhost')))).toBe(400)
    expect(status(await raw(get('localhost', 'Host: rebound.test')))).toBe(400)
  })
})

test.each([
  [403, ['Sec-Fetch-Site: cross-site']],
  [403, ['sec-fetch-site: same-site', 'Sec-Fetch-Mode: cors', 'Origin: http://kvs.test:3000']],
  [403, ['Origin: http://other.test']],
  [403, ['Origin: http://kvs.test:3000']],
  [403, ['Origin: null']],
  [404, []],
  [404, ['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate']],
  [404, ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate']],
  [404, ['Sec-Fetch-Site: same-origin', 'Origin: https://proxy.test']],
  [404, ['Origin: http://KVS.test:8080']],
] as const)('a browser gets %i with %j', async (expected, headers) => {
  const { raw } = await serve(anyHost)
  const answer = await raw(get('kvs.test:8080', ...headers))
  expect(status(answer)).toBe(expected)
  if (expected === 403) expect(answer).toContain('a web page of another origin may not ask')
})

test('no page can write by following a link, and one of another origin is not told how the node does', async () => {
  const { raw, request, store } = await serve(anyHost)
  const headers = 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nContent-Length: 1\r\n'
  expect(status(await request('PUT', '/v1/a', headers, 'x'))).toBe(403)
  expect(store.writes).toEqual([])
  expect(status(await raw(get('x', 'Sec-Fetch-Site: cross-site').replace('/v1/a', '/readyz')))).toBe(403)
})

describe.each(['/add_node/1/a:1', '/remove_node/a:1', '/clear_cache'])(
  'a GET of %s, which changes something,',
  (path) => {
    const browser = 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'

    test.each([
      [403, ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate']],
      [403, ['Sec-Fetch-Site: same-site', 'Sec-Fetch-Mode: navigate']],
      [403, ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors']],
      [403, ['Origin: http://other.test']],
      [403, [browser]],
      [403, [browser, 'Referer: http://other.test/kvs.test:8080']],
      [403, ['Referer: https://other.test/']],
      [403, [browser, 'Referer: nonsense']],
      [200, []],
      [200, ['User-Agent: python-requests/2.32.5']],
      [200, ['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate', browser]],
      [200, ['Sec-Fetch-Site: same-origin', browser]],
      [200, [browser, 'Referer: http://kvs.test:8080/v1/a']],
      [200, [browser, 'Origin: http://kvs.test:8080']],
    ] as const)('gets %i with %j', async (expected, headers) => {
      const ring = makeFakeRing()
      const { raw, store } = await serve({ ...anyHost, ring, allowsClear: true })
      await store.write({ kind: 'put', key: 'route/a', value: Buffer.from('1'), contentType: undefined })
      const answer = await raw(get('kvs.test:8080', ...headers).replace('/v1/a', path))
      expect(status(answer)).toBe(expected)
      const isDone = ring.asked.length > 0 || store.get('route/a') === undefined
      expect(isDone).toBe(expected === 200)
    })
  },
)

test('every path at which a GET changes something is kept from web pages', async () => {
  const { raw } = await serve({ ...anyHost, ring: makeFakeRing(), allowsClear: true })
  // No HEAD is taken where a GET changes something; sites and members of a ring take none either, and only show.
  const changing = Object.entries(fakeRoutes()).filter(
    ([path, { methods }]) => methods.GET && !methods.HEAD && !/^\/(sites|ring)\b/.test(path),
  )
  expect(changing.length).toBe(3)
  for (const [path] of changing) {
    const target = path.replace(':position', '1').replace(':address', 'a:1')
    const link = get('x', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate').replace('/v1/a', target)
    expect([path, status(await raw(link))]).toEqual([path, 403])
  }
})

test('a forwarding node refuses the same, and hands nothing on', async () => {
  let asked = 0
  const target = await startTarget((_, response) => {
    asked++
    response.end()
  })
  const { port } = await startForwarder(target.port, loopback)
  expect(status(await requestTo(port, 'GET', '/v1/a'))).toBe(421)
  expect(asked).toBe(0)
})

test('a node refuses them by default; with tokens, or beyond the loopback, Host may be anything', async () => {
  const nowhere = { FORWARDING_ADDRESS: '127.0.0.1:1' }
  const portOf = ({ url }: { url: string }) => Number(new URL(url).port)
  const ask = async (settings: Record<string, string>, headers = '') => {
    const node = await startNode(makeDirectory(), { ...nowhere, ...settings })
    return status(await requestTo(portOf(node), 'GET', '/livez', headers))
  }
  expect(await ask({})).toBe(421)
  expect(await ask({ KVS_ALLOW_ANONYMOUS: 'true' })).toBe(200)
  expect(await ask({ KVS_TOKENS: `alice:read:${'t'.repeat(32)}` }, 'Sec-Fetch-Site: cross-site\r\n')).toBe(200)
  expect(await ask({ KVS_HOST: '0.0.0.0', KVS_ALLOW_ANONYMOUS: 'true' })).toBe(200)
})
