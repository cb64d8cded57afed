import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { KvsError } from '../core/errors.ts'
import { type Clock, systemClock } from '../lib/clock.ts'

/** The CAs that client certificates are checked against. Their reload changes `pem`. */
export interface ClientCas {
  pem: string
}

/** What a connection that was asked for a client certificate has shown. */
interface ShownCertificate {
  readonly cas: ClientCas
  /** The accepted certificate; undefined when the client showed none, or one that is not accepted. */
  readonly certificate: X509Certificate | undefined
  /** Wall-clock time in milliseconds since 1970; 0 without a certificate. */
  readonly expiresAt: number
  readonly clock: Clock
  /** The CAs under which the certificate was last accepted. */
  acceptedUnder: string
}

const connections = new WeakMap<object, ShownCertificate>()

/**
 * Records the client certificate of a connection. It must be called for each connection when its handshake is done.
 * @param pem the CAs at the start of the handshake, which decided it
 */
export function recordCertificate(socket: TLSSocket, cas: ClientCas, pem: string, clock: Clock = systemClock): void {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined
  const expiresAt = certificate?.validToDate.getTime() ?? 0
  connections.set(socket, { cas, certificate, expiresAt, clock, acceptedUnder: pem })
}

/** Whether the connection was asked for a client certificate and has none that is valid now. */
export function lacksCertificate(connection: object): boolean {
  const shown = connections.get(connection)
  return shown !== undefined && !isValid(shown)
}

/** A request as far as certificates are concerned: Node's own has these fields. */
interface AskingRequest {
  readonly socket: Socket
  readonly method?: string | undefined
  readonly url?: string | undefined
}

/** Paths that need no certificate, whatever their query: health checks. */
const openPaths = new Set(['/livez', '/readyz', '/healthz'])

/**
 * The error for a request whose connection lacks a valid client certificate; undefined when it has one or needs none.
 * It is called only when client certificates are required. `authorized` alone would not do: it is true for a resumed
 * session that had no certificate, because OpenSSL then has nothing to verify.
 */
export function certificateRefusal({ socket, method, url = '' }: AskingRequest): KvsError | undefined {
  const shown = connections.get(socket)
  if (shown !== undefined && isValid(shown)) return undefined
  if (shown === undefined || !(socket instanceof TLSSocket)) return new KvsError('certificate_required')
  const [path = ''] = url.split('?', 1)
  if ((method === 'GET' || method === 'HEAD') && openPaths.has(path)) return undefined
  if (socket.getPeerX509Certificate() === undefined) return new KvsError('certificate_required')
  return new KvsError(
    'certificate_required',
    `the client certificate is not accepted: ${rejectionReason(shown, socket)}`,
  )
}

function rejectionReason(shown: ShownCertificate, { authorizationError }: TLSSocket): string {
  if (shown.certificate === undefined) return String(authorizationError)
  if (shown.expiresAt <= shown.clock.wallTime()) return 'CERT_HAS_EXPIRED'
  return 'the CAs have changed since this connection was made; a new one is looked at anew'
}

function isValid(shown: ShownCertificate): boolean {
  if (shown.certificate === undefined || shown.expiresAt <= shown.clock.wallTime()) return false
  if (shown.acceptedUnder === shown.cas.pem) return true
  if (!isIssuedByRoot(shown.certificate, shown.cas.pem, shown.clock.wallTime())) return false
  shown.acceptedUnder = shown.cas.pem
  return true
}

/**
 * Whether a root CA has issued the certificate directly, so that adding a CA fails no request of open connections. With
 * an intermediate CA it is false, and the client needs a new handshake.
 */
function isIssuedByRoot(certificate: X509Certificate, pem: string, now: number): boolean {
  const roots = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  return roots
    .map((block) => new X509Certificate(block))
    .some((root) => isRoot(root, now) && certificate.checkIssued(root) && certificate.verify(root.publicKey))
}

function isRoot(certificate: X509Certificate, now: number): boolean {
  return certificate.ca && certificate.checkIssued(certificate) && certificate.validToDate.getTime() > now
}
