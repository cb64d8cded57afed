import type { Logger } from 'pino'
import { KvsError } from '../core/errors.ts'
import {
  aboutForwarder,
  collectionFor,
  collectionPrefix,
  forwardedDialectRoutes,
  type Handle,
  type KeyPlace,
  keyFor,
  makeDispatcher,
  makeRouteTable,
  payloadKeys,
  payloadSearch,
} from '../http/api/index.ts'
import {
  collectionRights,
  type Exchange,
  errorReply,
  type Guard,
  type HttpTally,
  type ReceiveBody,
  type Request,
  renderAsErrorJson,
} from '../http/exchange/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import { forwarderMetrics, httpMetrics, makeMetricsReader } from '../metrics/index.ts'
import type { Tls } from '../tls/index.ts'
import { drawPseudonym, hasPassed, headersOnward } from './onward-headers.ts'
import { type ForwardRequest, makeRequestForwarder } from './request-forwarding.ts'
import { makeTarget, type Target } from './target.ts'
import { makeTargetHealth } from './target-health.ts'
import { makeReadiness } from './target-readiness.ts'
import { makeTransactionForwarder } from './transaction-forwarding.ts'

export interface ForwarderOptions {
  /** The target's `host:port` or `https://host:port`, as it can stand in a URL. */
  readonly address: string
  /** Certificates for https://. */
  readonly forwardTls?: Tls | undefined
  readonly forwardTimeoutMs: number
  /** Undefined where everybody may do everything. */
  readonly guard?: Guard | undefined
  /** Version of this program. */
  readonly version: string
  readonly tally: HttpTally
  /** Receives bodies of up to `maxTransactionBody`, where the keys of a caller's transactions have to be looked at. */
  readonly receiveTransaction: ReceiveBody
  readonly logger: Logger
  /** Node's own by default, as is `random`. */
  readonly clock?: Clock
  readonly random?: Random
}

/** A service that forwards each request to another node. */
export interface Forwarder {
  readonly target: Target
  /** Serves a request, for `makeHttpServer`. */
  serve(exchange: Exchange): void
  /** Makes /readyz say that the node is about to stop; requests are still forwarded. */
  announceStop(): void
  /** Ends every connection to the target. Requests that still wait for it get their 503. */
  stop(): Promise<void>
}

export function makeForwarder(options: ForwarderOptions): Forwarder {
  const {
    forwardTls: tls,
    forwardTimeoutMs: timeoutMs,
    logger,
    guard,
    clock = systemClock,
    random = systemRandom,
  } = options
  let isStopping = false
  const pseudonym = drawPseudonym(random)
  const target = makeTarget({ address: options.address, tls, timeoutMs, logger })
  const health = makeTargetHealth(target.name, logger, clock)
  const forward = makeRequestForwarder({
    ...{ target, timeoutMs, health, clock },
    headersOf: (request) => headersOnward(request, pseudonym),
    unanswered: async (request) => errorReply(request, new KvsError('cannot_forward'), [], renderAsErrorJson),
  })
  const forwardKeys = (place: KeyPlace) => makeKeyForwarder(place, forward)
  const forwardAny: Handle = (request) => forward(request)
  const forwardCollections = makeCollectionForwarder(forward)
  const routes = makeRouteTable({
    about: aboutForwarder,
    keysOf(dialect) {
      return asMethods(forwardKeys(dialect), 'GET', 'HEAD', 'PUT', 'DELETE', ...(dialect.counted ? ['POST'] : []))
    },
    collections: {
      ...{ GET: forwardCollections, HEAD: forwardCollections, DELETE: forwardCollections },
      POST: makeTransactionForwarder(forward, options.receiveTransaction),
    },
    payloads: {
      keys: asMethods(forwardKeys(payloadKeys), 'GET', 'HEAD', 'PUT', 'DELETE'),
      search: asMethods(forwardKeys(payloadSearch), 'GET', 'HEAD'),
    },
    members: asMethods(forwardAny, 'GET', 'HEAD', 'PUT', 'DELETE'),
    ring: forwardedDialectRoutes(forwardAny),
    ready: makeReadiness({ target, pseudonym, health, isStopping: () => isStopping, guard }),
    position: () => '',
    readMetrics: makeMetricsReader([
      ...forwarderMetrics({ version: options.version, isTargetUp: () => health.isUp }),
      ...httpMetrics(options.tally),
    ]),
    guard,
    forward(place) {
      if (place === undefined) return forwardAny
      return place === 'collections' ? forwardCollections : forwardKeys(place)
    },
  })
  const serve = makeDispatcher({
    ...{ routes, guard, logger, position: () => '' },
    refusalOf: (request) => refusalOf(request, pseudonym),
    renderRefusal: renderAsErrorJson,
  })
  return {
    target,
    serve,
    announceStop() {
      isStopping = true
    },
    stop: () => target.dispatcher.destroy(),
  }
}

function asMethods(handle: Handle, ...methods: string[]): Readonly<Record<string, Handle>> {
  return Object.fromEntries(methods.map((method) => [method, handle]))
}

/** With tokens, a forwarder asks of a caller what a node would: its target may know no tokens. */
function makeKeyForwarder({ prefix }: KeyPlace, forward: ForwardRequest): Handle {
  return (request) => {
    const { caller, path, method } = request
    if (caller !== undefined) keyFor(request, path.slice(prefix.length))
    // The answer to a count tells the value.
    if (method === 'POST') caller?.require('read')
    return forward(request)
  }
}

/**
 * A forwarder can't take out of a list what its caller does not reach: it lets through only those of whose keys the
 * caller reaches all. What the other methods read and write is in their bodies, so that they take both rights.
 */
function makeCollectionForwarder(forward: ForwardRequest): Handle {
  return (request) => {
    const { caller, path, method } = request
    if (caller === undefined) return forward(request)
    const { prefix, reached } = collectionFor(request, path.slice(collectionPrefix.length))
    if (reached[0] !== prefix) {
      throw new KvsError(
        'forbidden',
        `the token ${caller.name} reaches a part of these keys alone, which a forwarding node can’t tell from the ` +
          `rest: ask for ${reached.map((one) => JSON.stringify(one)).join(' or ')}`,
      )
    }
    if (!(method in collectionRights)) caller.require('read')
    return forward(request)
  }
}

/** @param pseudonym by which this node knows a request that it has forwarded */
function refusalOf(request: Request, pseudonym: string): KvsError | undefined {
  if (hasPassed(request, pseudonym)) return new KvsError('loop_detected')
  return request.path.startsWith('/') ? undefined : new KvsError('bad_request', 'only a path can be forwarded')
}
