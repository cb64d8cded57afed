import makeRouter from 'find-my-way'
import type { Logger } from 'pino'
import { KvsError } from '../../core/errors.ts'
import {
  authorizationOf,
  Broken,
  type Exchange,
  errorReply,
  type Guard,
  isHostGiven,
  otherRoute,
  type RenderError,
  type Reply,
  type Request,
  requestIdOf,
  shownPath,
} from '../exchange/index.ts'
import { headersOf, MethodNotAllowed, positionHeader } from './error-headers.ts'
import type { Handle, Route, RouteTable } from './route.ts'

export interface DispatcherOptions {
  readonly routes: RouteTable
  readonly logger: Pick<Logger, 'error'>
  /** Undefined where everybody may do everything. */
  readonly guard: Guard | undefined
  /** Goes with every error to a known caller, unless it is empty. */
  readonly position: () => string
  /** Refuses a request before anything is asked about its caller. */
  readonly refusalOf?: (request: Request) => KvsError | undefined
  /** Renders these refusals, and that of a missing Host; undefined renders them as the route does. */
  readonly renderRefusal?: RenderError
}

/** A route with the label that its requests count under. */
interface Labelled {
  readonly label: string
  readonly route: Route
}

/**
 * Makes the function that serves each request by its path and method: it authenticates the caller, calls the handler,
 * sends its reply, and translates what it throws into an error. Nothing is thrown past it.
 */
export function makeDispatcher(options: DispatcherOptions): (exchange: Exchange) => void {
  const { guard, refusalOf, renderRefusal } = options
  const find = makeFinder(options.routes)

  async function sendLater(exchange: Exchange, reply: Promise<Reply>, route: Route | undefined): Promise<void> {
    try {
      exchange.send(await reply)
    } catch (error) {
      fail(exchange, error, options, route?.renderError)
    }
  }

  return function dispatch(exchange: Exchange): void {
    const found = find(exchange.path)
    const route = found?.route
    if (found !== undefined) exchange.telemetry.route = found.label
    try {
      const refusal = isHostGiven(exchange) ? refusalOf?.(exchange) : hostMissing()
      if (refusal !== undefined) {
        fail(exchange, refusal, options, renderRefusal ?? route?.renderError)
        return
      }
      const reply = admit(exchange, route, guard)(exchange)
      if (reply instanceof Promise) void sendLater(exchange, reply, route)
      else exchange.send(reply)
    } catch (error) {
      fail(exchange, error, options, route?.renderError)
    }
  }
}

/** Longest part of a path that a route has a name for: an address, percent-encoded. Keys may be longer. */
const maxParamLength = 1_000

/** The router knows paths alone: methods are told apart by `admit`. */
function makeFinder(routes: RouteTable): (path: string) => Labelled | undefined {
  const router = makeRouter({ maxParamLength })
  /** The router has no pattern that goes on after a wildcard. */
  const collections: (Labelled & { prefix: string })[] = []
  for (const [path, route] of Object.entries(routes)) {
    // A route without methods is there for its rights and for how its errors look.
    const label = Object.keys(route.methods).length > 0 ? path : otherRoute
    if (path.endsWith('*:')) collections.push({ prefix: path.slice(0, -2), label, route })
    else router.get(path, () => undefined, { label, route } satisfies Labelled)
  }

  return (path) => {
    // The router takes * for the path /
    if (!path.startsWith('/')) return undefined
    const collection = path.endsWith(':') && collections.find(({ prefix }) => path.startsWith(prefix))
    if (collection) return collection
    // The router would decode the path, and fail on one that a key's own rules can say more about.
    return router.find('GET', path.includes('%') ? path.replaceAll('%', '_') : path)?.store
  }
}

/**
 * Authenticates the caller, before the request's body is read and before it is told what the path takes.
 * @returns the handler that the caller may have called
 * @throws KvsError unauthorized, forbidden, too_many_requests, no_such_page, method_not_allowed
 */
function admit(request: Request, route: Route | undefined, guard: Guard | undefined): Handle {
  const { method } = request
  const own = route?.methods[method]
  const isOpen = route === undefined || (route.rights === 'open' && (own !== undefined || !route.fallback))
  const caller = isOpen ? undefined : guard?.admit(authorizationOf(request), request.connection)
  request.caller = caller
  const handle = own ?? route?.fallback?.handle
  if (route === undefined) throw new KvsError('no_such_page')
  if (handle === undefined) throw new MethodNotAllowed(Object.keys(route.methods))
  caller?.require(own === undefined ? (route.fallback?.right ?? 'admin') : rightFor(route, method))
  return handle
}

function rightFor({ rights }: Route, method: string) {
  return (rights === 'open' ? undefined : rights[method]) ?? 'admin'
}

/**
 * Sends an error. What is not a KvsError is a defect: it is logged and sent as `internal`. A reply that has begun
 * breaks off; a client that has broken off gets none.
 */
function fail(exchange: Exchange, error: unknown, options: DispatcherOptions, renderAs?: RenderError): void {
  const { logger, guard, position } = options
  if (error instanceof Broken) return
  if (exchange.isReplying) {
    logger.error({ err: error, traceId: requestIdOf(exchange) }, 'an answer broke off')
    exchange.abort()
    return
  }
  const known = error instanceof KvsError ? error : new KvsError('internal')
  if (known !== error) {
    logger.error({ err: error, traceId: requestIdOf(exchange) }, `${exchange.method} ${shownPath(exchange)} failed`)
  }
  const isKnown = guard === undefined || exchange.caller !== undefined
  const headers = [...positionHeader(isKnown ? position() : ''), ...headersOf(known)]
  exchange.send(errorReply(exchange, known, headers, renderAs))
}

const hostMissing = () => new KvsError('bad_request', 'a request needs one Host header (RFC 9112, 3.2)')
