import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { KvsError } from '../core/errors.ts'
import {
  answerFailure,
  frontPage,
  liveness,
  type Methods,
  metricsRoute,
  ofForwarder,
  rights,
} from '../http/api/index.ts'
import {
  type Answer,
  answerError,
  type Guard,
  isHostGiven,
  otherRoute,
  renderAsErrorJson,
} from '../http/exchange/index.ts'
import type { HttpOptions } from '../http/index.ts'
import { forwarderMetrics, httpMetrics, makeMetricsReader } from '../metrics/index.ts'
import type { Tls } from '../tls/index.ts'
import { admit, renderFor } from './admission.ts'
import { hasPassed } from './onward-headers.ts'
import { makeExchange } from './proxying.ts'
import { makeReadiness } from './readiness.ts'
import { makeTarget, type Target } from './target.ts'
import { makeReach } from './target-health.ts'

export interface ForwardingOptions extends HttpOptions {
  /** The target's `host:port` or `https://host:port`, as it can stand in a URL. */
  readonly address: string
  /** For https:// */
  readonly forwardTls?: Tls | undefined
  readonly forwardTimeoutMs: number
  /** Undefined where everybody may do everything. */
  readonly guard?: Guard | undefined
  /** Of this program. */
  readonly version: string
}

/** What a forwarding node does with a request. */
export interface Forwarding {
  readonly target: Target
  answer(request: IncomingMessage, response: Answer): void
  /** Says on /readyz that the node is about to stop; requests are still forwarded. */
  announceStop(): void
  /** Ends every connection to the target. What still waits for an answer gets its 503. */
  stop(): Promise<void>
}

/** Under which requests are counted that are forwarded. */
const forwardedRoutes = ['/v1/*', '/kvs/*']
const isOf = (route: string, path: string) => path.startsWith(route.slice(0, -1))

export function makeForwarding({
  address,
  forwardTls: tls,
  forwardTimeoutMs: timeoutMs,
  version,
  tally,
  logger,
  guard,
}: ForwardingOptions): Forwarding {
  let isStopping = false
  /** By which this node knows a request that it has forwarded. */
  const pseudonym = `kvs-${randomBytes(8).toString('hex')}`
  const target = makeTarget({ address, tls, timeoutMs, logger })
  const { dispatcher, name } = target
  const reach = makeReach(name, logger)
  const exchange = makeExchange({ target, timeoutMs, pseudonym, reach })
  const ready = makeReadiness({ target, pseudonym, reach, isStopping: () => isStopping, guard })
  const readMetrics = makeMetricsReader([
    ...forwarderMetrics({ version, isTargetUp: () => reach.isUp }),
    ...httpMetrics(tally),
  ])
  const health: Methods = { GET: ready, HEAD: ready, [rights]: 'open' }
  const ownPages = new Map([
    ['/', frontPage(ofForwarder)],
    ['/livez', liveness({ position: () => '' }, guard)],
    ['/readyz', health],
    ['/healthz', health],
    ['/metrics', metricsRoute(readMetrics)],
  ])

  function refusalOf(request: IncomingMessage, path: string): KvsError | undefined {
    if (!isHostGiven(request)) return new KvsError('bad_request', 'a request needs one Host header (RFC 9112, 3.2)')
    if (hasPassed(request, pseudonym)) return new KvsError('loop_detected')
    return path.startsWith('/') ? undefined : new KvsError('bad_request', 'only a path can be forwarded')
  }

  return {
    target,

    answer(request, response) {
      const { method = '', url = '' } = request
      // The absolute form (RFC 9112, 3.2.2) names this node, not the target.
      const path = url.replace(/^https?:\/\/[^/?#]*\/?/i, '/')
      const refusal = refusalOf(request, path)
      const page = path.replace(/\?.*/, '')
      const own = ownPages.get(page)
      const handle = own?.[method]
      response.about.route = own ? page : (forwardedRoutes.find((route) => isOf(route, page)) ?? otherRoute)
      if (refusal) return answerError(request, response, refusal, [], renderAsErrorJson)
      const fail = (error: unknown) => answerFailure(request, response, error, logger, { renderAs: renderFor(path) })
      try {
        const isOpen = handle !== undefined && own?.[rights] === 'open'
        if (guard && !isOpen) admit(request, response, path, guard)
        if (handle) handle(request, response, path, '')?.catch(fail)
        else exchange(request, response, path)
      } catch (error) {
        fail(error)
      }
    },

    announceStop() {
      isStopping = true
    },

    stop: () => dispatcher.destroy(),
  }
}
