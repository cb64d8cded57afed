import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { KvsError } from '../core/errors.ts'

/** The CAs of client certificates, as they are now. */
export interface ClientCas {
  pem: string
}

/** What is known of a connection on which a client certificate was asked for. */
interface Shown {
  readonly cas: ClientCas
  /** Undefined where none was shown, or none that is accepted. */
  readonly certificate: X509Certificate | undefined
  /** A moment of `Date.now()`. */
  readonly expiresAt: number
  /** The CAs under which it is accepted. */
  acceptedUnder: string
}

const connections = new WeakMap<object, Shown>()

/**
 * To be told of each connection when its handshake is done.
 * @param pem the CAs when the handshake began, by which it was done
 */
export function noteCertificate(socket: TLSSocket, cas: ClientCas, pem: string): void {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined
  const expiresAt = certificate?.validToDate.getTime() ?? 0
  connections.set(socket, { cas, certificate, expiresAt, acceptedUnder: pem })
}

/** Whether a client certificate was wanted and none shown, or none that is good by now. */
export function lacksCertificate(connection: object): boolean {
  const shown = connections.get(connection)
  return shown !== undefined && !isGood(shown)
}

/** A request as far as certificates are concerned: Node's own has these fields. */
interface Asked {
  readonly socket: Socket
  readonly method?: string | undefined
  readonly url?: string | undefined
}

/** What a client needs no certificate for, whatever the query: that the node is there, and whether it is ready. */
const open = new Set(['/livez', '/readyz', '/healthz'])

/**
 * Why a request must not be looked at, where client certificates are wanted: undefined where its own is good. That there is
 * one is asked for beside `authorized`: OpenSSL has nothing to verify, and so nothing to object to, where a session is
 * resumed that had none.
 */
export function refusalOf({ socket, method, url = '' }: Asked): KvsError | undefined {
  const shown = connections.get(socket)
  if (shown !== undefined && isGood(shown)) return undefined
  if (shown === undefined || !(socket instanceof TLSSocket)) return new KvsError('certificate_required')
  const [path = ''] = url.split('?', 1)
  if ((method === 'GET' || method === 'HEAD') && open.has(path)) return undefined
  if (socket.getPeerX509Certificate() === undefined) return new KvsError('certificate_required')
  return new KvsError('certificate_required', `the client certificate is not accepted: ${objectionTo(shown, socket)}`)
}

function objectionTo(shown: Shown, { authorizationError }: TLSSocket): string {
  if (shown.certificate === undefined) return String(authorizationError)
  if (shown.expiresAt <= Date.now()) return 'CERT_HAS_EXPIRED'
  return 'the CAs have changed since this connection was made; a new one is looked at anew'
}

function isGood(shown: Shown): boolean {
  if (shown.certificate === undefined || shown.expiresAt <= Date.now()) return false
  if (shown.acceptedUnder === shown.cas.pem) return true
  if (!isIssuedByRoot(shown.certificate, shown.cas.pem)) return false
  shown.acceptedUnder = shown.cas.pem
  return true
}

/** So that a CA can be added with no request failing. What has another CA between is left to a new handshake. */
function isIssuedByRoot(certificate: X509Certificate, pem: string): boolean {
  const roots = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  return roots
    .map((block) => new X509Certificate(block))
    .some((root) => isRoot(root) && certificate.checkIssued(root) && certificate.verify(root.publicKey))
}

function isRoot(certificate: X509Certificate): boolean {
  return certificate.ca && certificate.checkIssued(certificate) && certificate.validToDate.getTime() > Date.now()
}
