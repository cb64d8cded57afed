import { constants } from 'node:crypto'
import type { Server as HttpServer, IncomingMessage, ServerOptions } from 'node:http'
import { createServer, Server } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import { type ClientCas, recordCertificate } from '../../access/index.ts'
import { KvsError } from '../../core/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { TlsTexts } from '../../tls/index.ts'
import type { NodeResponse } from '../exchange/index.ts'
import { peerOf } from './connection-limit.ts'
import { lastResponse } from './parse-errors.ts'

export interface TlsServerOptions extends ServerOptions<typeof IncomingMessage, typeof NodeResponse> {
  readonly tls: TlsTexts
  readonly logger: Pick<Logger, 'debug' | 'isLevelEnabled'>
  readonly clock: Pick<Clock, 'after'>
}

/**
 * Makes Node's HTTPS server, for HTTP/1.1 alone. It asks for a client certificate where there are CAs for it, but
 * leaves it to `refusalOf` to insist on one, so that a client without is told so, and health checks need none.
 */
export function makeTlsServer({ tls, logger, clock, ...options }: TlsServerOptions): Server {
  const server = createServer({
    ...options,
    ...contextOptions(tls),
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: options.headersTimeout ?? 0,
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: false,
  })
  const cas = tls.ca === undefined ? undefined : { pem: tls.ca }
  if (cas) casOf.set(server, cas)
  const casAtStart = new Map<string, string | undefined>()
  const logFailure = ({ remoteAddress }: Socket, why: string) => {
    if (logger.isLevelEnabled('debug')) logger.debug(`no TLS with ${remoteAddress}: ${why}`)
  }
  const refusePlain = (socket: Socket) => {
    logFailure(socket, 'it speaks plain HTTP')
    socket.write(lastResponse(new KvsError('bad_request', 'this port speaks HTTPS: write https://')))
    socket.destroySoon()
  }
  const begin = (socket: Socket) => {
    const peer = peerOf(socket)
    casAtStart.set(peer, cas?.pem)
    socket.once('close', () => casAtStart.delete(peer))
  }
  beforeHandshake(server, { timeoutMs: options.headersTimeout ?? 0, clock, refusePlain, begin })
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const caPem = casAtStart.get(peerOf(socket))
    if (cas && caPem !== undefined) recordCertificate(socket, cas, caPem)
  })
  // Node's own listener would respond as if these were HTTP's errors.
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (error: Error, socket) => {
    logFailure(socket, error.message.trim())
    socket.destroy()
  })
  return server
}

interface HandshakeOptions {
  /** Time that a client has for its first byte. */
  readonly timeoutMs: number
  readonly clock: Pick<Clock, 'after'>
  /** Called for a connection that begins with plain HTTP, instead of the handshake. */
  readonly refusePlain: (socket: Socket) => void
  /** Called right before the handshake. */
  readonly begin: (socket: Socket) => void
}

/**
 * Looks at the first bytes of each connection before OpenSSL does, so that plain HTTP gets a response that says what is
 * wrong, and a lingering close. OpenSSL would destroy the connection with its first error.
 */
function beforeHandshake(server: Server, { timeoutMs, clock, refusePlain, begin }: HandshakeOptions): void {
  const handshakes = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const timer = clock.after(timeoutMs, () => socket.destroy())
    const destroy = () => socket.destroy()
    socket.once('close', () => timer.cancel())
    socket.on('error', destroy).once('end', destroy)
    socket.once('data', (first: Buffer) => {
      timer.cancel()
      socket.off('end', destroy)
      if (/^[A-Z]+ /.test(first.subarray(0, 16).toString('latin1'))) return refusePlain(socket)
      socket.pause().unshift(first)
      socket.off('error', destroy)
      begin(socket)
      for (const handshake of handshakes) handshake.call(server, socket)
    })
  })
}

const casOf = new WeakMap<HttpServer, ClientCas>()

/**
 * Serves new connections with these texts. Open ones go on, except where a client's certificate is of no CA that is
 * left. Sessions that were made under the former texts are not resumed.
 */
export function replaceTls(server: HttpServer, tls: TlsTexts): void {
  if (!(server instanceof Server)) return
  server.setSecureContext(contextOptions(tls))
  const cas = casOf.get(server)
  if (cas && tls.ca !== undefined) cas.pem = tls.ca
}

function contextOptions({ cert, key, ca }: TlsTexts): SecureContextOptions {
  return {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    // Renegotiation lets a client make the server work over and over on one connection.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  }
}
