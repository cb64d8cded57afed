import type { Right } from '../../../access/index.ts'
import { KvsError } from '../../../core/errors.ts'
import { routedPrefix } from '../../../core/ring/key-slot.ts'
import type { Request } from '../../exchange/index.ts'
import type { Handle, Route, RouteTable } from '../route.ts'

/**
 * Rights that the paths of the dialect with /route ask for, by method. What a GET changes is kept from web pages by the
 * guard against cross-origin requests, and no HEAD does it.
 */
const rights = {
  '/route': { GET: 'read', HEAD: 'read', POST: 'write' },
  '/cache': { GET: 'read', HEAD: 'read', POST: 'write' },
  '/route_test': { GET: 'read', HEAD: 'read' },
  '/fetch_keys': { GET: 'read', HEAD: 'read' },
  '/clear_cache': { GET: 'clear' },
  '/hash_ring': { GET: 'read', HEAD: 'read', POST: 'admin' },
  '/add_node/:position/:address': { GET: 'admin', POST: 'admin' },
  '/remove_node/:address': { GET: 'admin', POST: 'admin' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Right>>>>

type DialectPath = keyof typeof rights

/** What is about no key. */
const ofTheRing: readonly DialectPath[] = ['/hash_ring', '/add_node/:position/:address', '/remove_node/:address']

/** The routes of the dialect, by the handlers of each path, which are by method. */
export function dialectRoutes(handlers: Readonly<Record<DialectPath, Route['methods']>>): RouteTable {
  return routesWith((path) => handlers[path])
}

/** The routes of the dialect at a node that hands on each of its requests with `forward`. */
export function forwardedDialectRoutes(forward: Handle): RouteTable {
  const forwardKeys: Handle = (request) => {
    requireAllRouted(request)
    return forward(request)
  }
  return routesWith((path) => {
    const handle = ofTheRing.includes(path) ? forward : forwardKeys
    return Object.fromEntries(Object.keys(rights[path]).map((method) => [method, handle]))
  })
}

function routesWith(methodsOf: (path: DialectPath) => Route['methods']): RouteTable {
  const paths = Object.keys(rights) as DialectPath[]
  return Object.fromEntries(paths.map((path) => [path, { methods: methodsOf(path), rights: rights[path] }]))
}

/**
 * A forwarder looks for no key in a form: its caller has to reach all keys of the dialect.
 * @throws KvsError forbidden
 */
function requireAllRouted({ caller }: Request): void {
  if (caller === undefined || caller.prefixesWithin(routedPrefix)[0] === routedPrefix) return
  throw new KvsError(
    'forbidden',
    `the token ${caller.name} reaches a part of the keys of ${routedPrefix} alone, which a forwarding node can’t tell ` +
      'from the rest: ask the node itself',
  )
}
