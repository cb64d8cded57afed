import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTls } from 'node:tls'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../../../kvs/config/config.ts'
import type { Environment } from '../../../../kvs/config/settings-table.ts'
import { makeEmbeddedPostgres } from '../../../../kvs/log/embedded/embedded-postgres.ts'
import { makePostgresLog } from '../../../../kvs/log/postgres/postgres-log.ts'
import { makeAuthority } from '../../../support/certificates.ts'
import { migrations } from '../../../support/database.ts'

/** A server of its own, for its pg_hba.conf. */
const home = mkdtempSync(join(tmpdir(), 'kvs-refusals-'))
const quiet = { info() {}, debug() {}, warn() {} }
const server = makeEmbeddedPostgres({ directory: join(home, 'postgres'), log: quiet })
const { host, port } = server.connection

const hba = [
  'local all      asked    scram-sha-256',
  'local all      old      md5',
  'local all      clear    password',
  'local all      stranger peer',
  'local all      shut     reject',
  'local all      missing  scram-sha-256',
  'local all      unlisted,kvs,nologin,full,frozen,poor,homeless,unconnected trust',
]

async function sql(text: string, database = 'kvs'): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...server.connection, database, ssl: false })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

beforeAll(async () => {
  await server.ensureRunning()
  await sql(`CREATE ROLE asked LOGIN PASSWORD 'right'; CREATE ROLE clear LOGIN PASSWORD 'right'; CREATE ROLE stranger LOGIN;
    CREATE ROLE shut LOGIN; CREATE ROLE other LOGIN; CREATE ROLE nologin; CREATE ROLE full LOGIN CONNECTION LIMIT 0;
    CREATE ROLE frozen LOGIN; ALTER ROLE frozen SET default_transaction_read_only = on; CREATE ROLE poor LOGIN;
    CREATE ROLE homeless LOGIN; ALTER ROLE homeless SET search_path = nowhere; CREATE ROLE unconnected LOGIN;
    SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'right'; GRANT CREATE ON SCHEMA public TO frozen`)
  const [row] = await sql('SHOW hba_file')
  writeFileSync(String(row?.hba_file), `${hba.join('\n')}\n`)
  await sql('SELECT pg_reload_conf()')
})

afterAll(async () => {
  await server.stop()
  rmSync(home, { recursive: true, force: true })
})

/** Why there is no log there. */
async function said(env: Environment): Promise<string> {
  const { postgres: target } = readConfig({ POSTGRES_HOST: host, POSTGRES_PORT: String(port), ...env })
  if (target === 'embedded') throw new Error('embedded')
  const warn = () => undefined
  const log = makePostgresLog({ target, writerId: crypto.randomUUID(), migrations, timeoutMs: 5_000, info: warn, warn })
  return log.open().then(
    async (session) => {
      await session.close()
      return 'open'
    },
    (error) => error.message,
  )
}

const look = /: look at POSTGRES_USER and POSTGRES_PASSWORD, or at DATABASE_URL/

