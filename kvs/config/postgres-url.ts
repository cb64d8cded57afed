import { nearest } from './nearest-name.ts'
import { secretParameters, urlRules } from './postgres-url-parameters.ts'
import { mayBeShown } from './quoted.ts'

// A raw / or ? in the password pushes the @ into the path or query. There no @ may be, or a later message could quote
// a piece of the password.
const urlShape =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:/?@]*)(?::(?<password>[^/?]*))?@)?(?<address>[^/?@]*)(?:\/(?<database>[^?@]*))?(?:\?(?<query>[^@]*))?$/
const addressShape = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:[\]]*))(?::(?<port>.*))?$/

/** What is often put in a URL's place, and what is to be done about it. */
const mistaken: readonly (readonly [RegExp, string])[] = [
  [/^psql\s/, 'is a command: set it to the URL alone, without psql and quotes'],
  [/^(export\s+)?DATABASE_URL\s*=/, 'begins with its own name: set it to what comes after DATABASE_URL='],
  [
    /^jdbc:/,
    'is a URL of JDBC: write postgres://user:password@host:port/database, without jdbc:, with user and password in their places',
  ],
  [/^postgres(ql)?\+\w+:\/\//, 'names a driver: begin it with postgres://'],
  [/^postgres(ql)?:(?!\/\/)/, 'lacks the // after its first colon: begin it with postgres://'],
  [
    /^(host|hostaddr|port|dbname|user|password|service|sslmode)\s*=/,
    'is written as key=value: write it as a URL, postgres://user:password@host:port/database, ' +
      'or set POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD',
  ],
]

/**
 * What a URL sets, by the keys in `urlRules`, as libpq reads it: a parameter of the query wins over the same before it.
 * https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS. Of use only where it adds nothing to `problems`.
 */
export function readUrl(given: string, problems: string[]): Record<string, string> {
  const problem = (text: string) => problems.push(`DATABASE_URL ${text}`)
  const url = unquoted(given)
  const mistake = mistaken.find(([shape]) => shape.test(url))
  if (mistake) {
    problem(mistake[1])
    return {}
  }
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

  const texts: Record<string, string> = {}
  const set = (key: string, encoded: string | undefined) => {
    if (encoded) texts[key] = decodeURIComponent(encoded)
  }
  set('user', parts.user)
  set('password', parts.password)
  set('database', parts.database)
  set('host', address.ipv6 ?? address.name)
  // Not left to the setting's parser, which quotes it: in postgres://user:password it is the password.
  const hasPort = !address.port || isPort(address.port)
  if (hasPort) set('port', address.port)
  else problem('has a port that is not a number from 1 to 65535')
  const pairs = queryPairs(parts.query ?? '')
  // With a ? in that password the query begins in it, too; and a number before the ? may be its beginning.
  const mayBePassword = address.port !== undefined && parts.user === undefined
  const hasSecret = !hasPort || mayBePassword || pairs.some(({ name }) => secretParameters.has(name))
  for (const { name, value } of pairs) readParameter(name, value, { set, problem, hasSecret })
  texts.host ??= texts.address ?? ''
  if (texts.host === '') problem('names no host: write postgres://host/… or ?host=/socket/directory')
  return texts
}

interface Reading {
  readonly set: (key: string, encoded: string) => void
  readonly problem: (text: string) => void
  readonly hasSecret: boolean
}

function readParameter(name: string, value: string, { set, problem, hasSecret }: Reading): void {
  const rule = urlRules.get(name)
  const decoded = decodeURIComponent(value)
  if (name === 'ssl' && decoded === 'true')
    set('sslMode', 'require') // as libpq takes it, for JDBC's sake
  else if (rule === undefined) problem(unknown(name, hasSecret))
  else if (value === '') problem(`has ${name} without a value: write ${name}=…, or leave it out`)
  else if ('sets' in rule) set(rule.sets, value)
  else if (rule.only.length === 0) problem(`has ${name}, which can’t be honoured: ${rule.why}`)
  else if (!rule.only.includes(name === 'client_encoding' ? decoded.toLowerCase() : decoded)) {
    problem(`has ${name} with a value that can’t be honoured: ${rule.why}; taken: ${rule.only.join(', ')}`)
  }
}

function unknown(name: string, hasSecret: boolean): string {
  if (hasSecret || !mayBeShown(name)) {
    return 'has an unknown parameter, not named here since it may be a piece of a password: in values write & as %26 and ? as %3F'
  }
  const meant = nearest(name, [...urlRules.keys()])
  return `has the unknown parameter ${JSON.stringify(name)}${meant === undefined ? '' : `; did you mean ${meant}?`}`
}

/** As it stands in a shell or an .env, or with the line break that it was read with. */
function unquoted(text: string): string {
  const trimmed = text.trim()
  return /^(['"])(.*)\1$/s.exec(trimmed)?.[2]?.trim() ?? trimmed
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
