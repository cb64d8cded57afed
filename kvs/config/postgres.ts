import { readFileSync } from 'node:fs'
import { type Environment, givenTexts, parseTexts, type Texts, type Values } from './setting.ts'
import { postgresSettings } from './settings/postgres.ts'

export interface PostgresTarget {
  /** A name, an address, or the absolute path of a socket's directory. */
  host: string
  port: number
  database: string
  user: string
  /** Not enumerable: neither shown by JSON and util.inspect, nor copied by spreading the target. */
  password?: string
  applicationName: string
  tls: TlsSettings
}

export type TlsSettings =
  | { mode: 'disable' }
  | {
      mode: 'prefer' | 'require' | 'verify-ca' | 'verify-full'
      /** PEM, or `system` for the CAs that Node trusts. */
      ca?: string | 'system'
      cert?: string
      /** Not enumerable, like the password. */
      key?: string
    }

/** The same for a connection with a purpose of its own, which the server shows beside the name. */
export function forPurpose(target: PostgresTarget, purpose: string): PostgresTarget {
  const named = { ...target, applicationName: `${target.applicationName} ${purpose}` }
  return hiding(named, 'password', target.password)
}

type Given = Texts<typeof postgresSettings>
type Parsed = Partial<Values<typeof postgresSettings>>
type UrlTexts = Given & { applicationName?: string }

const onlyInOneForm = ['host', 'port', 'database', 'user', 'password'] as const

/** Each URL parameter that is taken, and what it sets. */
const urlParameters = new Map<string, keyof UrlTexts>([
  ['sslmode', 'sslMode'],
  ['sslrootcert', 'sslRootCert'],
  ['sslcert', 'sslCert'],
  ['sslkey', 'sslKey'],
  ['host', 'host'],
  ['application_name', 'applicationName'],
])

const nameOf = (key: keyof Given) => postgresSettings[key].name

/** The names of the settings given that the embedded Postgres has no use for. */
export function unusedByEmbedded(env: Environment): string[] {
  return Object.values(postgresSettings).flatMap(({ name }) => (env[name] ? [name] : []))
}

/** Undefined only after adding to `problems`; a target is of use only if nothing was added. */
export function readPostgres(env: Environment, problems: string[]): PostgresTarget | 'embedded' | undefined {
  const given = givenTexts(postgresSettings, env)
  if (given.url === undefined && given.host === undefined) return 'embedded'

  const { applicationName = 'kvs', ...url } = given.url === undefined ? {} : readUrl(given.url, problems)
  if (given.url !== undefined) problems.push(...conflicts(given, url))

  const label = (key: keyof Given, name: string) => (key in url ? `${name} (from DATABASE_URL)` : name)
  const values = parseTexts(postgresSettings, { ...given, ...url }, problems, label)
  const password = readPassword(values, problems)
  const tls = readTls(values, problems)
  const { host, port, database, user } = values
  if (host === undefined || port === undefined || database === undefined || user === undefined) return undefined
  return hiding({ host, port, database, user, applicationName, tls }, 'password', password)
}

// A raw / or ? in the password pushes the @ into the path or query. There no @ may be, or a later message could quote
// a piece of the password.
const urlShape =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:/?@]*)(?::(?<password>[^/?]*))?@)?(?<address>[^/?@]*)(?:\/(?<database>[^?@]*))?(?:\?(?<query>[^@]*))?$/
const addressShape = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:[\]]*))(?::(?<port>.*))?$/

/** As libpq reads a URL (https://www.postgresql.org/docs/current/libpq-connect.html), for one host. */
function readUrl(url: string, problems: string[]): UrlTexts {
  const problem = (text: string) => problems.push(`DATABASE_URL ${text}`)
  const parts = urlShape.exec(url)?.groups
  const address = addressShape.exec(parts?.address ?? '')?.groups
  if (parts?.address?.includes(',')) {
    problem('names several hosts: one host is supported')
    return {}
  }
  if (parts === undefined || address === undefined) {
    problem(
      'is not of the form postgres://user:password@host:port/database: in user and password ' +
        'write / as %2F, ? as %3F, @ as %40, : as %3A and % as %25',
    )
    return {}
  }
  if (!decodes(url)) {
    problem('has a % that does not begin an encoded character: write % itself as %25')
    return {}
  }

  const texts: UrlTexts = {}
  const set = (key: keyof UrlTexts, encoded: string | undefined) => {
    if (encoded) texts[key] = decodeURIComponent(encoded)
  }
  set('user', parts.user)
  set('password', parts.password)
  set('database', parts.database)
  set('host', address.ipv6 ?? address.name)
  // Not left to the setting's parser, which quotes it: in postgres://user:password it is the password.
  if (!address.port || isPort(address.port)) set('port', address.port)
  else problem('has a port that is not a number from 1 to 65535')
  for (const { name, value } of queryPairs(parts.query ?? '')) {
    const key = urlParameters.get(name)
    if (name === 'connect_timeout') problem('has connect_timeout, which is not supported: set POSTGRES_TIMEOUT')
    else if (key === undefined) {
      problem(`has the unknown parameter ${JSON.stringify(name)}: known are ${[...urlParameters.keys()].join(', ')}`)
    } else if (value === '') problem(`has ${name} without a value: write ${name}=…, or leave it out`)
    else if (key === 'host' && texts.host !== undefined) problem('names a host twice: leave out one of them')
    else set(key, value)
  }
  if (texts.host === undefined) problem('names no host: write postgres://host/… or ?host=/socket/directory')
  return texts
}

/** Not URLSearchParams: it would turn + into a space, which libpq does not. Values stay encoded. */
function queryPairs(query: string) {
  const pairs = query.split('&').filter((pair) => pair !== '')
  return pairs.map((pair) => {
    const [name = '', ...rest] = pair.split('=')
    return { name: decodeURIComponent(name), value: rest.join('=') }
  })
}

const isPort = (text: string) => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535

function decodes(text: string): boolean {
  try {
    return !decodeURIComponent(text).includes('\0')
  } catch {
    return false
  }
}

function conflicts(given: Given, url: UrlTexts): string[] {
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
  const content = readFile('POSTGRES_PASSWORD_FILE', passwordFile, problems)?.replace(/\r?\n$/, '')
  if (content === '') problems.push('POSTGRES_PASSWORD_FILE names an empty file: write the password into it')
  return content
}

function readTls(values: Parsed, problems: string[]): TlsSettings {
  const { host, sslMode: mode, sslRootCert, sslCert, sslKey } = values
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
  return hiding({ mode, ...(ca && { ca }), ...(cert && { cert }) }, 'key', key)
}

function readPem(key: 'sslRootCert' | 'sslCert' | 'sslKey', path: string | undefined, problems: string[]) {
  if (path === undefined) return undefined
  const pem = readFile(nameOf(key), path, problems)
  const [what, begin] =
    key === 'sslKey'
      ? ['unencrypted private key', /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/]
      : ['certificate', /-----BEGIN CERTIFICATE-----/]
  if (pem === undefined || begin.test(pem)) return pem
  problems.push(`${nameOf(key)} names a file without a PEM ${what}`)
  return undefined
}

/** The problem names no path: it may be a secret put where its file's name belongs. */
function readFile(name: string, path: string, problems: string[]): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown error'
    problems.push(`${name} names a file that can't be read (${code})`)
    return undefined
  }
}

function hiding<T extends object, K extends string>(
  object: T,
  key: K,
  value: string | undefined,
): T & { [P in K]?: string } {
  return value === undefined ? object : Object.defineProperty(object, key, { value })
}
