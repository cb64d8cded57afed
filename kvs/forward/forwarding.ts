import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { KvsError } from '../errors.ts'
import { answerError, renderAsErrorJson } from '../http/answers.ts'
import type { Guard } from '../http/callers.ts'
import { isHostGiven } from '../http/headers.ts'
import { liveness } from '../http/health.ts'
import { headersOf } from '../http/routes.ts'
import type { HttpOptions } from '../http/server.ts'
import type { Tls } from '../tls/texts.ts'
import { admit, renderFor } from './door.ts'
import { makeExchange } from './exchange.ts'
import { hasPassed } from './headers.ts'
import { makeReadiness } from './health.ts'
import { makeReach } from './reach.ts'
import { makeTarget, type Target } from './target.ts'

export interface ForwardingOptions extends HttpOptions {
  /** The target's `host:port` or `https://host:port`, as it can stand in a URL. */
  readonly address: string
  /** For https:// */
  readonly forwardTls?: Tls | undefined
  readonly forwardTimeoutMs: number
  /** Undefined where everybody may do everything. */
  readonly guard?: Guard | undefined
}

/** What a forwarding node does with a request. */
export interface Forwarding {
  readonly target: Target
  answer(request: IncomingMessage, response: ServerResponse): void
  /** Says on /readyz that the node is about to stop; requests are still forwarded. */
  announceStop(): void
  /** Ends every connection to the target. What still waits for an answer gets its 503. */
  stop(): Promise<void>
}

export function makeForwarding({
  address,
  forwardTls: tls,
  forwardTimeoutMs: timeoutMs,
  logger,
  guard,
}: ForwardingOptions): Forwarding {
  let isStopping = false
  /** By which this node knows a request that it has forwarded. */
  const pseudonym = `kvs-${randomBytes(8).toString('hex')}`
  const target = makeTarget({ address, tls, timeoutMs, logger })
  const { dispatcher, name } = target
  const exchange = makeExchange({ target, timeoutMs, pseudonym, reach: makeReach(name, logger), logger })
  const ready = makeReadiness({ target, pseudonym, isStopping: () => isStopping, guard })
  const ownPages = new Map([
    ['/livez', liveness({ position: () => '' }, guard).GET],
    ['/readyz', ready],
    ['/healthz', ready],
  ])

  function refusalOf(request: IncomingMessage, path: string): KvsError | undefined {
    if (!isHostGiven(request)) return new KvsError('bad_request', 'a request needs one Host header (RFC 9112, 3.2)')
    if (hasPassed(request, pseudonym)) return new KvsError('loop_detected')
    return path.startsWith('/') ? undefined : new KvsError('bad_request', 'only a path can be forwarded')
  }

  function handOn(request: IncomingMessage, response: ServerResponse, path: string): void {
    try {
      exchange(request, response, path, guard && admit(request, path, guard))
    } catch (error) {
      if (!(error instanceof KvsError)) throw error
      if (logger.isLevelEnabled('debug')) logger.debug(`${request.method} ${path} status=${error.status} ${error.code}`)
      answerError(request, response, error, headersOf(error), renderFor(path))
    }
  }

  return {
    target,

    answer(request, response) {
      const { method, url = '' } = request
      // The absolute form (RFC 9112, 3.2.2) names this node, not the target.
      const path = url.replace(/^https?:\/\/[^/?#]*\/?/i, '/')
      const refusal = refusalOf(request, path)
      const ownPage = method === 'GET' || method === 'HEAD' ? ownPages.get(path.replace(/\?.*/, '')) : undefined
      if (refusal) answerError(request, response, refusal, [], renderAsErrorJson)
      else if (ownPage) void ownPage(request, response, path, '', undefined)
      else handOn(request, response, path)
    },

    announceStop() {
      isStopping = true
    },

    stop: () => dispatcher.destroy(),
  }
}
