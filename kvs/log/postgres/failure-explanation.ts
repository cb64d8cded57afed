import { DatabaseError } from 'pg'
import type { PostgresTarget } from '../../config/index.ts'
import { type LoginProblem, LoginRefused } from './login-guard.ts'
import { queryTimeout, transactionPooling } from './postgres-errors.ts'

export interface Where {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly sslmode: string
  readonly channelBinding?: string | undefined
  /** What is odd about the refused password, such as a blank at its end; never the password. Undefined: nothing. */
  readonly passwordNote?: string | undefined
}

/** The `Where` for `explain`. Its note on the password is about what the password's file has when it is read. */
export function whereOf(target: PostgresTarget): Where {
  const { host, port, user, database, channelBinding } = target
  return {
    ...{ host, port, user, database, channelBinding, sslmode: target.tls.mode },
    get passwordNote() {
      try {
        return (target.reread?.() ?? target).passwordNote
      } catch {
        return undefined
      }
    },
  }
}

/**
 * A sentence for a person that says why Postgres can't be used now, and what to look at; never with a secret. Errors of
 * the server are told apart by SQLSTATE and `routine`, not by their words, which lc_messages translates.
 */
export function explain(error: unknown, at: Where): string {
  const place = at.host.startsWith('/') ? `${at.host}/.s.PGSQL.${at.port}` : `${at.host}:${at.port}`
  const facts = { ...at, place, text: error instanceof Error ? error.message : String(error), note: noteOf(at) }
  if (error instanceof LoginRefused) return logins[error.problem]({ ...facts, what: error.what })
  if (error instanceof DatabaseError) return explainAnswer(error, facts)
  return explainTls(error, facts) ?? explainSystem(error, facts)
}

/** Whether the server offers no TLS, which `pg` says without a code. */
export function isTlsMissing(error: unknown): boolean {
  return error instanceof Error && error.message === 'The server does not support SSL connections'
}

interface Facts extends Omit<Where, 'passwordNote'> {
  readonly place: string
  readonly text: string
  readonly note: string
}

type Sentence = (facts: Facts) => string

const noteOf = ({ passwordNote }: Where) => (passwordNote === undefined ? '' : ` (${passwordNote})`)

function explainAnswer({ code = '', routine = '' }: DatabaseError, facts: Facts): string {
  const sentence = answers[`${code} ${routine}`] ?? answers[code]
  return sentence ? sentence(facts) : `Postgres at ${facts.place}: ${facts.text}${code ? ` (${code})` : ''}`
}

const roles = 'set POSTGRES_USER, or the user in DATABASE_URL'

/** By SQLSTATE and, where that says too little, the server's function that raised the error. */
const answers: Record<string, Sentence> = {
  '28P01': (t) =>
    `Postgres at ${t.place} refuses the password of user "${t.user}", or has no such user: ` +
    `look at POSTGRES_USER and POSTGRES_PASSWORD, or at DATABASE_URL${t.note}`,
  '28000': (t) => `Postgres at ${t.place} refuses user "${t.user}": ${t.text}`,
  '28000 ClientAuthentication': (t) =>
    `Postgres at ${t.place} refuses user "${t.user}": ${t.text}: in its pg_hba.conf an entry has to let this user ` +
    'in from here; some let in only with TLS, or only without (POSTGRES_SSLMODE), or only with a certificate ' +
    '(POSTGRES_SSLCERT)',
  '28000 InitializeSessionUserId': (t) =>
    `Postgres at ${t.place} has no user "${t.user}" that may log in: make it (CREATE ROLE … LOGIN), or ${roles}`,
  '28000 auth_failed': (t) =>
    `Postgres at ${t.place} refuses user "${t.user}": ${t.text}: its pg_hba.conf asks for no password there, but ` +
    `for what it knows of this process (peer, ident, cert, …): ${roles} to whom it lets in, or have it ask for ` +
    'scram-sha-256',
  '3D000': (t) =>
    `Postgres at ${t.place} has no database "${t.database}": make it (CREATE DATABASE), or set POSTGRES_DB, or the ` +
    'name in DATABASE_URL',
  '55000 CheckMyDatabase': (t) =>
    `the database "${t.database}" of Postgres at ${t.place} takes no connections: ALTER DATABASE … ` +
    'ALLOW_CONNECTIONS true',
  '42501 CheckMyDatabase': (t) =>
    `user "${t.user}" lacks the right to connect to the database "${t.database}": GRANT CONNECT ON DATABASE … TO …`,
  '42501': (t) => `user "${t.user}" lacks a right in database "${t.database}": ${t.text}`,
  '3F000': (t) =>
    `no schema that user "${t.user}" has in its search_path is there in database "${t.database}": make one (CREATE ` +
    'SCHEMA), or ALTER ROLE … SET search_path to one that is',
  '53300': (t) =>
    `Postgres at ${t.place} has no connection left: ${t.text}: raise max_connections, or end others; a node takes 3`,
  '53300 InitializeSessionUserId': (t) =>
    `user "${t.user}" has all the connections it may have: ALTER ROLE … CONNECTION LIMIT; a node takes 3`,
  '53300 CheckMyDatabase': (t) =>
    `the database "${t.database}" has all the connections it may have: ALTER DATABASE … CONNECTION LIMIT; a node ` +
    'takes 3',
  '57P03': (t) => `Postgres at ${t.place} is starting up or shutting down: ${t.text}`,
  '57P01': (t) => `Postgres at ${t.place} ended the connection: ${t.text}`,
  '25006': (t) =>
    `Postgres at ${t.place} takes no writes: it is a standby, or has default_transaction_read_only=on for the ` +
    `server, the database or user "${t.user}", which some providers set when the disk is full`,
  '26000': (t) =>
    `Postgres at ${t.place} has lost what was prepared for this session (${t.text}): ${transactionPooling}`,
  '42P05': (t) => `Postgres at ${t.place} has what another session has prepared (${t.text}): ${transactionPooling}`,
}

