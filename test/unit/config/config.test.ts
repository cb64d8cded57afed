import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { settings } from '../../../kvs/config/all-settings.ts'
import { InvalidConfig, readConfig } from '../../../kvs/config/config.ts'
import type { Environment } from '../../../kvs/config/settings-table.ts'
import { problemsOf } from './problems.ts'

test('nothing set gives the defaults', () => {
  expect(readConfig({})).toEqual({
    postgres: 'embedded',
    forwardingAddress: undefined,
    forwardTimeoutMs: 15_000,
    access: {
      tokens: undefined,
      file: undefined,
      allowsAnonymous: false,
      allowsClear: false,
      maxRequestRate: undefined,
    },
    warnings: [],
    host: '127.0.0.1',
    ports: [8080],
    dataDir: resolve('data'),
    postgresTimeoutMs: 5_000,
    connectTimeoutMs: undefined,
    whenLogIsDown: 'spool',
    spoolMaxBytes: 1024 ** 3,
    appendTimeoutMs: 10_000,
    tailIntervalMs: 1_000,
    maxLagMs: 10_000,
    waitTimeoutMs: 5_000,
    digestIntervalMs: 300_000,
    handoverRate: 10_000,
    drainDelayMs: 0,
    shutdownTimeoutMs: 10_000,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 60_000,
    idleTimeoutMs: 90_000,
    keepAliveTimeoutMs: 30_000,
    maxValueBytes: 1_048_576,
    maxWaitingWrites: 10_000,
    minCopies: 1,
    maxWaitingBytes: 268_435_456,
    maxConnections: 10_000,
    maxHeaderBytes: 16_384,
    logLevel: 'info',
    logFormat: 'auto',
    slowRequestMs: 1_000,
  })
})

test('what is set is taken, and an empty string counts as not set', () => {
  const config = readConfig({
    PORT: '0',
    KVS_HOST: '::1',
    KVS_CONNECT_TIMEOUT: '2m',
    KVS_DATA_DIR: '',
    POSTGRES_HOST: '',
    LOG_LEVEL: 'debug',
  })
  expect(config).toMatchObject({ ports: [0], host: '::1', connectTimeoutMs: 120_000, logLevel: 'debug' })
  expect(config).toMatchObject({ dataDir: resolve('data'), postgres: 'embedded', warnings: [] })
})

test('the environment is left as it was', () => {
  const env = Object.freeze({ PORT: '1', KVS_FOO: 'x', POSTGRES_HOST: 'db' })
  expect(() => readConfig(env)).not.toThrow()
})

test('all problems are told at once', () => {
  const env = {
    PORT: 'http',
    KVS_APPEND_TIMEOUT: '10',
    KVS_MAX_HEADER_BYTES: '1KiB',
    LOG_LEVEL: 'loud',
    KVS_MAX_VALUE_BYTES: '2MiB',
    KVS_MAX_WAITING_BYTES: '1MiB',
    POSTGRES_HOST: 'db1,db2',
    POSTGRES_PORT: '0',
    POSTGRES_PASSWORD_FILE: '/no/such/file',
  }
  const problems = problemsOf(env)
  const starts = problems.map((problem) => problem.split(/[: ]/)[0])
  expect(starts.sort()).toEqual(
    Object.keys(env)
      .filter((name) => name !== 'KVS_MAX_VALUE_BYTES')
      .sort(),
  )
  const thrown = new InvalidConfig(problems)
  for (const problem of problems) expect(thrown.message).toContain(problem)
})

