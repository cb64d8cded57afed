import type { Logger } from 'pino'
import { KvsError } from '../core/errors.ts'
import { aboutForwarder, type Dialect, type Handle, keyFor, makeDispatcher, makeRouteTable } from '../http/api/index.ts'
import { type Exchange, type Guard, type HttpTally, type Request, renderAsErrorJson } from '../http/exchange/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import { forwarderMetrics, httpMetrics, makeMetricsReader } from '../metrics/index.ts'
import type { Tls } from '../tls/index.ts'
import { hasPassed } from './onward-headers.ts'
import { makeRequestForwarder } from './request-forwarding.ts'
import { makeTarget, type Target } from './target.ts'
import { makeTargetHealth } from './target-health.ts'
import { makeReadiness } from './target-readiness.ts'

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
  const pseudonym = `kvs-${random.uuid().replaceAll('-', '').slice(-16)}`
  const target = makeTarget({ address: options.address, tls, timeoutMs, logger })
  const health = makeTargetHealth(target.name, logger, clock)
  const forward = makeRequestForwarder({ target, timeoutMs, pseudonym, health })
  const forwardKeys = (dialect: Dialect) => makeKeyForwarder(dialect, forward)
  const routes = makeRouteTable({
    about: aboutForwarder,
    keysOf(dialect) {
      const handle = forwardKeys(dialect)
      return { GET: handle, HEAD: handle, PUT: handle, DELETE: handle }
    },
    ready: makeReadiness({ target, pseudonym, health, isStopping: () => isStopping, guard }),
    position: () => '',
    readMetrics: makeMetricsReader([
      ...forwarderMetrics({ version: options.version, isTargetUp: () => health.isUp }),
      ...httpMetrics(options.tally),
    ]),
    guard,
    forward: (dialect) => (dialect === undefined ? forward : forwardKeys(dialect)),
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

/** With tokens, a forwarder asks of a caller what a node would: its target may know no tokens. */
function makeKeyForwarder({ prefix }: Dialect, forward: Handle): Handle {
  return (request) => {
    if (request.caller !== undefined) keyFor(request, request.path.slice(prefix.length))
    return forward(request)
  }
}

/** @param pseudonym by which this node knows a request that it has forwarded */
function refusalOf(request: Request, pseudonym: string): KvsError | undefined {
  if (hasPassed(request, pseudonym)) return new KvsError('loop_detected')
  return request.path.startsWith('/') ? undefined : new KvsError('bad_request', 'only a path can be forwarded')
}
