import { isIP } from 'node:net'
import { integer, oneOf, type Parser, text } from './parsers.ts'
import { quoteOrRedact } from './redaction.ts'
import type { Table } from './settings-table.ts'

/** Parameters of a connection that only a URL can set, under libpq's names. */
export const urlOnlySettings = {
  applicationName: { name: 'application_name', parse: text, purpose: 'Name shown in pg_stat_activity' },
  fallbackName: { name: 'fallback_application_name', parse: text, purpose: 'The same, where there is no other' },
  address: { name: 'hostaddr', parse: ipAddress, purpose: 'IP address to connect to, in place of looking up the host' },
  options: { name: 'options', parse: text, purpose: 'Handed to the server at the start of a session' },
  connectSeconds: { name: 'connect_timeout', parse: connectSeconds, purpose: 'Seconds that connecting may take' },
  keepAlives: { name: 'keepalives', parse: oneOf('0', '1'), purpose: 'Whether TCP asks for signs of life' },
  keepAlivesIdle: { name: 'keepalives_idle', parse: integer(0, 86_400), purpose: 'Seconds of silence before it does' },
  channelBinding: {
    name: 'channel_binding',
    default: 'prefer',
    parse: oneOf('disable', 'prefer', 'require'),
    purpose: 'Whether the login is bound to the TLS connection',
  },
  requireAuth: { name: 'require_auth', parse: authMethods, purpose: 'Ways of logging in that the server may ask for' },
  sslNegotiation: {
    name: 'sslnegotiation',
    default: 'postgres',
    parse: oneOf('postgres', 'direct'),
    purpose: 'Whether TLS begins without asking for it first',
  },
  minVersion: { name: 'ssl_min_protocol_version', parse: oneOf(...tlsVersions()), purpose: 'Oldest version of TLS' },
  maxVersion: { name: 'ssl_max_protocol_version', parse: oneOf(...tlsVersions()), purpose: 'Newest version of TLS' },
} satisfies Table

/** Authentication methods under libpq's names. `none` is to be let in without any. */
const authMethodNames = ['password', 'md5', 'scram-sha-256', 'gss', 'sspi', 'oauth', 'none'] as const

export type AuthMethod = (typeof authMethodNames)[number]

function tlsVersions() {
  return ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
}

function ipAddress(text: string): string {
  if (isIP(text)) return text
  throw new Error(`${quoteOrRedact(text)} is not an IP address`)
}

/**
 * Parses seconds. 0 and negative numbers mean for ever to libpq: a network that drops packets would then block a node
 * for ever.
 */
function connectSeconds(text: string): number {
  if (/^(0|-\d+)$/.test(text)) {
    throw new Error(`${text} would wait for ever: write the seconds, or leave it out for POSTGRES_TIMEOUT`)
  }
  return integer(1, 3600)(text)
}

/** Parses a list of allowed methods, or of forbidden ones with a `!` each. Returns the allowed methods. */
function authMethods(text: string): readonly AuthMethod[] {
  const words = text.split(',').map((word) => word.trim())
  const excludes = words.filter((word) => word.startsWith('!'))
  if (excludes.length > 0 && excludes.length < words.length) {
    throw new Error('mixes methods with and without "!": write only what is allowed, or only what is not')
  }
  const parse: Parser<AuthMethod> = oneOf(...authMethodNames)
  const named = words.map((word) => parse(word.replace(/^!/, '')))
  return authMethodNames.filter((method) => named.includes(method) === (excludes.length === 0))
}

/** How a parameter of a URL is handled. */
type Rule =
  /** Sets the text of this key. */
  | { readonly sets: string }
  /** Accepted with these values, which ask for what is done anyway; refused with others, for the reason `why`. */
  | { readonly only: readonly string[]; readonly why: string }

const sets = (key: string): Rule => ({ sets: key })
const only = (values: readonly string[], why: string): Rule => ({ only: values, why })
const never = (why: string): Rule => ({ only: [], why })

