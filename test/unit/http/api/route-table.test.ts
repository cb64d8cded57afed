import { expect, test } from 'vitest'
import type { Handle } from '../../../../kvs/http/api/route.ts'
import { makeRouteTable, type Service } from '../../../../kvs/http/api/route-table.ts'

const handle: Handle = () => ({ status: 200, headers: [], body: undefined })
const service: Service = {
  about: 'a test',
  keysOf: () => ({ GET: handle, HEAD: handle, PUT: handle, DELETE: handle }),
  collections: { GET: handle, HEAD: handle, DELETE: handle },
  payloads: { keys: { GET: handle }, search: { GET: handle } },
  members: { GET: handle },
  ready: handle,
  position: () => '',
  readMetrics: async () => ({ type: '', text: '' }),
  guard: undefined,
}
const node = makeRouteTable(service)
const forwarder = makeRouteTable({ ...service, forward: () => handle })

test('node and forwarder have the same methods, rights and looks of errors on every path that both know', () => {
  const shared = Object.keys(forwarder).filter((path) => path in node)
  expect(shared).toEqual([
    '/',
    '/openapi.json',
    '/livez',
    '/readyz',
    '/healthz',
    '/metrics',
    '/view',
    '/v1/*',
    '/kvs/*',
    '/keyValue-store/*',
    '/keyValue-store/search/*',
    '/v1/*:',
  ])
  for (const path of shared) {
    const [one, other] = [node[path], forwarder[path]]
    expect(Object.keys(other?.methods ?? {})).toEqual(Object.keys(one?.methods ?? {}))
    expect([other?.rights, other?.renderError]).toEqual([one?.rights, one?.renderError])
  }
})

test('a node has no fallback; a forwarder has one for all that it does not answer itself', () => {
  expect(Object.values(node).filter(({ fallback }) => fallback !== undefined)).toEqual([])
  const rights = Object.entries(forwarder).map(([path, { fallback }]) => [path, fallback?.right])
  expect(Object.fromEntries(rights)).toEqual({
    ...{
      '/': 'admin',
      '/openapi.json': 'admin',
      '/livez': 'admin',
      '/readyz': 'admin',
      '/healthz': 'admin',
      '/metrics': 'admin',
      '/view': 'admin',
    },
    ...{
      '/v1/*': 'write',
      '/kvs/*': 'write',
      '/keyValue-store/*': 'write',
      '/keyValue-store/search/*': 'write',
      '/v1/*:': 'write',
      '/*': 'admin',
    },
  })
})
