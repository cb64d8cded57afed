import { nearest } from './nearest-name.ts'
import { secretParameters, urlRules } from './postgres-url-parameters.ts'
import { isSafeToQuote } from './redaction.ts'

// A raw / or ? in the password pushes the @ into the path or the query. No @ is allowed there, so that a later message
// can't quote a piece of the password.
const urlShape = new RegExp(
  String.raw`^postgres(?:ql)?:\/\/(?:(?<user>[^:/?@]*)(?::(?<password>[^/?]*))?@)?` +
    String.raw`(?<address>[^/?@]*)(?:\/(?<database>[^?@]*))?(?:\?(?<query>[^@]*))?$`,
)
const addressShape = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:[\]]*))(?::(?<port>.*))?$/

/** Common mistakes, each with what to write instead. */
const commonMistakes: readonly (readonly [RegExp, string])[] = [
  [/^psql\s/, 'is a command: set it to the URL alone, without psql and quotes'],
  [/^(export\s+)?DATABASE_URL\s*=/, 'begins with its own name: set it to what comes after DATABASE_URL='],
  [
    /^jdbc:/,
    'is a URL of JDBC: write postgres://user:password@host:port/database, without jdbc:, ' +
      'with user and password in their places',
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
 * Parses a URL as libpq does: a parameter of the query overrides the same before the query.
 * https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 * @returns texts by the keys of `urlRules`; they may be used only if `problems` stayed empty
 */
export function readUrl(given: string, problems: string[]): Record<string, string> {
  const problem = (text: string) => problems.push(`DATABASE_URL ${text}`)
  const url = stripQuotes(given)
  const mistake = commonMistakes.find(([shape]) => shape.test(url))
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
  if (!isDecodable(url)) {
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
  // Checked here, because the setting's parser would quote it: in postgres://user:password it is the password.
  const hasPort = !address.port || isPort(address.port)
  if (hasPort) set('port', address.port)
  else problem('has a port that is not a number from 1 to 65535')
  const pairs = queryPairs(parts.query ?? '')
  // A ? in that password begins the query too, and a number before it may be the beginning of the password.
  const mayBePassword = address.port !== undefined && parts.user === undefined
  const hasSecret = !hasPort || mayBePassword || pairs.some(({ name }) => secretParameters.has(name))
  for (const { name, value } of pairs) readParameter(name, value, { set, problem, hasSecret })
  texts.host ??= texts.address ?? ''
  if (texts.host === '') problem('names no host: write postgres://host/… or ?host=/socket/directory')
  return texts
}

interface ParameterContext {
  /** Sets a text by its key. */
  readonly set: (key: string, encoded: string) => void
  readonly problem: (text: string) => void
  /** Whether a name may be a piece of a secret, so that no message may quote it. */
  readonly hasSecret: boolean
}

function readParameter(name: string, value: string, { set, problem, hasSecret }: ParameterContext): void {
  const rule = urlRules.get(name)
  const decoded = decodeURIComponent(value)
  if (name === 'ssl' && decoded === 'true')
    set('sslMode', 'require') // libpq accepts it for compatibility with JDBC
  else if (rule === undefined) problem(unknownParameter(name, hasSecret))
  else if (value === '') problem(`has ${name} without a value: write ${name}=…, or leave it out`)
  else if ('sets' in rule) set(rule.sets, value)
  else if (rule.only.length === 0) problem(`has ${name}, which can’t be honoured: ${rule.why}`)
  else if (!rule.only.includes(name === 'client_encoding' ? decoded.toLowerCase() : decoded)) {
    problem(`has ${name} with a value that can’t be honoured: ${rule.why}; taken: ${rule.only.join(', ')}`)
  }
}

function unknownParameter(name: string, hasSecret: boolean): string {
  if (hasSecret || !isSafeToQuote(name)) {
    return (
      'has an unknown parameter, not named here since it may be a piece of a password: ' +
      'in values write & as %26 and ? as %3F'
    )
  }
  const meant = nearest(name, [...urlRules.keys()])
  return `has the unknown parameter ${JSON.stringify(name)}${meant === undefined ? '' : `; did you mean ${meant}?`}`
}

/** Removes the quotes of a shell or an .env file, and blanks and line breaks around the text. */
function stripQuotes(text: string): string {
  const trimmed = text.trim()
  return /^(['"])(.*)\1$/s.exec(trimmed)?.[2]?.trim() ?? trimmed
}

/** Splits a query. Values stay encoded. URLSearchParams would turn + into a space, which libpq does not. */
function queryPairs(query: string) {
  const pairs = query.split('&').filter((pair) => pair !== '')
  return pairs.map((pair) => {
    const [name = '', ...rest] = pair.split('=')
    return { name: decodeURIComponent(name), value: rest.join('=') }
  })
}

const isPort = (text: string) => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535

function isDecodable(text: string): boolean {
  try {
    return !decodeURIComponent(text).includes('\0')
  } catch {
    return false
  }
}
