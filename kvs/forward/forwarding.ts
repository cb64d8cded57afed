import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Pool } from 'undici'
import { KvsError } from '../errors.ts'
import { type Answer, otherRoute } from '../http/answer.ts'
import { answerError, renderAsErrorJson } from '../http/answers.ts'
import { isHostGiven } from '../http/headers.ts'
import { liveness } from '../http/health.ts'
import { metricsRoute } from '../http/metrics.ts'
import type { HttpOptions } from '../http/server.ts'
import { forwardingMetrics } from '../metrics/forwarding.ts'
import { httpMetrics } from '../metrics/http.ts'
import { makeMetricsReader } from '../metrics/reader.ts'
import { makeExchange } from './exchange.ts'
import { hasPassed } from './headers.ts'
import { makeReadiness } from './health.ts'
import { makeReach } from './reach.ts'

export interface ForwardingOptions extends HttpOptions {
  /** The target's `host:port`, as it can stand in a URL. */
  readonly address: string
  readonly forwardTimeoutMs: number
  /** Of this program. */
  readonly version: string
}

/** What a forwarding node does with a request. */
export interface Forwarding {
  answer(request: IncomingMessage, response: Answer): void
  /** Says on /readyz that the node is about to stop; requests are still forwarded. */
  announceStop(): void
  /** Ends every connection to the target. What still waits for an answer gets its 503. */
  stop(): Promise<void>
}

/** A target takes a connection at once, or when a packet that was lost is sent again: after 1 s, and after 3. */
const maxConnectMs = 5_000

/** Under which requests are counted that are forwarded. */
const forwardedRoutes = ['/v1/*', '/kvs/*']
const isOf = (route: string, path: string) => path.startsWith(route.slice(0, -1))

export function makeForwarding({
  address: target,
  forwardTimeoutMs: timeoutMs,
  version,
  tally,
  logger,
}: ForwardingOptions): Forwarding {
  let isStopping = false
  /** By which this node knows a request that it has forwarded. */
  const pseudonym = `kvs-${randomBytes(8).toString('hex')}`
  const dispatcher = new Pool(`http://${target}`, {
    connect: { timeout: Math.min(timeoutMs, maxConnectMs) },
    // An idle connection is closed this much sooner than the target says it will, so that a request does not cross its end.
    keepAliveTimeoutThreshold: 1_000,
    // Where it does not say
    keepAliveTimeout: 4_000,
    // The exchange has its own
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const reach = makeReach(target, logger)
  const exchange = makeExchange({ dispatcher, target, timeoutMs, pseudonym, reach })
  const ready = makeReadiness({ dispatcher, target, pseudonym, reach, isStopping: () => isStopping })
  const readMetrics = makeMetricsReader([
    ...forwardingMetrics({ version, isTargetUp: () => reach.isUp }),
    ...httpMetrics(tally),
  ])
  const ownPages = new Map([
    ['/livez', liveness({ position: () => '' }).GET],
    ['/readyz', ready],
    ['/healthz', ready],
    ['/metrics', metricsRoute(readMetrics).GET],
  ])

  function refusalOf(request: IncomingMessage, path: string): KvsError | undefined {
    if (!isHostGiven(request)) return new KvsError('bad_request', 'a request needs one Host header (RFC 9112, 3.2)')
    if (hasPassed(request, pseudonym)) return new KvsError('loop_detected')
    return path.startsWith('/') ? undefined : new KvsError('bad_request', 'only a path can be forwarded')
  }

  return {
    answer(request, response) {
      const { method, url = '' } = request
      // The absolute form (RFC 9112, 3.2.2) names this node, not the target.
      const path = url.replace(/^https?:\/\/[^/?#]*\/?/i, '/')
      const refusal = refusalOf(request, path)
      const page = path.replace(/\?.*/, '')
      const ownPage = method === 'GET' || method === 'HEAD' ? ownPages.get(page) : undefined
      response.route = ownPages.has(page) ? page : (forwardedRoutes.find((route) => isOf(route, page)) ?? otherRoute)
      if (refusal) answerError(request, response, refusal, [], renderAsErrorJson)
      else if (ownPage) void ownPage(request, response, path, '')
      else exchange(request, response, path)
    },

    announceStop() {
      isStopping = true
    },

    stop: () => dispatcher.destroy(),
  }
}
