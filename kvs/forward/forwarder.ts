import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { flushCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Pool } from 'undici'
import { KvsError } from '../errors.ts'
import { answerError, renderAsErrorJson } from '../http/answers.ts'
import { liveness } from '../http/health.ts'
import { type HttpOptions, makeHttpServer } from '../http/server.ts'
import { countdown, finish, listen } from '../serving.ts'
import { makeExchange } from './exchange.ts'
import { hasPassed, isHostGiven } from './headers.ts'
import { makeReadiness } from './health.ts'
import { makeReach } from './reach.ts'

export interface ForwarderOptions extends HttpOptions {
  /** `host:port`, as it can stand in a URL. */
  readonly address: string
  readonly host: string
  readonly port: number
  readonly forwardTimeoutMs: number
  readonly drainDelayMs: number
  readonly shutdownTimeoutMs: number
  readonly logger: Logger
  /** Settles when the process is told to stop, with what told it. */
  readonly told: Promise<string>
}

/** A connection is taken at once, or after the packet that was lost is sent again, which is after 1 s and after 3. */
const maxConnectMs = 5_000

/** Forwards until told to stop. Holds nothing, so that it is there as soon as it listens. */
export async function runForwarder(options: ForwarderOptions): Promise<void> {
  const { address, logger, told } = options
  const forwarding = makeForwarding(options)
  const server = makeHttpServer(options, forwarding.answer)
  logger.info(`forwarding every request to http://${address}`)
  await listen(server, options, logger)
  flushCompileCache()

  logger.info(`${await told}: finishing what is under way`)
  forwarding.announceStop()
  await sleep(options.drainDelayMs)
  await finish(server, forwarding.stop, countdown(options.shutdownTimeoutMs))
  logger.info('stopped')
}

/** What a forwarder does with a request. */
export function makeForwarding({ address: target, forwardTimeoutMs: timeoutMs, logger }: ForwarderOptions) {
  let isStopping = false
  const pseudonym = `kvs-${randomBytes(8).toString('hex')}`
  const dispatcher = new Pool(`http://${target}`, {
    connect: { timeout: Math.min(timeoutMs, maxConnectMs) },
    // An idle connection is closed this much sooner than the target says it will, so that the two don't cross.
    keepAliveTimeoutThreshold: 1_000,
    // Where it does not say
    keepAliveTimeout: 4_000,
    // The exchange's own
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const exchange = makeExchange({ dispatcher, target, timeoutMs, pseudonym, reach: makeReach(target, logger), logger })
  const ready = makeReadiness({ dispatcher, target, pseudonym, isStopping: () => isStopping })
  const own = new Map([
    ['/livez', liveness({ position: () => '' }).GET],
    ['/readyz', ready],
    ['/healthz', ready],
  ])

  function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    ...error: ConstructorParameters<typeof KvsError>
  ) {
    answerError(request, response, new KvsError(...error), [], renderAsErrorJson)
  }

  return {
    answer(request: IncomingMessage, response: ServerResponse): void {
      const { method, url = '' } = request
      // The absolute form (RFC 9112, 3.2.2) names this node, not the target.
      const path = url.replace(/^https?:\/\/[^/?#]*\/?/i, '/')
      const ownPage = method === 'GET' || method === 'HEAD' ? own.get(path.replace(/\?.*/, '')) : undefined
      if (!isHostGiven(request))
        refuse(request, response, 'bad_request', 'a request needs one Host header (RFC 9112, 3.2)')
      else if (hasPassed(request, pseudonym)) refuse(request, response, 'loop_detected')
      else if (ownPage) void ownPage(request, response, path, '')
      else if (!path.startsWith('/')) refuse(request, response, 'bad_request', 'only a path can be forwarded')
      else exchange(request, response, path)
    },

    /** Says on /readyz that the node is about to stop; requests are still forwarded. */
    announceStop(): void {
      isStopping = true
    },

    /** What still waits for an answer gets its 503. */
    stop: (): Promise<void> => dispatcher.destroy(),
  }
}