describe('settings that contradict each other', () => {
  test.each<[Environment, string]>([
    [{ KVS_IDLE_TIMEOUT: '10s' }, 'KVS_IDLE_TIMEOUT (10s) must be more than KVS_APPEND_TIMEOUT (10s)'],
    [{ KVS_APPEND_TIMEOUT: '2m' }, 'KVS_IDLE_TIMEOUT (90s) must be more than KVS_APPEND_TIMEOUT (2m)'],
    [{ KVS_HEADERS_TIMEOUT: '61s' }, 'KVS_REQUEST_TIMEOUT (60s) must be at least KVS_HEADERS_TIMEOUT (61s)'],
    [{ KVS_MAX_WAITING_BYTES: '1KiB' }, 'KVS_MAX_WAITING_BYTES (1KiB) must be at least KVS_MAX_VALUE_BYTES (1MiB)'],
    [
      { FORWARDING_ADDRESS: 'kvs:8080', KVS_IDLE_TIMEOUT: '15s' },
      'KVS_IDLE_TIMEOUT (15s) must be more than KVS_FORWARD_TIMEOUT (15s): or a request that waits',
    ],
  ])('%j', (env, problem) => {
    expect(problemsOf(env)).toEqual([expect.stringContaining(problem)])
  })

  test.each<Environment>([
    { KVS_IDLE_TIMEOUT: '10001ms' },
    { KVS_IDLE_TIMEOUT: '11s', KVS_FORWARD_TIMEOUT: '20s' },
    { FORWARDING_ADDRESS: 'kvs:8080', KVS_IDLE_TIMEOUT: '5s', KVS_FORWARD_TIMEOUT: '4s' },
    { KVS_HEADERS_TIMEOUT: '60s' },
    { KVS_MAX_WAITING_BYTES: '1MiB' },
    { KVS_MAX_WAITING_BYTES: '0', KVS_MAX_VALUE_BYTES: '0' },
  ])('%j is not one', (env) => {
    expect(() => readConfig(env)).not.toThrow()
  })

  test('are not looked for where one of them is wrong already', () => {
    expect(problemsOf({ KVS_IDLE_TIMEOUT: 'x', KVS_APPEND_TIMEOUT: '5m' })).toHaveLength(1)
  })
})

describe('a secret in the wrong place', () => {
  const secrets = [
    ...['https://user:S3CRET@kvs:8080', 'postgres://u:S3CRET@h/d', 'postgres://u:S3CRET', 'u:S3CRET@h', 'S3CRET@h'],
    ...['ci:read:S3CRET', 'ci:read+write:S3CRET:a/', 'S3CRET$1!', 'S3CRET0123456789abcdef', `S3CRET${'-x'.repeat(40)}`],
    ...['https://h/?token=S3CRET', 'https://u:S3CRET', 'S3CRET\nsecond line'],
  ]

  test.each(settings.map(({ name }) => name))('is not shown by what is wrong with %s', (name) => {
    for (const secret of secrets) {
      const log = name.startsWith('POSTGRES_') ? { POSTGRES_HOST: 'db' } : {}
      expect(problemsOf({ ...log, [name]: secret }).join('\n')).not.toContain('S3CRET')
    }
  })

  test('is told of as such, and what is plainly none is shown', () => {
    expect(problemsOf({ PORT: 'postgres://u:S3CRET@h', FORWARDING_ADDRESS: 'http://kvs:8080' })).toEqual([
      expect.stringMatching(/^FORWARDING_ADDRESS: "http:\/\/kvs:8080" is not host:port/),
      'PORT: a text that is not shown, as it may be a secret, is not a whole number from 0 to 65535',
    ])
  })
})

