import { withHiddenField } from '../lib/hidden-field.ts'
import {
  describePassword,
  nameOf,
  type PostgresTexts,
  type PostgresValues,
  readPassword,
  readTls,
  type TlsSettings,
} from './postgres-credentials.ts'
import { readUrl } from './postgres-url.ts'
import { type AuthMethod, urlOnlySettings } from './postgres-url-parameters.ts'
import { postgresSettings } from './settings/postgres-settings.ts'
import { type Environment, givenTexts, parseTexts } from './settings-table.ts'

/** Where the log's Postgres is, and how to connect to it. */
export interface PostgresTarget {
  /** Name, address, or absolute path of a socket's directory. */
  host: string
  /**
   * IP address to connect to; undefined to look up the host. The server's certificate is checked for the host either
   * way.
   */
  address?: string
  port: number
  database: string
  user: string
  /** Not enumerable: JSON and util.inspect do not show it, and spreading the target does not copy it. */
  password?: string
  /** Name of the connection in pg_stat_activity. */
  applicationName: string
  tls: TlsSettings
  /** Options sent to the server at the start of a session, such as `-c search_path=log`. */
  options?: string
  /** Bound on connecting in milliseconds; undefined for POSTGRES_TIMEOUT, the bound on any answer. */
  connectTimeoutMs?: number
  /** TCP keepalive; undefined for probes after 10 s of silence. */
  tcpKeepAlive?: { readonly isOn: boolean; readonly idleMs: number }
  /** As libpq's channel_binding; undefined for `prefer`: the login is bound to TLS when the server offers it. */
  channelBinding?: 'require' | 'disable'
  /** Authentication methods that the server may ask for; undefined for any. */
  authMethods?: readonly AuthMethod[]
  /**
   * Source and oddities of the password, for the message when it is refused; undefined when there are none. Contains
   * none of it.
   */
  passwordNote?: string
  /**
   * Reads the files of the password and the certificates again. It is called for each new connection, so that they can
   * change while a node runs. Undefined when there are none to read. Not enumerable.
   * @throws an Error that says which file can't be used
   */
  reread?(): PostgresTarget
}

/** Copies a target for a connection with a purpose, which pg_stat_activity shows after the name. */
export function forPurpose(target: PostgresTarget, purpose: string): PostgresTarget {
  const { password, reread } = target
  const named = { ...target, applicationName: `${target.applicationName} ${purpose}` }
  return withHiddenField(
    withHiddenField(named, 'password', password),
    'reread',
    reread && (() => forPurpose(reread(), purpose)),
  )
}

const onlyInOneForm = ['host', 'port', 'database', 'user', 'password'] as const

/** Names of the settings in the environment that have no effect on the embedded Postgres. */
export function unusedByEmbedded(env: Environment): string[] {
  return Object.values(postgresSettings).flatMap(({ name }) => (env[name] ? [name] : []))
}

/** Reads where the log is. The result may be used only if `problems` stayed empty; undefined only if it did not. */
export function readPostgres(env: Environment, problems: string[]): PostgresTarget | 'embedded' | undefined {
  const given = givenTexts(postgresSettings, env)
  if (given.url === undefined && given.host === undefined) return 'embedded'

  const url: Record<string, string> = given.url === undefined ? {} : readUrl(given.url, problems)
  if (given.url !== undefined) problems.push(...conflicts(given, url))

  const label = (key: keyof PostgresTexts, name: string) => (key in url ? `${name} (from DATABASE_URL)` : name)
  const values: PostgresValues = {
    ...parseTexts(postgresSettings, { ...given, ...url }, problems, label),
    ...parseTexts(urlOnlySettings, url, problems, (_key, name) => `DATABASE_URL has ${name}`),
  }
  problems.push(...contradictions(values))
  return readSecrets(values, problems)
}

function readSecrets(values: PostgresValues, problems: string[]): PostgresTarget | undefined {
  const password = readPassword(values, problems)
  const tls = readTls(values, problems)
  const { host, port, database, user } = values
  if (host === undefined || port === undefined || database === undefined || user === undefined) return undefined
  const { applicationName = values.fallbackName ?? 'kvs' } = values
  const plain = {
    host,
    port,
    database,
    user,
    applicationName,
    tls,
    ...readUrlOnly(values),
    ...describePassword(values, password),
  }
  const target = withHiddenField(plain, 'password', password)
  return withHiddenField(target, 'reread', () => {
    const problems: string[] = []
    const reread = readSecrets(values, problems)
    if (problems.length > 0 || reread === undefined) throw new Error(problems.join('; '))
    return reread
  })
}

function readUrlOnly(values: PostgresValues): Partial<PostgresTarget> {
  const { address, options, connectSeconds, keepAlives, keepAlivesIdle, channelBinding, requireAuth } = values
  const idleMs = keepAlivesIdle ? keepAlivesIdle * 1000 : 10_000
  return {
    ...(address !== undefined && { address }),
    ...(options !== undefined && { options }),
    ...(connectSeconds !== undefined && { connectTimeoutMs: connectSeconds * 1000 }),
    ...((keepAlives ?? keepAlivesIdle) !== undefined && { tcpKeepAlive: { isOn: keepAlives !== '0', idleMs } }),
    ...(channelBinding !== undefined && channelBinding !== 'prefer' && { channelBinding }),
    ...(requireAuth !== undefined && { authMethods: requireAuth }),
  }
}

/** Sentences about parameters of a URL that exclude each other. */
function contradictions({
  host,
  address,
  sslMode,
  channelBinding,
  sslNegotiation,
  minVersion = 'TLSv1.2',
  maxVersion,
}: PostgresValues): string[] {
  const isSocket = host?.startsWith('/') ?? false
  const found: [boolean, string][] = [
    [isSocket && address !== undefined, 'has hostaddr beside the directory of a socket: keep one'],
    [
      channelBinding === 'require' && (isSocket || sslMode === 'disable' || sslMode === 'allow'),
      'has channel_binding=require, which needs TLS: ' +
        (isSocket ? 'a socket has none' : `sslmode=${sslMode} begins without`),
    ],
    [
      sslNegotiation === 'direct' && !isSocket && /^(disable|allow|prefer)$/.test(sslMode ?? ''),
      `has sslnegotiation=direct, which needs sslmode=require, verify-ca or verify-full, and not ${sslMode}`,
    ],
    [
      maxVersion !== undefined && minVersion > maxVersion,
      `has an ssl_max_protocol_version older than ${minVersion}, its ssl_min_protocol_version`,
    ],
  ]
  return found.flatMap(([isSo, text]) => (isSo ? [`DATABASE_URL ${text}`] : []))
}

function conflicts(given: PostgresTexts, url: PostgresTexts): string[] {
  const twice = onlyInOneForm.filter((key) => given[key] !== undefined).map(nameOf)
  const together = twice.length === 0 ? [] : [`DATABASE_URL can't be combined with ${twice.join(', ')}: keep one form`]
  const differing = (['sslMode', 'sslRootCert', 'sslCert', 'sslKey'] as const)
    .filter((key) => given[key] !== undefined && url[key] !== undefined && given[key] !== url[key])
    .map((key) => `${nameOf(key)} differs from what DATABASE_URL says: keep one`)
  return [...together, ...differing]
}
