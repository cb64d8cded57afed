import { DatabaseError } from 'pg'

/**
 * Whether Postgres itself answered a statement with an error and rolled it back, so that it is known to have changed
 * nothing. All else after sending leaves the outcome open: a lost connection, a FATAL error, and the classes that tell
 * of one: 08 (connection), 57P (shutdown), 40003 (statement completion unknown).
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isAnswer(error: unknown): error is DatabaseError {
  if (!(error instanceof DatabaseError)) return false
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return false
  return !/^(08|57P|40003)/.test(error.code ?? '')
}

/**
 * Whether an answered error says that the log takes no writes just now, whatever they are: out of resources (53, 58),
 * read only (25006), cancelled (57), not to be locked (55P03), rolled back for others' sake (40).
 */
export function takesNoWrites(error: DatabaseError): boolean {
  return /^(53|58|25006|57|55P03|40)/.test(error.code ?? '')
}

/** As `pg` says, without a code, that the server offers no TLS. */
export function isTlsMissing(error: unknown): boolean {
  return error instanceof Error && error.message === 'The server does not support SSL connections'
}

/** What `pg` says, without a code, of any other answer than yes or no to the question for TLS */
const handshakeBroken = 'There was an error establishing an SSL connection'

export interface Where {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly sslmode: string
}

/** One sentence for a person on why Postgres can't be used now, and what to look at; never with a secret. */
export function explain(error: unknown, at: Where): string {
  const place = at.host.startsWith('/') ? `${at.host}/.s.PGSQL.${at.port}` : `${at.host}:${at.port}`
  const code = codeOf(error)
  const text = error instanceof Error ? error.message : String(error)
  const known = sentences[code]
  if (known) return known({ ...at, place, text })
  if (isTlsMissing(error)) {
    return `Postgres at ${place} does not offer TLS, and POSTGRES_SSLMODE=${at.sslmode} needs it`
  }
  if (/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/.test(code)) {
    // Node goes on with advice on options of Node.
    const why = text.replace(/; if the root CA is installed locally.*/s, '')
    return `TLS with Postgres at ${place} failed with POSTGRES_SSLMODE=${at.sslmode}: ${why}: is its CA in POSTGRES_SSLROOTCERT?`
  }
  if (/^(ERR_TLS|ERR_SSL|EPROTO|CERT_|HOSTNAME_MISMATCH)/.test(code) || text === handshakeBroken) {
    return `TLS with Postgres at ${place} failed with POSTGRES_SSLMODE=${at.sslmode}: ${opensslReason(text) ?? text}`
  }
  if (/timeout/i.test(text)) return `Postgres at ${place} does not answer (${text})`
  return `Postgres at ${place}: ${text}${code ? ` (${code})` : ''}`
}

type Told = Where & { place: string; text: string }

const sentences: Record<string, (told: Told) => string> = {
  ECONNREFUSED: (t) => `nothing listens at ${t.place}: is Postgres running there?`,
  ENOENT: (t) => `there is no socket ${t.place}: is Postgres running there?`,
  ENOTFOUND: (t) => `the host name ${t.host} is not known: is that server, or its container, running?`,
  EAI_AGAIN: (t) => `the host name ${t.host} can’t be looked up now`,
  EHOSTUNREACH: (t) => `the host ${t.host} can’t be reached`,
  ENETUNREACH: (t) => `the network of ${t.host} can’t be reached`,
  ETIMEDOUT: (t) => `Postgres at ${t.place} does not answer (timed out)`,
  EMFILE: () => 'this node is out of file descriptors (ulimit -n)',
  ENFILE: () => 'the machine of this node is out of file descriptors (fs.file-max)',
  '28P01': (t) => `Postgres at ${t.place} refuses the password of user "${t.user}"`,
  '28000': (t) => `Postgres at ${t.place} refuses user "${t.user}": ${t.text}`,
  '3D000': (t) => `Postgres at ${t.place} has no database "${t.database}"`,
  '42501': (t) => `user "${t.user}" lacks a right in database "${t.database}": ${t.text}`,
  '53300': (t) => `Postgres at ${t.place} has no connection left: ${t.text}`,
  '57P03': (t) => `Postgres at ${t.place} is starting up or shutting down: ${t.text}`,
  '57P01': (t) => `Postgres at ${t.place} ended the connection: ${t.text}`,
  '25006': (t) => `Postgres at ${t.place} is read only: is it a standby?`,
}

/** The words in OpenSSL's `…:error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:…`, which ends a line */
function opensslReason(text: string): string | undefined {
  return /error:[0-9A-F]+:[^:]*:[^:]*:([^:\n]+)/.exec(text)?.[1]
}

function codeOf(error: unknown): string {
  // A host name with several addresses fails with one error for each of them.
  const first = error instanceof AggregateError ? error.errors[0] : error
  const code = first && typeof first === 'object' && 'code' in first ? first.code : undefined
  return typeof code === 'string' ? code : ''
}