const gssapi = 'GSSAPI is not supported'
const oauth = 'a login by OAuth is not supported: set user and password'
const socketOption =
  'Node can’t set it for one connection; POSTGRES_TIMEOUT bounds how long a dead one is taken for alive'
const revocation = 'lists of revoked certificates are not supported'

/**
 * Every parameter that libpq of Postgres 18 knows, and some that other drivers write into URLs.
 * https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
 */
export const urlRules: ReadonlyMap<string, Rule> = new Map([
  ...Object.entries(urlOnlySettings).map(([key, { name }]) => [name, sets(key)] as const),
  ['host', sets('host')],
  ['port', sets('port')],
  ['dbname', sets('database')],
  ['user', sets('user')],
  ['password', sets('password')],
  ['sslmode', sets('sslMode')],
  ['sslrootcert', sets('sslRootCert')],
  ['sslcert', sets('sslCert')],
  ['sslkey', sets('sslKey')],
  ['passfile', never('write the password into the URL, or name a file that holds it alone in POSTGRES_PASSWORD_FILE')],
  ['service', never('services of libpq’s are not read: write what it stands for into the URL')],
  ['servicefile', never('services of libpq’s are not read: write what it stands for into the URL')],
  ['client_encoding', only(['utf8', 'utf-8', 'unicode'], 'the log is read and written in UTF8')],
  ['keepalives_interval', only(['0'], socketOption)],
  ['keepalives_count', only(['0'], socketOption)],
  ['tcp_user_timeout', only(['0'], socketOption)],
  ['requiressl', never('it is long gone: write sslmode=require')],
  ['sslcompression', only(['0'], 'TLS with compression is not supported, since it leaks')],
  [
    'sslcertmode',
    only(['allow'], 'the certificate that POSTGRES_SSLCERT names is shown where the server asks for one'),
  ],
  ['sslpassword', never('a key with a passphrase is not supported: write the key without one')],
  ['sslcrl', never(revocation)],
  ['sslcrldir', never(revocation)],
  ['sslsni', only(['1'], 'the host’s name is always sent')],
  ['sslkeylogfile', never('keys of connections are not written to files')],
  ['requirepeer', never('Node can’t tell whose socket it is: make its directory writable for that user alone')],
  ['min_protocol_version', only(['3.0'], 'protocol 3.0 is spoken')],
  ['max_protocol_version', only(['3.0', '3.2', 'latest'], 'protocol 3.0 is spoken')],
  ['gssencmode', only(['disable', 'prefer'], 'encryption by GSSAPI is not supported: sslmode is about TLS')],
  ['gssdelegation', only(['0'], gssapi)],
  ['krbsrvname', never(gssapi)],
  ['gsslib', never(gssapi)],
  ['replication', only(['false', 'off', 'no', '0'], 'the log is read by SQL')],
  ['target_session_attrs', only(['any', 'read-write', 'primary', 'prefer-standby'], 'the log has to be written')],
  ['load_balance_hosts', only(['disable'], 'one host is supported')],
  ['scram_client_key', never('logging in by keys of SCRAM is not supported: set the password')],
  ['scram_server_key', never('logging in by keys of SCRAM is not supported: set the password')],
  ['oauth_issuer', never(oauth)],
  ['oauth_client_id', never(oauth)],
  ['oauth_client_secret', never(oauth)],
  ['oauth_scope', never(oauth)],
  [
    'pgbouncer',
    only(
      ['false'],
      'it stands for a pooler in transaction mode, behind which acknowledged writes could be lost: ' +
        'use the direct URL of the database, or the pooler’s session mode',
    ),
  ],
  ['uselibpqcompat', only(['true'], 'each parameter means what it means to libpq')],
  ['schema', never('it is Prisma’s: write options=-csearch_path%3DNAME')],
  ['currentSchema', never('it is JDBC’s: write options=-csearch_path%3DNAME')],
])

/**
 * If a URL has one of these, the name of another parameter may be a piece of the secret that follows an unencoded &.
 */
export const secretParameters = new Set([
  ...['password', 'sslpassword', 'scram_client_key', 'scram_server_key', 'oauth_client_secret'],
])
