import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { certificateRefusal } from '../../access/index.ts'
import { KvsError } from '../../core/errors.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import { batchByTurn } from '../../lib/turn-batching.ts'
import type { Tls } from '../../tls/index.ts'
import {
  type CrossOriginBounds,
  type Exchange,
  type ExchangeContext,
  errorReply,
  type HttpTally,
  hasHeader,
  headerOf,
  makeCompletionTracker,
  makeCrossOriginGuard,
  makeRequestLog,
  NodeRequest,
  NodeResponse,
} from '../exchange/index.ts'
import { type IsSurplus, limitConnections } from './connection-limit.ts'
import { closeByLingering } from './lingering-close.ts'
import { type ConnectionError, lastResponse, parseErrorOf } from './parse-errors.ts'
import { makePipelining, type Pipelining } from './pipelining.ts'
import { makeTlsServer } from './tls-server.ts'

export type HttpServer = Server

export interface HttpOptions {
  readonly logger: Logger
  readonly tally: HttpTally
  /** Node's own by default, as is `random`. */
  readonly clock?: Clock
  readonly random?: Random
  /** A request that takes longer is logged; undefined turns that off. */
  readonly slowRequestMs: number | undefined
  /** Makes the server speak HTTPS; with CAs in it, only to clients that have a certificate of theirs. */
  readonly tls?: Pick<Tls, 'texts'> | undefined
  /** Undefined where every caller has to show a token. The guard is off where clients show certificates. */
  readonly crossOrigin?: CrossOriginBounds | undefined
  readonly maxConnections: number
  readonly maxHeaderBytes: number
  /** Bounds the request line and the headers, in milliseconds, as all that follow. */
  readonly headersTimeoutMs: number
  /** Bounds a whole request, body included. */
  readonly requestTimeoutMs: number
  /** Bounds how long nothing moves on a socket, either way. */
  readonly idleTimeoutMs: number
  /** Bounds how long a kept-alive connection waits between two requests. */
  readonly keepAliveTimeoutMs: number
}

/** Makes a node:http server that hands each request to `serve`, in the order in which a connection sent them. */
export function makeHttpServer(options: HttpOptions, serve: (exchange: Exchange) => void): HttpServer {
  const { tls, tally, logger, clock = systemClock, random = systemRandom } = options
  const track = makeCompletionTracker(tally, makeRequestLog(options))

  function handle(request: NodeRequest): void {
    const { message, response } = request
    // The connection is at its end: what came behind this request was no HTTP. A request that gets a 400 is not done.
    if (!message.socket.writable) return
    track(request)
    // The server is draining, or the client asks for an upgrade: it gets none, but the parser has lost its place behind
    // it.
    if (!server.listening || hasHeader(request, 'upgrade')) response.shouldKeepAlive = false
    const refusal = refusalOf(request)
    if (refusal === undefined) return void serve(request)
    response.shouldKeepAlive = false
    request.send(errorReply(request, refusal))
  }

  const pipelining = makePipelining(batchByTurn(handle, clock))
  const nodeOptions = {
    ServerResponse: NodeResponse,
    maxHeaderSize: options.maxHeaderBytes,
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    optimizeEmptyRequests: true,
    requireHostHeader: false, // Node's own response would be empty
  }
  const server: Server =
    tls === undefined ? createServer(nodeOptions) : makeTlsServer({ ...nodeOptions, tls: tls.texts, logger, clock })
  closeByLingering(server, clock)
  const isSurplus = limitConnections(options.maxConnections, server, tally, clock)
  const refusalOf = makeRefusal(options, isSurplus)
  server.setTimeout(options.idleTimeoutMs, (socket) => socket.destroy())
  takeRequests(server, { clock, random }, pipelining)
  takeErrors(server, isSurplus, pipelining, tally)
  return server
}

function takeRequests(server: Server, context: ExchangeContext, pipelining: Pipelining): void {
  const take = (message: IncomingMessage, response: NodeResponse) =>
    pipelining.take(new NodeRequest(message, response, context))

  // Past Node's own bound, headers would be left out silently, a Transfer-Encoding among them. Their bytes are bounded.
  server.maxHeadersCount = 0
  server.on('request', take)
  // Node would tell the client to go on before its Content-Length was looked at.
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
}

/** Ends connections on which something came that is not a request, or not one that can be handled. */
function takeErrors(server: Server, isSurplus: IsSurplus, pipelining: Pipelining, tally: HttpTally): void {
  function giveUp(socket: Socket, error: KvsError): void {
    const known = isSurplus(socket) ? new KvsError('too_many_connections') : error
    if (pipelining.end(socket, lastResponse(known))) tally.countUnparsed(known.code)
  }

  // Node would close it without a response. Its errors are this listener's too.
  server.on('connect', (_, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    giveUp(socket, new KvsError('method_not_allowed'))
  })
  server.on('clientError', (error: ConnectionError, socket: Socket) => {
    const known = parseErrorOf(error)
    if (known === undefined) socket.destroy()
    else giveUp(socket, known)
  })
}

/** Makes the function that says why a request must not be served at all; its connection closes with the refusal. */
function makeRefusal({ tls, crossOrigin }: HttpOptions, isSurplus: IsSurplus) {
  const crossOriginRefusal = crossOrigin && tls?.texts.ca === undefined ? makeCrossOriginGuard(crossOrigin) : undefined

  return (request: NodeRequest): KvsError | undefined => {
    const { message } = request
    if (isSurplus(message.socket)) return new KvsError('too_many_connections')
    if (message.httpVersionMajor !== 1) return new KvsError('bad_request', 'the version must be HTTP/1.1 or HTTP/1.0')
    const coding = headerOf(request, 'transfer-encoding')
    if (coding !== undefined) {
      // A proxy before us may know no chunks, and take the body to be of another length (RFC 9112, 6.1).
      if (message.httpVersionMinor === 0) return new KvsError('bad_request', 'HTTP/1.0 has no Transfer-Encoding')
      // Node's parser takes off the chunks only, and what is left would be stored for the value.
      if (coding.toLowerCase() !== 'chunked') return new KvsError('unknown_coding')
    }
    return tls?.texts.ca === undefined ? crossOriginRefusal?.(request) : certificateRefusal(message)
  }
}
