import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, TLSSocket } from 'node:tls'
import type { PostgresTarget, TlsSettings } from '../../config/index.ts'

/**
 * `pg`'s TLS options for an sslmode of libpq; false is a plain connection. `pg` never sees the mode, since it gives
 * modes other meanings. `allow`, `prefer` and `require` don't check the certificate, except that `require` with a root
 * certificate checks it as `verify-ca` does. https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export function tlsOptions({ tls, host, address }: PostgresTarget): ConnectionOptions | false {
  if (tls.mode === 'disable') return false
  const verified = isVerified(tls)
  return {
    rejectUnauthorized: verified,
    checkServerIdentity: tls.mode === 'verify-full' ? checkServerIdentity : () => undefined,
    ...(verified && tls.ca !== undefined && tls.ca !== 'system' && { ca: tls.ca }),
    ...(tls.minVersion && { minVersion: tls.minVersion }),
    ...(tls.maxVersion && { maxVersion: tls.maxVersion }),
    // Without these, `pg` and Node would check the certificate for the address.
    ...(address !== undefined && { host, ...(isIP(host) === 0 && { servername: host }) }),
    ...(tls.cert !== undefined && { cert: tls.cert }),
    ...(tls.key !== undefined && { key: tls.key }),
  }
}

/** The TLS that a connection really has, for the log line. */
export function describeTls(stream: unknown, tls: TlsSettings): string {
  if (!(stream instanceof TLSSocket)) return 'not encrypted'
  const version = stream.getProtocol() ?? 'TLS'
  if (!isVerified(tls)) return `${version}, certificate not checked`
  return tls.mode === 'verify-full'
    ? `${version}, certificate and host name checked`
    : `${version}, certificate checked`
}

function isVerified(tls: TlsSettings): boolean {
  if (tls.mode === 'disable' || tls.mode === 'allow' || tls.mode === 'prefer') return false
  return tls.mode !== 'require' || tls.ca !== undefined
}