const logins: Record<LoginProblem, (facts: Facts & { what: string | undefined }) => string> = {
  'no password': (t) =>
    `Postgres at ${t.place} asks for a password (${t.what}), and none is set for user "${t.user}": ` +
    'set POSTGRES_PASSWORD, POSTGRES_PASSWORD_FILE or the one in DATABASE_URL',
  'method not supported': (t) =>
    `Postgres at ${t.place} wants user "${t.user}" to log in by ${t.what}, which is not supported: ` +
    'have its pg_hba.conf ask for scram-sha-256',
  'method not allowed': (t) =>
    `Postgres at ${t.place} asked user "${t.user}" for ${t.what}, which require_auth in DATABASE_URL rules out`,
  'not bound to TLS': (t) =>
    `Postgres at ${t.place} does not bind the login to TLS (it asked for ${t.what}), and channel_binding=require in ` +
    'DATABASE_URL needs it: its role has to have a password stored as scram-sha-256, and TLS has to end at Postgres ' +
    'itself',
  'server not proven': (t) =>
    `what listens at ${t.place} let user "${t.user}" in without proof that it knows the password: is it the server ` +
    'it is taken for?',
  'not Postgres': (t) =>
    `what listens at ${t.place} is not Postgres${t.what ? ` (it speaks ${t.what})` : ''}: look at POSTGRES_HOST and ` +
    'POSTGRES_PORT, or at DATABASE_URL',
  'TLS at once': (t) =>
    `what listens at ${t.place} speaks TLS from the start, as Postgres does not: is it the port of another service ` +
    '(POSTGRES_PORT, or DATABASE_URL)?',
  'closed without a word': (t) =>
    `what listens at ${t.place} closed the connection without a word: is it Postgres, or a proxy before one that is ` +
    'down?',
}

/** `pg`'s message, without a code, where the answer to the request for TLS is neither yes nor no. */
const handshakeBroken = 'There was an error establishing an SSL connection'

