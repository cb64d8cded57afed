import { address, bytes, duration, integer, oneOf, orWord, type Parser, path, port, server, text } from './parsers.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Setting<T = unknown> {
  name: string
  /** As a user would write it. Without one, the setting may stay unset. */
  default?: string
  parse: Parser<T>
  purpose: string
  /** Its text must not appear in any message. */
  secret?: true
}

type Table = Record<string, Setting>

/** Where the Postgres that holds the log is; of no use to the embedded one. */
export const postgresSettings = {
  url: { name: 'DATABASE_URL', parse: text, purpose: 'Postgres as a URL, in place of host, port, …', secret: true },
  host: { name: 'POSTGRES_HOST', parse: server, purpose: 'Host or socket directory; unset: embedded Postgres' },
  port: { name: 'POSTGRES_PORT', default: '5432', parse: integer(1, 65_535), purpose: 'Port' },
  database: { name: 'POSTGRES_DB', default: 'kvs', parse: text, purpose: 'Database' },
  user: { name: 'POSTGRES_USER', default: 'kvs', parse: text, purpose: 'User' },
  password: { name: 'POSTGRES_PASSWORD', parse: text, purpose: 'Password', secret: true },
  passwordFile: { name: 'POSTGRES_PASSWORD_FILE', parse: path, purpose: 'File that holds the password' },
  sslMode: {
    name: 'POSTGRES_SSLMODE',
    default: 'prefer',
    parse: oneOf('disable', 'prefer', 'require', 'verify-ca', 'verify-full'),
    purpose: 'TLS, as in libpq: disable, prefer, require, verify-ca or verify-full',
  },
  sslRootCert: {
    name: 'POSTGRES_SSLROOTCERT',
    parse: orWord('system', 'system', path),
    purpose: 'PEM file of the CAs to trust, or system',
  },
  sslCert: { name: 'POSTGRES_SSLCERT', parse: path, purpose: 'PEM file of the client certificate' },
  sslKey: { name: 'POSTGRES_SSLKEY', parse: path, purpose: 'PEM file of the key to the client certificate' },
} satisfies Table

/** Whether the node holds nothing, and hands every request on. */
export const forwardingSettings = {
  forwardingAddress: {
    name: 'FORWARDING_ADDRESS',
    parse: address,
    purpose: 'host:port of the node that every request is forwarded to; unset: this one serves',
  },
} satisfies Table