describe('a login', () => {
  const passwordFile = join(home, 'password')

  test.each<[string, Environment, RegExp]>([
    [
      'scram-sha-256, and no password',
      { POSTGRES_USER: 'asked' },
      /asks for a password \(scram-sha-256\), and none is set for user "asked": set POSTGRES_PASSWORD,/,
    ],
    ['md5, and no password', { POSTGRES_USER: 'old' }, /asks for a password \(md5\), and none is set for user "old"/],
    [
      'clear text, and no password',
      { POSTGRES_USER: 'clear' },
      /asks for a password \(the password in clear text\), and none is set/,
    ],
    ['a wrong password', { POSTGRES_USER: 'asked', POSTGRES_PASSWORD: 'wrong' }, look],
    ['a wrong password for md5', { POSTGRES_USER: 'old', POSTGRES_PASSWORD: 'wrong' }, look],
    ['a wrong password in clear text', { POSTGRES_USER: 'clear', POSTGRES_PASSWORD: 'wrong' }, look],
    [
      'a user that is not there, asked for a password',
      { POSTGRES_USER: 'missing', POSTGRES_PASSWORD: 'p' },
      /refuses the password of user "missing", or has no such user/,
    ],
    [
      'a password that ends in a blank',
      { POSTGRES_USER: 'asked', POSTGRES_PASSWORD: 'right ' },
      /\(the password ends in a blank\)$/,
    ],
    [
      'a user that is not there, trusted',
      { POSTGRES_USER: 'unlisted' },
      /has no user "unlisted" that may log in: make it \(CREATE ROLE … LOGIN\), or set POSTGRES_USER/,
    ],
    ['a role that may not log in', { POSTGRES_USER: 'nologin' }, /has no user "nologin" that may log in/],
    [
      'an entry that rejects',
      { POSTGRES_USER: 'shut' },
      /refuses user "shut": .*: in its pg_hba.conf an entry has to let this user in/,
    ],
    [
      'no entry',
      { POSTGRES_USER: 'other' },
      /refuses user "other": .*: in its pg_hba.conf an entry has to let this user in/,
    ],
    [
      'peer',
      { POSTGRES_USER: 'stranger' },
      /refuses user "stranger": .*: its pg_hba.conf asks for no password there, .*set POSTGRES_USER/,
    ],
    [
      'no such database',
      { POSTGRES_DB: 'none' },
      /has no database "none": make it \(CREATE DATABASE\), or set POSTGRES_DB/,
    ],
    [
      'a role with no connection left',
      { POSTGRES_USER: 'full' },
      /user "full" has all the connections it may have: ALTER ROLE … CONNECTION LIMIT/,
    ],
    ['a setting that makes it read only', { POSTGRES_USER: 'frozen' }, /default_transaction_read_only/],
    [
      'no right to make a table',
      { POSTGRES_USER: 'poor' },
      /^user "poor" lacks the right to CREATE in the schema public, .*: GRANT CREATE ON SCHEMA public/,
    ],
    [
      'no schema',
      { POSTGRES_USER: 'homeless' },
      /^the search_path of user "homeless" \(nowhere\) names no schema that is there .*CREATE SCHEMA/,
    ],
  ])('with %s', async (_name, env, expected) => {
    const sentence = await said(env)
    expect(sentence).toMatch(expected)
    expect(sentence).not.toMatch(/SASL|wrong/)
  })

  test('with a password whose file ends in a line break too many, as the file has it by then', async () => {
    const env = { POSTGRES_USER: 'asked', POSTGRES_PASSWORD_FILE: passwordFile }
    writeFileSync(passwordFile, 'right\n\n')
    expect(await said(env)).toMatch(/\(the password in POSTGRES_PASSWORD_FILE ends in a line break\)$/)
    writeFileSync(passwordFile, 'right\n')
    expect(await said(env)).toMatch(/lacks the right to CREATE/)
  })

  test('where the database lets nobody in', async () => {
    await sql('CREATE DATABASE closed ALLOW_CONNECTIONS false')
    expect(await said({ POSTGRES_DB: 'closed' })).toMatch(
      /^the database "closed" .* takes no connections: ALTER DATABASE/,
    )
    await sql('CREATE DATABASE narrow CONNECTION LIMIT 0')
    expect(await said({ POSTGRES_DB: 'narrow', POSTGRES_USER: 'poor' })).toMatch(
      /^the database "narrow" has all the connections/,
    )
    await sql('CREATE DATABASE guarded')
    await sql('REVOKE CONNECT ON DATABASE guarded FROM PUBLIC')
    expect(await said({ POSTGRES_DB: 'guarded', POSTGRES_USER: 'poor' })).toMatch(
      /^user "poor" lacks the right to connect to the database "guarded": GRANT CONNECT/,
    )
  })

  test('without a password of its own takes none from elsewhere', async () => {
    process.env.PGPASSWORD = 'right'
    onTestFinished(() => {
      delete process.env.PGPASSWORD
    })
    expect(await said({ POSTGRES_USER: 'asked' })).toMatch(/none is set for user "asked"/)
  })
})

