import type { SecureVersion } from 'node:tls'
import { readSettingFile } from '../lib/files.ts'
import { withHiddenField } from '../lib/hidden-field.ts'
import { readUrl } from './postgres-url.ts'
import { type AuthMethod, urlOnlySettings } from './postgres-url-parameters.ts'
import { postgresSettings } from './settings/postgres-settings.ts'
import { type Environment, givenTexts, parseTexts, type Texts, type Values } from './settings-table.ts'

export interface PostgresTarget {
  /** A name, an address, or the absolute path of a socket's directory. */
  host: string
  /** The IP address to connect to, where the host is not to be looked up; its certificate is checked for the host. */
  address?: string
  port: number
  database: string
  user: string
  /** Not enumerable: neither shown by JSON and util.inspect, nor copied by spreading the target. */
  password?: string
  applicationName: string
  tls: TlsSettings
  /** Sent at the start of a session as they are, such as `-c search_path=log`. */
  options?: string
  /** What connecting may take, where that is not what any answer may take. */
  connectTimeoutMs?: number
  /** Without it, a connection's socket asks for signs of life after 10 s of silence. */
  tcpKeepAlive?: { readonly isOn: boolean; readonly idleMs: number }
  /** `require` and `disable` as libpq's channel_binding; else the login is bound to TLS where the server offers it. */
  channelBinding?: 'require' | 'disable'
  /** The ways of logging in that the server may ask for; any of them where it is not there. */
  authMethods?: readonly AuthMethod[]
  /** Where the password is from and what is odd about it, for a sentence once it was refused; nothing of the password is in it. */
  passwordNote?: string
  /**
   * The same with what the files of password and certificates hold now, for each new connection: so they can be changed
   * under a node that runs. Not enumerable. @throws an Error that says which of them can't be used
   */
  reread?(): PostgresTarget
}

export type TlsSettings =
  | { mode: 'disable' }
  | {
      mode: 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'
      /** PEM, or `system` for the CAs that Node trusts. */
      ca?: string | 'system'
      cert?: string
      /** Not enumerable, like the password. */
      key?: string
      /** Begins with TLS at once, as Postgres 17 and later take it. */
      isDirect?: true
      minVersion?: SecureVersion
      maxVersion?: SecureVersion
    }

/** The same for a connection with a purpose of its own, which the server shows beside the name. */
export function forPurpose(target: PostgresTarget, purpose: string): PostgresTarget {
  const { password, reread } = target
  const named = { ...target, applicationName: `${target.applicationName} ${purpose}` }
  return withHiddenField(
    withHiddenField(named, 'password', password),
    'reread',
    reread && (() => forPurpose(reread(), purpose)),
  )
}

type Given = Texts<typeof postgresSettings>
type Parsed = Partial<Values<typeof postgresSettings> & Values<typeof urlOnlySettings>>

const onlyInOneForm = ['host', 'port', 'database', 'user', 'password'] as const

const nameOf = (key: keyof Given) => postgresSettings[key].name

/** The names of the settings given that the embedded Postgres has no use for. */
export function unusedByEmbedded(env: Environment): string[] {
  return Object.values(postgresSettings).flatMap(({ name }) => (env[name] ? [name] : []))
}

/** Undefined only after adding to `problems`; a target is of use only if nothing was added. */
export function readPostgres(env: Environment, problems: string[]): PostgresTarget | 'embedded' | undefined {
  const given = givenTexts(postgresSettings, env)
  if (given.url === undefined && given.host === undefined) return 'embedded'

  const url: Record<string, string> = given.url === undefined ? {} : readUrl(given.url, problems)
  if (given.url !== undefined) problems.push(...conflicts(given, url))

  const label = (key: keyof Given, name: string) => (key in url ? `${name} (from DATABASE_URL)` : name)
  const values: Parsed = {
    ...parseTexts(postgresSettings, { ...given, ...url }, problems, label),
    ...parseTexts(urlOnlySettings, url, problems, (_key, name) => `DATABASE_URL has ${name}`),
  }
  problems.push(...contradictions(values))
  return readSecrets(values, problems)
}

function readSecrets(values: Parsed, problems: string[]): PostgresTarget | undefined {
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
    ...notePassword(values, password),
  }
  const target = withHiddenField(plain, 'password', password)
  return withHiddenField(target, 'reread', () => {
    const problems: string[] = []
    const reread = readSecrets(values, problems)
    if (problems.length > 0 || reread === undefined) throw new Error(problems.join('; '))
    return reread
  })
}