/** Undefined where it is not about TLS. */
function explainTls(error: unknown, { place, sslmode, channelBinding, text }: Facts): string | undefined {
  const code = codeOf(error)
  const failed = `TLS with Postgres at ${place} failed with POSTGRES_SSLMODE=${sslmode}`
  if (isTlsMissing(error)) {
    const needs = channelBinding === 'require' ? 'channel_binding=require' : `POSTGRES_SSLMODE=${sslmode}`
    return `Postgres at ${place} does not offer TLS, and ${needs} needs it`
  }
  if (/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/.test(code)) {
    // Node appends advice about its own options.
    const why = text.replace(/; if the root CA is installed locally.*/s, '')
    return `${failed}: ${why}: is its CA in POSTGRES_SSLROOTCERT?`
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `${failed}: ${text}: set POSTGRES_HOST to a name in its certificate, or POSTGRES_SSLMODE=verify-ca`
  }
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') {
    return `${failed}: POSTGRES_SSLKEY is not the key to the certificate in POSTGRES_SSLCERT`
  }
  if (code.startsWith('ERR_OSSL_')) {
    return (
      `${failed}: POSTGRES_SSLROOTCERT, POSTGRES_SSLCERT or POSTGRES_SSLKEY is not usable: ` +
      `${opensslReason(text) ?? text}`
    )
  }
  if (/^(ERR_TLS|ERR_SSL|EPROTO|CERT_|HOSTNAME_MISMATCH)/.test(code) || text === handshakeBroken) {
    return `${failed}: ${opensslReason(text) ?? text}`
  }
  if (text.startsWith('SASL channel binding:')) {
    return (
      `${failed}: its certificate’s signature is of a kind that a login can’t be bound to: write ` +
      'channel_binding=disable into DATABASE_URL'
    )
  }
  return undefined
}

/** `pg`'s messages, without a code, where no answer comes in time: to a query, and to connecting. */
const timeouts = new Set([queryTimeout, 'timeout expired'])

function explainSystem(error: unknown, facts: Facts): string {
  const code = codeOf(error)
  const sentence = system[code]
  if (sentence) return sentence(facts)
  if (timeouts.has(facts.text)) return `Postgres at ${facts.place} does not answer (${facts.text})`
  return `Postgres at ${facts.place}: ${facts.text}${code ? ` (${code})` : ''}`
}

const look = 'look at POSTGRES_HOST and POSTGRES_PORT, or at DATABASE_URL'
const noRight: Sentence = (t) =>
  `this process may not use the socket ${t.place}: its user needs the right to search the directory and to write to ` +
  'the socket'

/** Whether the system cuts the path of a socket off (sun_path in unix(7)), and so looks for another one. */
const isTooLong = (path: string) => Buffer.byteLength(path) > (process.platform === 'linux' ? 107 : 103)

function tooLong({ place }: Facts): string {
  return (
    `the path of the socket ${place} is too long for the system: have Postgres put it into a directory with a ` +
    'shorter one'
  )
}

/** By the kernel's error code for the way to a server. */
const system: Record<string, Sentence> = {
  ECONNREFUSED: (t) => `nothing listens at ${t.place}: is Postgres running there? Else ${look}`,
  ENOENT: (t) =>
    isTooLong(t.place) ? tooLong(t) : `there is no socket ${t.place}: is Postgres running there? Else ${look}`,
  ENOTDIR: (t) => `there is no socket ${t.place}: ${t.host} is not a directory`,
  EACCES: noRight,
  EPERM: noRight,
  ENOTSOCK: (t) => `${t.place} is no socket: ${look}`,
  EINVAL: (t) => (isTooLong(t.place) ? tooLong(t) : `Postgres at ${t.place}: ${t.text} (EINVAL)`),
  ENOTFOUND: (t) =>
    `the host name ${t.host} is not known: is that server, or its container, running? Else look at POSTGRES_HOST, ` +
    'or at DATABASE_URL',
  ECONNRESET: (t) => `the connection to Postgres at ${t.place} was reset (${t.text})`,
  EAI_AGAIN: (t) => `the host name ${t.host} can’t be looked up now`,
  EHOSTUNREACH: (t) => `the host ${t.host} can’t be reached`,
  ENETUNREACH: (t) => `the network of ${t.host} can’t be reached`,
  ETIMEDOUT: (t) => `Postgres at ${t.place} does not answer (timed out)`,
  EMFILE: () => 'this node is out of file descriptors (ulimit -n)',
  ENFILE: () => 'the machine of this node is out of file descriptors (fs.file-max)',
}

/** The reason in OpenSSL's `…:error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:…`. */
function opensslReason(text: string): string | undefined {
  return /error:[0-9A-F]+:[^:]*:[^:]*:([^:\n]+)/.exec(text)?.[1]
}

function codeOf(error: unknown): string {
  // A host name with several addresses fails with an error for each of them.
  const first = error instanceof AggregateError ? error.errors[0] : error
  const code = first && typeof first === 'object' && 'code' in first ? first.code : undefined
  return typeof code === 'string' ? code : ''
}