describe('warnings', () => {
  test.each<[Environment, string[]]>([
    [{ KVS_MAX_VALUE: '1' }, ['KVS_MAX_VALUE is not a setting; did you mean KVS_MAX_VALUE_BYTES?']],
    [
      { KVS_FOO: '1', POSTGRES_INITDB_ARGS: '1' },
      ['KVS_FOO is not a setting', 'POSTGRES_INITDB_ARGS is not a setting'],
    ],
    [{ FORWARDING_ADRESS: 'kvs:8080' }, ['FORWARDING_ADRESS is not a setting; did you mean FORWARDING_ADDRESS?']],
    [{ FORWARDING_ADDRESS: '', KVS_FORWARD_TIMEOUT: '1s' }, []],
    [{ KVS_FOO: '', HOME: '/root', PGOPTIONS: '', PGDATA: '/data', PGADMIN_PORT: '1' }, []],
    [{ POSTGRES_TIMEOUT: '5s' }, []],
    [{ POSTGRES_HOST: 'db', POSTGRES_USER: 'me' }, []],
    [{ DATABASE_URL: 'postgres://h', POSTGRES_SSLMODE: 'require' }, []],
  ])('%j', (env, warnings) => {
    expect(readConfig(env).warnings).toEqual(warnings)
  })

  test('what Kubernetes sets for Services of our names is passed over, and told in one line', () => {
    const links = {
      KVS_SERVICE_HOST: '10.0.0.5',
      KVS_SERVICE_PORT: '8080',
      KVS_SERVICE_PORT_HTTP: '8080',
      KVS_PORT: 'tcp://10.0.0.5:8080',
      KVS_PORT_8080_TCP: 'tcp://10.0.0.5:8080',
      KVS_PORT_8080_TCP_PROTO: 'tcp',
      KVS_PORT_8080_TCP_PORT: '8080',
      KVS_PORT_8080_TCP_ADDR: '10.0.0.5',
      POSTGRES_SERVICE_HOST: 'fd00::5',
      POSTGRES_PORT: 'tcp://[fd00::5]:5432',
      FORWARDING_NODE_PORT: 'udp://10.0.0.6:53',
      KVS_TOKENS_SERVICE_HOST: '10.0.0.7',
      KUBERNETES_PORT: 'tcp://10.0.0.1:443',
    }
    const { KUBERNETES_PORT: _, ...told } = links
    const config = readConfig({ ...links, POSTGRES_HOST: 'db' })
    expect(config.warnings).toEqual([
      `passed over, as Kubernetes sets them for its Services: ${Object.keys(told).join(', ')}; POSTGRES_PORT counts as ` +
        'not set; enableServiceLinks: false in the pod’s spec leaves them out',
    ])
    expect(config.postgres).toMatchObject({ host: 'db', port: 5432 })
    expect(readConfig({ ...links, FORWARDING_ADDRESS: 'kvs:8080' }).warnings).toHaveLength(1)
  })

  test('libpq’s variables are named in one line, with what to set in their place, and never with a value', () => {
    const env = { PGPASSWORD: 'S3CRET', PGOPTIONS: '-c search_path=S3CRET', PGREPLICATION: 'S3CRET' }
    expect(readConfig({ ...env, POSTGRES_HOST: 'db' }).warnings).toEqual([
      'passed over, as libpq’s variables are not read: PGPASSWORD, PGOPTIONS, PGREPLICATION; set DATABASE_URL, which takes ' +
        'libpq’s parameters (options=… for PGOPTIONS), or POSTGRES_HOST, POSTGRES_USER, POSTGRES_PASSWORD …',
    ])
  })

  test('what has a name of that shape and another value is what it was', () => {
    expect(readConfig({ KVS_PORT: '8080', KVS_SERVICE_HOST: 'db.example.com' }).warnings).toEqual([
      'KVS_PORT is not a setting; did you mean PORT?',
      'KVS_SERVICE_HOST is not a setting',
    ])
    expect(problemsOf({ POSTGRES_HOST: 'db', POSTGRES_PORT: 'tcp://10.0.0.5' })).toHaveLength(1)
    expect(readConfig({ POSTGRES_HOST: 'db', POSTGRES_PORT: '6543' }).postgres).toMatchObject({ port: 6543 })
  })

  test('what a forwarding node has no use for is not read, only named, but for what the image sets', () => {
    const env = {
      FORWARDING_ADDRESS: 'kvs:8080',
      KVS_FORWARD_TIMEOUT: '1s',
      KVS_HOST: '::',
      KVS_ALLOW_ANONYMOUS: 'true',
      KVS_ALLOW_CLEAR: 'true',
      KVS_IDLE_TIMEOUT: '2s',
      KVS_DATA_DIR: '~/data',
      POSTGRES_PASSWORD: 'S3CRET',
      DATABASE_URL: 'mysql://h',
      KVS_SPOOL_MAX_BYTES: '1',
    }
    const config = readConfig(env)
    expect(config).toMatchObject({ forwardingAddress: 'kvs:8080', forwardTimeoutMs: 1_000, host: '::' })
    expect(config.warnings).toEqual([
      'not used: DATABASE_URL, POSTGRES_PASSWORD, KVS_ALLOW_CLEAR, KVS_SPOOL_MAX_BYTES; ' +
        'every request is forwarded, since FORWARDING_ADDRESS is set',
    ])
  })

  test('what the embedded log has no use for is not read, only named', () => {
    const env = { POSTGRES_USER: 'me', POSTGRES_PORT: 'none', POSTGRES_PASSWORD: 'S3CRET' }
    expect(readConfig(env).warnings).toEqual([
      'not used: POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD; ' +
        'the log is embedded, since neither POSTGRES_HOST nor DATABASE_URL is set',
    ])
  })
})