function readUrlOnly(values: Parsed): Partial<PostgresTarget> {
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

/** What a URL asks for that can't be had together. */
function contradictions({
  host,
  address,
  sslMode,
  channelBinding,
  sslNegotiation,
  minVersion = 'TLSv1.2',
  maxVersion,
}: Parsed): string[] {
  const isSocket = host?.startsWith('/') ?? false
  const found: [boolean, string][] = [
    [isSocket && address !== undefined, 'has hostaddr beside the directory of a socket: keep one'],
    [
      channelBinding === 'require' && (isSocket || sslMode === 'disable' || sslMode === 'allow'),
      `has channel_binding=require, which needs TLS: ${isSocket ? 'a socket has none' : `sslmode=${sslMode} begins without`}`,
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

function conflicts(given: Given, url: Given): string[] {
  const twice = onlyInOneForm.filter((key) => given[key] !== undefined).map(nameOf)
  const together = twice.length === 0 ? [] : [`DATABASE_URL can't be combined with ${twice.join(', ')}: keep one form`]
  const differing = (['sslMode', 'sslRootCert', 'sslCert', 'sslKey'] as const)
    .filter((key) => given[key] !== undefined && url[key] !== undefined && given[key] !== url[key])
    .map((key) => `${nameOf(key)} differs from what DATABASE_URL says: keep one`)
  return [...together, ...differing]
}

function readPassword({ password, passwordFile }: Parsed, problems: string[]): string | undefined {
  if (passwordFile === undefined) return password
  if (password !== undefined) {
    problems.push('POSTGRES_PASSWORD_FILE is set beside a password: keep one')
    return undefined
  }
  const content = readSettingFile('POSTGRES_PASSWORD_FILE', passwordFile, problems)?.replace(/\r?\n$/, '')
  if (content === '') problems.push('POSTGRES_PASSWORD_FILE names an empty file: write the password into it')
  return content
}

/** For whom the password was refused: most of those that were copied wrong end in what nobody sees. */
function notePassword({ passwordFile }: Parsed, password: string | undefined): Pick<PostgresTarget, 'passwordNote'> {
  if (password === undefined) return {}
  const from = passwordFile === undefined ? '' : 'in POSTGRES_PASSWORD_FILE '
  const oddities: [RegExp, string][] = [
    [/\n$/, 'ends in a line break'],
    [/\r$/, 'ends in a carriage return'],
    [/\s$/, 'ends in a blank'],
    [/^\uFEFF/, 'begins with a byte order mark'],
    [/^\s/, 'begins with a blank'],
    [/^(['"]).*\1$/s, 'is in quotes'],
  ]
  const [, oddity] = oddities.find(([shape]) => shape.test(password)) ?? []
  if (oddity === undefined) return from ? { passwordNote: 'it is from POSTGRES_PASSWORD_FILE' } : {}
  return { passwordNote: `the password ${from}${oddity}` }
}

function readTls(values: Parsed, problems: string[]): TlsSettings {
  const { host, sslMode: mode, sslRootCert, sslCert, sslKey, sslNegotiation, minVersion, maxVersion } = values
  if (mode === undefined || host === undefined) return { mode: 'disable' } // a problem already
  if (host.startsWith('/')) return { mode: 'disable' } // libpq, too, ignores sslmode on a Unix socket

  if (sslRootCert === 'system' && mode !== 'verify-full') {
    problems.push('POSTGRES_SSLROOTCERT=system needs POSTGRES_SSLMODE=verify-full')
  }
  // libpq would look for ~/.postgresql/root.crt.
  if (mode.startsWith('verify-') && sslRootCert === undefined) {
    problems.push(
      `POSTGRES_SSLMODE=${mode} needs POSTGRES_SSLROOTCERT: set it to the PEM file of the CA` +
        (mode === 'verify-full' ? ', or to system' : ''),
    )
  }
  if ((sslCert === undefined) !== (sslKey === undefined)) {
    problems.push('POSTGRES_SSLCERT and POSTGRES_SSLKEY need each other: set both or neither')
  }
  if (mode === 'disable') return { mode }

  const ca = sslRootCert === 'system' ? 'system' : readPem('sslRootCert', sslRootCert, problems)
  const cert = readPem('sslCert', sslCert, problems)
  const key = readPem('sslKey', sslKey, problems)
  const versions = { ...(minVersion && { minVersion }), ...(maxVersion && { maxVersion }) }
  const isDirect = sslNegotiation === 'direct' && { isDirect: true as const }
  return withHiddenField({ mode, ...(ca && { ca }), ...(cert && { cert }), ...isDirect, ...versions }, 'key', key)
}

function readPem(key: 'sslRootCert' | 'sslCert' | 'sslKey', path: string | undefined, problems: string[]) {
  if (path === undefined) return undefined
  const pem = readSettingFile(nameOf(key), path, problems)
  const [what, begin] =
    key === 'sslKey'
      ? ['unencrypted private key', /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/]
      : ['certificate', /-----BEGIN CERTIFICATE-----/]
  if (key === 'sslKey' && pem !== undefined && /-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    problems.push(
      'POSTGRES_SSLKEY names a key with a passphrase, and there is nobody to ask for it: write one without (openssl pkey -in … -out …)',
    )
    return undefined
  }
  if (pem === undefined || begin.test(pem)) return pem
  problems.push(`${nameOf(key)} names a file without a PEM ${what}`)
  return undefined
}