describe('what has a name of ours', () => {
  test.each([
    [
      'a view',
      'CREATE VIEW log_head AS SELECT 1 AS one',
      /the schema public has a view "log_head", where this service would make a table: rename/,
    ],
    ['a table of somebody', 'CREATE TABLE writers (name text)', /the schema public has a table "writers", where/],
    [
      'a view for the log itself',
      'CREATE VIEW transactions AS SELECT 1 AS sequence',
      /has a view "transactions", where/,
    ],
    [
      'a foreign table',
      `CREATE FOREIGN DATA WRAPPER none; CREATE SERVER nowhere FOREIGN DATA WRAPPER none;
      CREATE FOREIGN TABLE transactions (sequence bigint) SERVER nowhere`,
      /has a foreign table "transactions", where/,
    ],
    [
      'a table in place of the migrations',
      'CREATE TABLE kvs_migrations (name text)',
      /has a table "kvs_migrations", where/,
    ],
    [
      'a function',
      `CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
      /has a name that it needs: .*refuse_change/,
    ],
  ])('%s', async (_name, make, expected) => {
    const database = `names_${crypto.randomUUID().slice(0, 8)}`
    await sql(`CREATE DATABASE ${database}`)
    await sql(make, database)
    expect(await said({ POSTGRES_DB: database })).toMatch(expected)
  })

  test('a textbook table of another owner is named with its owner', async () => {
    await sql('CREATE DATABASE owned')
    await sql(
      `CREATE TABLE transactions (sequence bigserial PRIMARY KEY, event_type smallint, key text, value text);
       GRANT CREATE ON SCHEMA public TO poor`,
      'owned',
    )
    expect(await said({ POSTGRES_DB: 'owned', POSTGRES_USER: 'poor' })).toMatch(
      /^user "poor" is not the owner of "transactions" \(of kvs\), which a migration is to change: start once as that owner/,
    )
  })
})

test('a socket that the process may not use', async () => {
  const mode = 0o700
  chmodSync(host, 0)
  const uid = process.geteuid?.()
  if (uid === 0) process.seteuid?.(65_534)
  try {
    expect(await said({})).toMatch(/^this process may not use the socket .*: its user needs the right/)
  } finally {
    if (uid === 0) process.seteuid?.(0)
    chmodSync(host, mode)
  }
})

test('a socket whose path is too long', async () => {
  expect(await said({ POSTGRES_HOST: join(home, 'x'.repeat(100)) })).toMatch(
    /^the path of the socket .* is too long for the system/,
  )
})

test('a socket that is not there, and a host name that nobody knows', async () => {
  expect(await said({ POSTGRES_PORT: '1' })).toMatch(
    /^there is no socket .*\.s\.PGSQL\.1: is Postgres running there\? Else look at/,
  )
  expect(await said({ POSTGRES_HOST: 'no-such-host.invalid' })).toMatch(/^the host name no-such-host\.invalid /)
})

describe('a port where something else listens', () => {
  async function listening(listener: Server): Promise<number> {
    listener.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void listener.close())
    return (listener.address() as AddressInfo).port
  }
  const modes = ['disable', 'prefer', 'require']

  test.each(modes)('HTTP, sslmode=%s', async (POSTGRES_SSLMODE) => {
    const other = await listening(createHttp((_request, response) => response.end()))
    expect(await said({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(other), POSTGRES_SSLMODE })).toMatch(
      /^what listens at 127\.0\.0\.1:\d+ is not Postgres \(it speaks HTTP\): look at POSTGRES_HOST and POSTGRES_PORT/,
    )
  })

  test.each(modes)('HTTPS, sslmode=%s', async (POSTGRES_SSLMODE) => {
    const other = await listening(
      createTls(makeAuthority().issue('localhost'), (socket) => socket.on('error', () => undefined)),
    )
    expect(await said({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(other), POSTGRES_SSLMODE })).toMatch(
      /^what listens at 127\.0\.0\.1:\d+ (speaks TLS from the start, as Postgres does not|closed the connection without a word)/,
    )
  })

  test.each(modes)('SSH, sslmode=%s', async (POSTGRES_SSLMODE) => {
    const other = await listening(
      createServer((socket) => void socket.on('error', () => undefined).write('SSH-2.0-OpenSSH_9.2\r\n')),
    )
    expect(await said({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(other), POSTGRES_SSLMODE })).toMatch(
      /^what listens at 127\.0\.0\.1:\d+ is not Postgres \(it speaks SSH\)/,
    )
  })

  test.each(modes)('nobody behind a proxy, sslmode=%s', async (POSTGRES_SSLMODE) => {
    const other = await listening(createServer((socket) => void socket.on('error', () => undefined).end()))
    expect(await said({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(other), POSTGRES_SSLMODE })).toMatch(
      /^what listens at 127\.0\.0\.1:\d+ closed the connection without a word: is it Postgres, or a proxy/,
    )
  })
})

test('a server that has no connection left', async () => {
  const clients: Client[] = []
  try {
    for (;;) {
      const client = new Client({ ...server.connection, user: 'unconnected', ssl: false })
      client.on('error', () => undefined)
      clients.push(client)
      await client.connect()
    }
  } catch {
    expect(await said({ POSTGRES_USER: 'poor' })).toMatch(
      /has no connection left: .*: raise max_connections, or end others; a node takes 3$/,
    )
  }
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
})
