import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { KvsError } from '../errors.ts'
import type { Store } from '../store.ts'
import type { Tls } from '../tls/texts.ts'
import { admitAtMost } from './admission.ts'
import { answerError } from './answers.ts'
import { makeBodyReader } from './body.ts'
import type { Guard } from './callers.ts'
import { courseworkRoutes } from './coursework.ts'
import { hasHeader } from './headers.ts'
import { liveness, readiness } from './health.ts'
import { makeInTurn } from './in-turn.ts'
import { keyRoutes } from './keys.ts'
import { makeDispatcher, type Routes, rights } from './routes.ts'
import { refusalOf as certificateRefusal, makeTlsServer } from './tls.ts'
import { atEndOfTurn } from './turns.ts'
import { type ConnectionError, unparsed, unparsedAnswer } from './unparsed.ts'

export interface ServerOptions extends HttpOptions {
  readonly store: Pick<Store, 'get' | 'write' | 'writeIf' | 'reach' | 'reachHead' | 'position' | 'logId' | 'status'>
  readonly maxValueBytes: number
  /** Of all values together that are being received. */
  readonly maxWaitingBytes: number
  /** Undefined where everybody may do everything. */
  readonly guard?: Guard | undefined
}

export interface HttpOptions {
  readonly logger: Logger
  /** Where it is there, the server speaks HTTPS; with CAs in it, to clients that have a certificate of theirs. */
  readonly tls?: Pick<Tls, 'texts'> | undefined
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
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const handle = atEndOfTurn<Parameters<RequestListener>>(([request, response]) => {
    // Its connection is at its end: the rest of it was no HTTP. What is answered 400 is not done.
    if (!request.socket.writable) return
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
    maxHeaderSize: options.maxHeaderBytes,
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    optimizeEmptyRequests: true,
    requireHostHeader: false, // left to Node, the answer would be empty
  }
  const { tls, logger } = options
  const server: Server = tls === undefined ? createServer(common) : makeTlsServer({ ...common, tls: tls.texts, logger })
  const isSurplus = admitAtMost(options.maxConnections, server)

  function refusalOf(request: IncomingMessage): KvsError | undefined {
    if (isSurplus(request.socket)) return new KvsError('too_many_connections')
    if (request.httpVersionMajor !== 1) return new KvsError('bad_request', 'the version must be HTTP/1.1 or HTTP/1.0')
    // Whoever has passed it on may know of no chunks, and take the body to be of another length (RFC 9112, 6.1).
    if (request.httpVersionMinor === 0 && hasHeader(request, 'transfer-encoding')) {
      return new KvsError('bad_request', 'HTTP/1.0 has no Transfer-Encoding')
    }
    return tls?.texts.ca === undefined ? undefined : certificateRefusal(request)
  }

  // Those past Node's own bound would be left out without a word, a Transfer-Encoding among them; their bytes are bounded.
  server.maxHeadersCount = 0
  server.on('request', inTurn.take)
  // Left to Node, a client would be told to go on before its Content-Length was looked at.
  server.on('checkContinue', inTurn.take)
  server.on('checkExpectation', inTurn.take)
  // Left to Node, it would be closed without an answer. Its errors are this listener's too.
  server.on('connect', (_, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    inTurn.end(socket, unparsedAnswer(new KvsError('method_not_allowed')))
  })
  server.on('clientError', (error: ConnectionError, socket: Socket) => {
    const known = unparsed(error)
    if (known === undefined) socket.destroy()
    else inTurn.end(socket, unparsedAnswer(known))
  })
  server.setTimeout(options.idleTimeoutMs, (socket) => socket.destroy())
  return server
}

export function routesOf({
  store,
  logger,
  maxValueBytes,
  maxWaitingBytes,
  guard,
}: Pick<ServerOptions, 'store' | 'logger' | 'maxValueBytes' | 'maxWaitingBytes' | 'guard'>): Routes {
  const ready = readiness(store, guard)
  const readBody = makeBodyReader({ maxBytes: maxValueBytes, maxTotalBytes: maxWaitingBytes })
  return {
    '/v1': { [rights]: {} },
    '/v1/': { [rights]: {} },
    '/v1/*': keyRoutes({ store, readBody, logger }),
    ...courseworkRoutes({ store, readBody, logger }),
    '/livez': liveness(store, guard),
    '/readyz': ready,
    '/healthz': ready,
  }
}
