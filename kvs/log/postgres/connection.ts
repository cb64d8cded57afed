import type { ConnectionOptions } from 'node:tls'
import { DatabaseError } from 'pg'
import type { PostgresTarget } from '../../config/index.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Connection, openConnection } from './client-connection.ts'
import { isTlsMissing } from './failure-explanation.ts'
import { tlsOptions } from './server-tls.ts'

export type { Connection }

/**
 * Connects as libpq would for the target's sslmode, with password and certificates as their files have them now.
 * Rejects with the error of `pg`, the socket or the target.
 * @param timeoutMs how long connecting, and by default the answer to one query, may take
 */
export async function connect(
  given: PostgresTarget,
  timeoutMs: number,
  clock: Clock = systemClock,
): Promise<Connection> {
  const target = given.reread?.() ?? given
  const ssl = target.host.startsWith('/') ? false : tlsOptions(target)
  const { mode } = target.tls
  const open = (ssl: ConnectionOptions | false) => openConnection(target, ssl, timeoutMs, clock)
  // Without TLS there is nothing that the login could be bound to.
  if (target.channelBinding === 'require' || ssl === false) return open(ssl)
  if (mode === 'prefer') return preferTls(open, ssl)
  return mode === 'allow' ? allowTls(open, ssl) : open(ssl)
}

type Open = (ssl: ConnectionOptions | false) => Promise<Connection>

/** With TLS if the server offers it and lets us in with it, else plain. */
async function preferTls(open: Open, ssl: ConnectionOptions): Promise<Connection> {
  try {
    return await open(ssl)
  } catch (error) {
    if (!isTlsRefusal(error)) throw error
    return open(false).catch((plainError) => {
      // Where neither is let in, the reason with TLS is the one that helps.
      throw isNotLetIn(plainError) && !isTlsMissing(error) ? error : plainError
    })
  }
}

/** Plain if the server lets us in so, else with TLS. */
async function allowTls(open: Open, ssl: ConnectionOptions): Promise<Connection> {
  try {
    return await open(false)
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    return open(ssl).catch((tlsError) => {
      throw isTlsMissing(tlsError) ? error : tlsError
    })
  }
}

/** 28000, invalid_authorization_specification: no entry of pg_hba.conf lets this client in. */
function isNotLetIn(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '28000'
}

/**
 * Whether a plain connection is worth a try. Not where the server turned our certificate away, which in TLS 1.3 it does
 * after the handshake: plain text would hide that.
 */
function isTlsRefusal(error: unknown): boolean {
  if (error instanceof DatabaseError) return isNotLetIn(error)
  const { code = '', message = '' } = error as { code?: string; message?: string }
  if (/^ERR_SSL_\w+_ALERT_(\w*CERTIFICATE|UNKNOWN_CA)/.test(code)) return false
  return /SSL/.test(message) || /^(ERR_TLS|ERR_SSL|EPROTO)/.test(code)
}