/** What the service itself goes by; the keys are fields of Config. */
export const serviceSettings = {
  postgresTimeoutMs: {
    name: 'POSTGRES_TIMEOUT',
    default: '5s',
    parse: duration(),
    purpose: 'How long connecting or one answer may take before the connection counts as lost',
  },
  connectTimeoutMs: {
    name: 'KVS_CONNECT_TIMEOUT',
    default: 'never',
    parse: orWord('never', undefined, duration()),
    purpose: 'How long to wait for Postgres at start; never: for ever',
  },
  host: { name: 'KVS_HOST', default: '127.0.0.1', parse: text, purpose: 'Address to listen on' },
  port: { name: 'PORT', default: '8080', parse: port, purpose: 'Port to listen on; 0: any free one' },
  forwardTimeoutMs: {
    name: 'KVS_FORWARD_TIMEOUT',
    default: '15s', // above KVS_APPEND_TIMEOUT: by then a node that waits for its log has said what became of a write
    parse: duration(),
    purpose: 'How long a forwarding node waits for the answer; past it 503',
  },
  dataDir: { name: 'KVS_DATA_DIR', default: './data', parse: path, purpose: 'Directory of what the node keeps' },
  maxValueBytes: {
    name: 'KVS_MAX_VALUE_BYTES',
    default: '1MiB',
    parse: bytes('0', '128MiB'), // replay reads a value as hexadecimal text, and V8's strings end at 512 MiB
    purpose: 'Largest value taken',
  },
  whenLogIsDown: {
    name: 'KVS_WHEN_LOG_IS_DOWN',
    default: 'spool',
    parse: oneOf('spool', 'refuse'),
    purpose: 'spool: keep writes on disk until the log is back; refuse: let them wait, then 503',
  },
  spoolMaxBytes: {
    name: 'KVS_SPOOL_MAX_BYTES',
    default: '1GiB',
    parse: bytes('1MiB', '1024GiB'),
    purpose: 'Size of all spooled writes; past it 503',
  },
  appendTimeoutMs: {
    name: 'KVS_APPEND_TIMEOUT',
    default: '10s',
    parse: duration(),
    purpose: 'How long a write waits for the log before it is spooled, or refused with 503',
  },
  tailIntervalMs: {
    name: 'KVS_TAIL_INTERVAL',
    default: '1s',
    parse: duration(),
    purpose: 'How often to look for what other nodes have appended; they also say so at once',
  },
  maxLagMs: {
    name: 'KVS_MAX_LAG',
    default: '10s',
    parse: duration(),
    purpose: 'How old the past may be that a node serves before /readyz answers 503',
  },
  waitTimeoutMs: {
    name: 'KVS_WAIT_TIMEOUT',
    default: '5s',
    parse: duration(),
    purpose: 'How long a request waits for KVS-Min-Position, or for ?consistent',
  },
  drainDelayMs: {
    name: 'KVS_DRAIN_DELAY',
    default: '0s',
    parse: duration('0ms'),
    purpose: 'How long to serve on once told to stop, for a balancer to see /readyz at 503',
  },
  shutdownTimeoutMs: {
    name: 'KVS_SHUTDOWN_TIMEOUT',
    default: '10s',
    parse: duration(),
    purpose: 'How long requests may take to finish at shutdown',
  },
  maxWaitingWrites: {
    name: 'KVS_MAX_WAITING_WRITES',
    default: '10000',
    parse: integer(1, 10_000_000),
    purpose: 'Writes that may wait for the log; past it 503',
  },
  maxWaitingBytes: {
    name: 'KVS_MAX_WAITING_BYTES',
    default: '256MiB',
    parse: bytes('0', '64GiB'),
    purpose: 'Size of all writes that wait for the log, and of all being received; past it 503',
  },
  maxConnections: {
    name: 'KVS_MAX_CONNECTIONS',
    default: '10000',
    parse: integer(1, 1_000_000),
    purpose: 'Client connections open at once',
  },
  maxHeaderBytes: {
    name: 'KVS_MAX_HEADER_BYTES',
    default: '16KiB',
    parse: bytes('4KiB', '1MiB'),
    purpose: 'Largest request line with headers',
  },
  headersTimeoutMs: {
    name: 'KVS_HEADERS_TIMEOUT',
    default: '10s',
    parse: duration(),
    purpose: 'How long request line and headers may take to arrive',
  },
  requestTimeoutMs: {
    name: 'KVS_REQUEST_TIMEOUT',
    default: '60s',
    parse: duration(),
    purpose: 'How long a whole request may take to arrive',
  },
  idleTimeoutMs: {
    name: 'KVS_IDLE_TIMEOUT',
    default: '90s',
    parse: duration(),
    purpose: 'How long a connection may stay with nothing moving',
  },
  keepAliveTimeoutMs: {
    name: 'KVS_KEEPALIVE_TIMEOUT',
    default: '30s',
    parse: duration(),
    purpose: 'How long a connection is kept between requests',
  },
  logLevel: {
    name: 'LOG_LEVEL',
    default: 'info',
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error'),
    purpose: 'Least severe level logged: trace, debug, info, warn or error',
  },
  logFormat: {
    name: 'LOG_FORMAT',
    default: 'auto',
    parse: oneOf('auto', 'json', 'pretty'),
    purpose: 'json, pretty, or auto: pretty on a terminal, else json',
  },
} satisfies Table

export const settings: readonly Setting[] = [
  ...Object.values(postgresSettings),
  ...Object.values(forwardingSettings),
  ...Object.values(serviceSettings),
]

export type Texts<T extends Table> = { [K in keyof T]?: string }

export type Values<T extends Table> = {
  [K in keyof T]: ReturnType<T[K]['parse']> | (T[K] extends { default: string } ? never : undefined)
}

/** What the environment sets of a table. An empty string counts as not set. */
export function givenTexts<T extends Table>(table: T, env: Environment): Texts<T> {
  const given = Object.entries(table).flatMap(([key, { name }]) => (env[name] ? [[key, env[name]]] : []))
  return Object.fromEntries(given) as Texts<T>
}

/** Parses each text, or the default in its absence. A text that is wrong adds to `problems`, and its value is absent. */
export function parseTexts<T extends Table>(
  table: T,
  texts: Texts<T>,
  problems: string[],
  label = (_key: keyof T, name: string) => name,
): Partial<Values<T>> {
  const values: Partial<Record<keyof T, unknown>> = {}
  for (const [key, setting] of Object.entries(table)) {
    const text = texts[key] ?? setting.default
    if (text === undefined) continue
    try {
      values[key as keyof T] = setting.parse(text)
    } catch (error) {
      problems.push(`${label(key, setting.name)}: ${error instanceof Error ? error.message : error}`)
    }
  }
  return values as Partial<Values<T>>
}
