import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { certificateRefusal } from '../access/index.ts'
import type { Found } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import type { Kv } from '../kv/index.ts'
import type { MemoryBudget } from '../memory/index.ts'
import type { Tls } from '../tls/index.ts'
import {
  courseworkRoutes,
  frontPage,
  keyRoutes,
  liveness,
  makeDispatcher,
  metricsRoute,
  ofNode,
  type ReadMetrics,
  type Routes,
  readiness,
  rights,
} from './api/index.ts'
import {
  Answer,
  answerError,
  checkingDigests,
  type Guard,
  type HttpTally,
  hasHeader,
  makeBodyDropper,
  makeBodyReader,
  makeHoldAnswer,
  makePageRefusal,
  makeRequestLog,
  makeWatch,
  type PageBounds,
  transferCodingOf,
} from './exchange/index.ts'
import {
  admitAtMost,
  atEndOfTurn,
  type ConnectionError,
  closeByLingering,
  makeInTurn,
  makeTlsServer,
  unparsed,
  unparsedAnswer,
} from './wire/index.ts'

export interface ServerOptions extends HttpOptions {
  readonly store: Kv & { get(key: string): Found | undefined }
  readonly readMetrics: ReadMetrics
  readonly maxValueBytes: number
  readonly budget: MemoryBudget
  /** Undefined where everybody may do everything. */
  readonly guard?: Guard | undefined
}

export interface HttpOptions {
  readonly logger: Logger
  readonly tally: HttpTally
  /** A request that takes longer is told in the log; undefined: none is. */
  readonly slowRequestMs: number | undefined
  /** Where it is there, the server speaks HTTPS; with CAs in it, to clients that have a certificate of theirs. */
  readonly tls?: Pick<Tls, 'texts'> | undefined
  /** Undefined where every caller has to show a token. They do not hold where clients show certificates. */
  readonly pages?: PageBounds | undefined
  readonly maxConnections: number
  readonly maxHeaderBytes: number
  /** For the request line and the headers, in milliseconds, as all that follow. */
  readonly headersTimeoutMs: number
  /** For a whole request, body included. */
  readonly requestTimeoutMs: number
  /** For a socket on which nothing moves either way. */
  readonly idleTimeoutMs: number
  /** For a kept-alive connection between two requests. */
  readonly keepAliveTimeoutMs: number
}

/** The HTTP server with all its routes, not listening yet. */
export function makeServer(options: ServerOptions): Server {
  return makeHttpServer(
    options,
    makeDispatcher(routesOf(options), options.logger, () => options.store.position(), options.guard),
  )
}

/** An HTTP server that hands each request to `answer`, in the order they came in on their connection. */
export function makeHttpServer(
  options: HttpOptions,
  answer: (request: IncomingMessage, response: Answer) => void,
): Server {
  const { tls, tally, logger, pages } = options
  const watch = makeWatch(tally, makeRequestLog(options))
  const handle = atEndOfTurn<[IncomingMessage, Answer]>(([request, response]) => {
    // Its connection is at its end: the rest of it was no HTTP. What is answered 400 is not done.
    if (!request.socket.writable) return
    watch(response)
    // Draining, or no upgrade: it is not taken up, but the parser has lost its place behind it.
    if (!server.listening || hasHeader(request, 'upgrade')) response.shouldKeepAlive = false
    const refusal = refusalOf(request)
    if (refusal === undefined) answer(request, response)
    else {
      response.shouldKeepAlive = false
      answerError(request, response, refusal)
    }
  })
  const inTurn = makeInTurn((...exchange) => handle(exchange))
  const common = {
    ServerResponse: Answer,
    maxHeaderSize: options.maxHeaderBytes,
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    optimizeEmptyRequests: true,
    requireHostHeader: false, // left to Node, the answer would be empty
  }
  const server: Server = tls === undefined ? createServer(common) : makeTlsServer({ ...common, tls: tls.texts, logger })
  const pageRefusal = pages && tls?.texts.ca === undefined ? makePageRefusal(pages) : undefined
  closeByLingering(server)
  const isSurplus = admitAtMost(options.maxConnections, server, tally)

  function refusalOf(request: IncomingMessage): KvsError | undefined {
    if (isSurplus(request.socket)) return new KvsError('too_many_connections')
    if (request.httpVersionMajor !== 1) return new KvsError('bad_request', 'the version must be HTTP/1.1 or HTTP/1.0')
    const coding = transferCodingOf(request)
    if (coding !== undefined) {
      // Whoever has passed it on may know of no chunks, and take the body to be of another length (RFC 9112, 6.1).
      if (request.httpVersionMinor === 0) return new KvsError('bad_request', 'HTTP/1.0 has no Transfer-Encoding')
      // Node's parser takes off the chunks, and what is left would be stored for the value.
      if (coding !== 'chunked') return new KvsError('unknown_coding')
    }
    return tls?.texts.ca === undefined ? pageRefusal?.(request) : certificateRefusal(request)
  }

  function take(request: IncomingMessage, response: Answer): void {
    response.about.arrivedAt = performance.now()
    inTurn.take(request, response)
  }

  /** On what is no request of those that can be answered. */
  function giveUp(socket: Socket, error: KvsError): void {
    const known = isSurplus(socket) ? new KvsError('too_many_connections') : error
    if (inTurn.end(socket, unparsedAnswer(known))) tally.countUnparsed(known.code)
  }

  // Those past Node's own bound would be left out without a word, a Transfer-Encoding among them; their bytes are bounded.
  server.maxHeadersCount = 0
  server.on('request', take)
  // Left to Node, a client would be told to go on before its Content-Length was looked at.
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
  // Left to Node, it would be closed without an answer. Its errors are this listener's too.
  server.on('connect', (_, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    giveUp(socket, new KvsError('method_not_allowed'))
  })
  server.on('clientError', (error: ConnectionError, socket: Socket) => {
    const known = unparsed(error)
    if (known === undefined) socket.destroy()
    else giveUp(socket, known)
  })
  server.setTimeout(options.idleTimeoutMs, (socket) => socket.destroy())
  return server
}

export function routesOf({
  store,
  readMetrics,
  maxValueBytes,
  budget,
  guard,
}: Pick<ServerOptions, 'store' | 'readMetrics' | 'maxValueBytes' | 'budget' | 'guard'>): Routes {
  const ready = readiness(store, guard)
  const receiveBody = checkingDigests(makeBodyReader({ maxBytes: maxValueBytes, budget }))
  const dropBody = makeBodyDropper(maxValueBytes)
  const holdAnswer = makeHoldAnswer(budget)
  return {
    '/': frontPage(ofNode),
    '/v1': { [rights]: {} },
    '/v1/': { [rights]: {} },
    '/v1/*': keyRoutes({ store, receiveBody, dropBody, holdAnswer }),
    ...courseworkRoutes({ store, receiveBody, dropBody, holdAnswer }),
    '/livez': liveness(store, guard),
    '/readyz': ready,
    '/healthz': ready,
    '/metrics': metricsRoute(readMetrics),
  }
}
