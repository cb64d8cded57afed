import { constants } from 'node:crypto'
import type { Server as HttpServer, IncomingMessage, ServerOptions } from 'node:http'
import { createServer, Server } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import { type ClientCas, recordCertificate } from '../../access/index.ts'
import { KvsError } from '../../core/errors.ts'
import type { TlsTexts } from '../../tls/index.ts'
import type { Answer } from '../exchange/index.ts'
import { peerOf } from './connection-limit.ts'
import { unparsedAnswer } from './parse-errors.ts'

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
  const cas = tls.ca === undefined ? undefined : { pem: tls.ca }
  if (cas) casOf.set(server, cas)
  const casAtStart = new Map<string, string | undefined>()
  const tellNoTls = ({ remoteAddress }: Socket, why: string) => {
    if (logger.isLevelEnabled('debug')) logger.debug(`no TLS with ${remoteAddress}: ${why}`)
  }
  const answerPlain = (socket: Socket) => {
    tellNoTls(socket, 'it speaks plain HTTP')
    socket.write(unparsedAnswer(new KvsError('bad_request', 'this port speaks HTTPS: write https://')))
    socket.destroySoon()
  }
  beforeHandshake(server, options.headersTimeout ?? 0, answerPlain, (socket) => {
    const peer = peerOf(socket)
    casAtStart.set(peer, cas?.pem)
    socket.once('close', () => casAtStart.delete(peer))
  })
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const caPem = casAtStart.get(peerOf(socket))
    if (cas && caPem !== undefined) recordCertificate(socket, cas, caPem)
  })
  // Node's own has these answered as if they were HTTP's errors.
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (error: Error, socket) => {
    tellNoTls(socket, error.message.trim())
    socket.destroy()
  })
  return server
}

/**
 * Looks at what each connection begins with, before OpenSSL does: plain HTTP gets an answer that says what is wrong, and a
 * close that does not take it back. Left to OpenSSL, the connection is gone with its first error, whatever else is on it.
 */
function beforeHandshake(
  server: Server,
  timeoutMs: number,
  answerPlain: (socket: Socket) => void,
  begin: (socket: Socket) => void,
): void {
  const handshakes = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs)
    const destroy = () => socket.destroy()
    socket.once('close', () => clearTimeout(timer))
    socket.on('error', destroy).once('end', destroy)
    socket.once('data', (first: Buffer) => {
      clearTimeout(timer)
      socket.off('end', destroy)
      if (/^[A-Z]+ /.test(first.subarray(0, 16).toString('latin1'))) return answerPlain(socket)
      socket.pause().unshift(first)
      socket.off('error', destroy)
      begin(socket)
      for (const handshake of handshakes) handshake.call(server, socket)
    })
  })
}

const casOf = new WeakMap<HttpServer, ClientCas>()

/**
 * For new connections; those that are there go on, but where a client's certificate is of no CA that is left. Sessions that
 * were made under the former texts are not resumed.
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
    // A client could have the server work for it over and over on one connection.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  }
}
