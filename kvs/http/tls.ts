import { constants } from 'node:crypto'
import type { Server as HttpServer, IncomingMessage, ServerOptions } from 'node:http'
import { createServer, Server } from 'node:https'
import type { Socket } from 'node:net'
import { type SecureContextOptions, TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import { KvsError } from '../errors.ts'
import type { TlsTexts } from '../tls/texts.ts'
import { peerOf } from './admission.ts'
import type { Answer } from './answer.ts'
import { unparsedAnswer } from './unparsed.ts'

export interface TlsServerOptions extends ServerOptions<typeof IncomingMessage, typeof Answer> {
  readonly tls: TlsTexts
  readonly logger: Pick<Logger, 'debug' | 'isLevelEnabled'>
}

/**
 * Node's HTTPS server, for HTTP/1.1 alone. A client certificate is asked for where there are CAs for it, but it is
 * `refusalOf` that insists on it, so that a client without one is told so, and health checks need none.
 */
export function makeTlsServer({ tls, logger, ...options }: TlsServerOptions): Server {
  const server = createServer({
    ...options,
    ...contextOptions(tls),
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: options.headersTimeout ?? 0,
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: false,
  })
  const below = new Map<string, Socket>()
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    below.set(peer, socket)
    socket.once('close', () => below.delete(peer))
  })
  // Node's own has these answered as if they were HTTP's errors.
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (error: Error & { code?: string }, socket) => {
    if (logger.isLevelEnabled('debug')) logger.debug(`no TLS with ${socket.remoteAddress}: ${error.message.trim()}`)
    const plain = error.code === 'ERR_SSL_HTTP_REQUEST' ? below.get(peerOf(socket)) : undefined
    if (plain === undefined) return void socket.destroy()
    plain.on('error', () => plain.destroy())
    plain.end(unparsedAnswer(new KvsError('bad_request', 'this port speaks HTTPS: write https://')))
    plain.destroySoon()
  })
  return server
}

/** For new connections; those that are there go on. Sessions that were made under the former texts are not resumed. */
export function replaceTls(server: HttpServer, tls: TlsTexts): void {
  if (server instanceof Server) server.setSecureContext(contextOptions(tls))
}

function contextOptions({ cert, key, ca }: TlsTexts): SecureContextOptions {
  return {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    // A client could have the server work for it over and over on one connection.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  }
}

/** So that a certificate is asked for once on each connection. */
const trusted = new WeakSet<Socket>()

/** What a client needs no certificate for: that the node is there, and whether it is ready. */
const open = new Set(['/livez', '/readyz', '/healthz'])

/**
 * Why a request must not be looked at, where client certificates are wanted: undefined where its own is good. That there is
 * one is asked for beside `authorized`: OpenSSL has nothing to verify, and so nothing to object to, where a session is
 * resumed that had none.
 */
export function refusalOf({ socket, method, url = '' }: IncomingMessage): KvsError | undefined {
  if (trusted.has(socket)) return undefined
  if (!(socket instanceof TLSSocket)) return new KvsError('certificate_required')
  const isShown = socket.getPeerX509Certificate() !== undefined
  if (isShown && socket.authorized) {
    trusted.add(socket)
    return undefined
  }
  if ((method === 'GET' || method === 'HEAD') && open.has(url)) return undefined
  if (!isShown) return new KvsError('certificate_required')
  return new KvsError('certificate_required', `the client certificate is not accepted: ${socket.authorizationError}`)
}
