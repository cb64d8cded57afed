import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { KvsError } from '../errors.ts'
import type { Store } from '../store.ts'
import { Answer } from './answer.ts'
import { render } from './answers.ts'
import { makeBodyReader } from './body.ts'
import { courseworkRoutes } from './coursework.ts'
import { liveness, readiness } from './health.ts'
import { keyRoutes } from './keys.ts'
import { metricsRoute, type ReadMetrics } from './metrics.ts'
import { makeRequestLog } from './request-log.ts'
import { makeDispatcher, type Routes } from './routes.ts'
import type { HttpTally } from './tally.ts'
import { atEndOfTurn } from './turns.ts'
import { makeWatch } from './watch.ts'

export interface ServerOptions extends HttpOptions {
  readonly store: Pick<Store, 'get' | 'write' | 'writeIf' | 'reach' | 'reachHead' | 'position' | 'logId' | 'status'>
  readonly readMetrics: ReadMetrics
  readonly maxValueBytes: number
  /** Of all values together that are being received. */
  readonly maxWaitingBytes: number
}

export interface HttpOptions {
  readonly logger: Logger
  readonly tally: HttpTally
  /** A request that takes longer is told in the log; undefined: none is. */
  readonly slowRequestMs: number | undefined
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
    makeDispatcher(routesOf(options), options.logger, () => options.store.position()),
  )
}

/** An HTTP server that hands each request to `answer`, in the order they came in on their connection. */
export function makeHttpServer(
  options: HttpOptions,
  answer: (request: IncomingMessage, response: Answer) => void,
): Server {
  const { tally } = options
  const watch = makeWatch(tally, makeRequestLog(options))
  const handle = atEndOfTurn<[IncomingMessage, Answer]>(([request, response]) => {
    watch(response)
    if (!server.listening) response.shouldKeepAlive = false // draining: this connection's last request
    answer(request, response)
  })
  const dispatch = (...exchange: [IncomingMessage, Answer]): void => {
    const [request, response] = exchange
    response.arrivedAt = performance.now()
    // Pipelined requests take effect in their order (RFC 9112, 9.3.2), though a PUT has to wait for its body.
    const before = latest.get(request.socket)
    latest.set(request.socket, response)
    if (before === undefined || before.writableEnded) handle(exchange)
    else before.once('close', () => handle(exchange))
  }
  const latest = new WeakMap<Socket, Answer>()
  const server = createServer({
    ServerResponse: Answer,
    maxHeaderSize: options.maxHeaderBytes,
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    optimizeEmptyRequests: true,
    requireHostHeader: false, // left to Node, the answer would be empty
  })
  server.maxConnections = options.maxConnections
  server.on('request', dispatch)
  // Left to Node, a client would be told to go on before its Content-Length was looked at.
  server.on('checkContinue', dispatch)
  server.on('checkExpectation', dispatch)
  server.on('clientError', (error: ParserError, socket: Socket) => answerUnparsed(error, socket, tally))
  server.on('drop', () => tally.refused++)
  server.on('connection', (socket) => {
    tally.connections++
    socket.once('close', () => tally.connections--)
  })
  server.setTimeout(options.idleTimeoutMs, (socket) => socket.destroy())
  return server
}

export function routesOf({
  store,
  readMetrics,
  maxValueBytes,
  maxWaitingBytes,
}: Pick<ServerOptions, 'store' | 'readMetrics' | 'maxValueBytes' | 'maxWaitingBytes'>): Routes {
  const ready = readiness(store)
  const readBody = makeBodyReader({ maxBytes: maxValueBytes, maxTotalBytes: maxWaitingBytes })
  return {
    '/v1': {},
    '/v1/': {},
    '/v1/*': keyRoutes({ store, readBody }),
    ...courseworkRoutes({ store, readBody }),
    '/livez': liveness(store),
    '/readyz': ready,
    '/healthz': ready,
    '/metrics': metricsRoute(readMetrics),
  }
}

type ParserError = Error & { code?: string; rawPacket?: Buffer }

/** Answers what the parser gave up on, where there is no request to answer. */
function answerUnparsed(error: ParserError, socket: Socket, tally: HttpTally): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const known = unparsed(error)
  tally.countUnparsed(known.code)
  const [type, body] = render(known, false)
  socket.end(
    `HTTP/1.1 ${known.status} ${STATUS_CODES[known.status]}\r\nConnection: close\r\nContent-Type: ${type}\r\n` +
      `X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n` +
      `${known.status === 405 ? 'Allow: GET, HEAD, PUT, DELETE\r\n' : ''}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function unparsed({ code, message, rawPacket }: ParserError): KvsError {
  if (code === 'HPE_HEADER_OVERFLOW') return new KvsError('headers_too_large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new KvsError('too_slow')
  // Node's parser knows a fixed set of methods
  const looksLikeMethod = /^[A-Za-z]+ \//.test(rawPacket?.subarray(0, 32).toString('latin1') ?? '')
  if (code === 'HPE_INVALID_METHOD' && looksLikeMethod) return new KvsError('method_not_allowed')
  if (code === 'HPE_INVALID_URL') {
    return new KvsError(
      'bad_key',
      'the path must begin with "/", and all but ASCII in it be percent-encoded, as curl does not by itself',
    )
  }
  return new KvsError('bad_request', `the request is not valid HTTP: ${message}`)
}
