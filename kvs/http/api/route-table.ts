import type { Right } from '../../access/index.ts'
import { copiesPath, digestsPath, feedPath, positionPath, rejoinPath } from '../../kv/index.ts'
import { collectionRights, type Guard, keyRights } from '../exchange/index.ts'
import { courseworkDialect } from './coursework-dialect.ts'
import type { Dialect, KeyPlace } from './dialect.ts'
import { collectionPrefix } from './lists/asked-list.ts'
import { frontPage } from './pages/front-page.ts'
import { healthRoute, liveness } from './pages/health-routes.ts'
import { metricsRoute, type ReadMetrics } from './pages/metrics-route.ts'
import { openApiRoute } from './pages/openapi-route.ts'
import type { Handle, Route, RouteTable } from './route.ts'
import { membersPath, membersRoute } from './sites/members-handlers.ts'
import { payloadKeys, payloadSearch } from './sites/payload-dialect.ts'
import { valueDialect } from './value-dialect.ts'

/** By method. */
type Handlers = Readonly<Record<string, Handle>>

/** What a node and a forwarder each put into the table. */
export interface Service {
  /** What the service is, in a sentence for the front page. */
  readonly about: string
  /** Handlers of a dialect's keys, by method. */
  readonly keysOf: (dialect: Dialect) => Handlers
  /** Handlers of collections, the keys that begin with a prefix, by method. */
  readonly collections: Handlers
  /** Handlers of the assignment with payloads, by method: of its keys, and of the search for one. */
  readonly payloads: { readonly keys: Handlers; readonly search: Handlers }
  /** Handlers of the sites of the group, by method. */
  readonly members: Handlers
  readonly ready: Handle
  /** Position that /livez shows; empty for none. */
  readonly position: () => string
  readonly readMetrics: ReadMetrics
  /** Handler by which other sites follow the log; undefined where they can't. */
  readonly feed?: Handle | undefined
  /** Handler by which other sites ask for the position, in the same way. */
  readonly sitePosition?: Handle | undefined
  /** Handler by which they ask how far the log has their entries. */
  readonly siteCopies?: Handle | undefined
  /** Handler by which they tell this one that it is a member again. */
  readonly rejoin?: Handle | undefined
  /** Handlers by which they compare values with this one, by method. */
  readonly digests?: Handlers | undefined
  /** What there is for a ring, and for the dialect that speaks of it; undefined where the node is in none. */
  readonly ring?: RouteTable | undefined
  /** Undefined where everybody may do everything. */
  readonly guard: Guard | undefined
  /**
   * A forwarder's handler for all that the table has none for: of the keys below a path, of collections, or of
   * everything else. Without it, that gets a 404 or a 405.
   */
  readonly forward?: (place?: KeyPlace | 'collections') => Handle
}

const dialects = [valueDialect, courseworkDialect]

/** Makes the table of all routes. One table serves nodes and forwarders. */
export function makeRouteTable(service: Service): RouteTable {
  const { about, ready, position, readMetrics, guard, feed, sitePosition, siteCopies, rejoin, digests, forward } =
    service
  const health = healthRoute(ready)
  const pages: RouteTable = {
    '/': frontPage(about),
    '/openapi.json': openApiRoute(),
    '/livez': liveness(position, guard),
    '/readyz': health,
    '/healthz': health,
    '/metrics': metricsRoute(readMetrics),
    [membersPath]: membersRoute(service.members),
    ...(feed && { [feedPath]: siteRoute(feed) }),
    ...(sitePosition && { [positionPath]: siteRoute(sitePosition) }),
    ...(siteCopies && { [copiesPath]: siteRoute(siteCopies) }),
    ...(rejoin && { [rejoinPath]: { methods: { POST: rejoin }, rights: { POST: 'replicate' } } }),
    ...service.ring,
    ...(digests && { [digestsPath]: { methods: digests, rights: { GET: 'replicate', POST: 'replicate' } } }),
  }
  const keys = [
    ...dialects.flatMap((dialect) => keyRoutes(dialect, service.keysOf(dialect), forward)),
    ...payloadRoutes(service),
    collectionRoute(service),
  ]
  if (forward === undefined) return { ...pages, ...Object.fromEntries(keys) }
  const others = forward()
  const forwarded = Object.entries(pages).map(([path, route]) => [path, withFallback(route, others, 'admin')])
  const rest: Route = withFallback({ methods: {}, rights: {} }, others, 'admin')
  return { ...Object.fromEntries(forwarded), ...Object.fromEntries(keys), '/*': rest }
}

/** A page that other sites ask for. */
function siteRoute(get: Handle): Route {
  return { methods: { GET: get }, rights: { GET: 'replicate' } }
}

function keyRoutes(place: KeyPlace, methods: Handlers, forward: Service['forward']): [path: string, route: Route][] {
  const { prefix, renderError } = place
  const keys: Route = { methods, rights: keyRights, renderError }
  if (forward !== undefined) return [[`${prefix}*`, withFallback(keys, forward(place), 'write')]]
  const withoutKey: Route = { methods: {}, rights: {}, renderError }
  return [
    [prefix.slice(0, -1), withoutKey],
    [prefix, withoutKey],
    [`${prefix}*`, keys],
  ]
}

function payloadRoutes({ payloads, forward }: Service): [path: string, route: Route][] {
  const search = keyRoutes(payloadSearch, payloads.search, forward)
  return [
    ...keyRoutes(payloadKeys, payloads.keys, forward),
    // Without the slash at its end, the path of the search is that of a key.
    ...search.filter(([path]) => path.startsWith(payloadSearch.prefix)),
  ]
}

function collectionRoute({ collections, forward }: Service): [path: string, route: Route] {
  const route: Route = {
    methods: collections,
    rights: collectionRights,
    renderError: valueDialect.renderError,
  }
  return [`${collectionPrefix}*:`, forward ? withFallback(route, forward('collections'), 'write') : route]
}

function withFallback(route: Route, handle: Handle, right: Right): Route {
  return { ...route, fallback: { handle, right } }
}
