import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { readConfig } from '../../kvs/config/config.ts'
import { connect } from '../../kvs/log/postgres/connection.ts'
import { explain, whereOf } from '../../kvs/log/postgres/failure-explanation.ts'
import { makeLog } from '../support/database.ts'
import { makeDirectory } from '../support/node.ts'
import { describeWithDocker } from './docker.ts'
import { startTlsServer, type TlsServer } from './tls-server.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

const query = `SELECT concat_ws(' ', current_user, current_database(), current_setting('application_name'),
  current_setting('search_path'), (SELECT coalesce(version, 'plain') FROM pg_stat_ssl WHERE pid = pg_backend_pid()))`

const hba = [
  'hostnossl all tlsonly   all reject',
  'hostssl   all plainonly all reject',
  'host      all old       all md5',
  'host      all clear     all password',
  'host      all kerberos  all gss',
  'host      all open      all trust',
  'host      all all       all scram-sha-256',
]

/**
 * An URL of ours, with `@SERVER` for host and port and ${CA} for the CA's file; what both say, or what we do where both
 * refuse.
 */
const urls: readonly (readonly [string, string | RegExp])[] = [
  ['postgres://kvs:PW@SERVER/kvs?sslmode=require&channel_binding=require', 'kvs kvs kvs "$user", public TLSv1.3'],
  ['postgres://kvs:PW@SERVER/kvs?channel_binding=require', 'kvs kvs kvs "$user", public TLSv1.3'],
  ['postgres://kvs:PW@SERVER/kvs?channel_binding=disable', 'kvs kvs kvs "$user", public TLSv1.3'],
  ['postgres://old:PW@SERVER/kvs?channel_binding=require', /does not bind the login to TLS \(it asked for md5\)/],
  ['postgres://open@SERVER/kvs?channel_binding=require', /does not bind the login to TLS \(it asked for nothing\)/],
  ['postgres://plainonly:PW@SERVER/kvs?channel_binding=require', /refuses user "plainonly": .*SSL encryption/],
  // Plain first; TLS where that is refused
  ['postgres://kvs:PW@SERVER/kvs?sslmode=allow', 'kvs kvs kvs "$user", public plain'],
  ['postgres://plainonly:PW@SERVER/kvs?sslmode=allow', 'plainonly kvs kvs "$user", public plain'],
  ['postgres://tlsonly:PW@SERVER/kvs?sslmode=allow', 'tlsonly kvs kvs "$user", public TLSv1.3'],
  // The later one wins
  [
    'postgres://nobody:wrong@nowhere:1/none?host=gone&port=2&host=HOST&port=PORT&user=kvs&password=PW&dbname=kvs' +
      '&application_name=a&application_name=b',
    'kvs kvs b "$user", public TLSv1.3',
  ],
  ['postgres://kvs:PW@SERVER/kvs?application_name=a&fallback_application_name=b', 'kvs kvs a "$user", public TLSv1.3'],
  ['postgres://kvs:PW@SERVER/kvs?options=-c%20search_path%3Da%20-csearch_path%3Db', 'kvs kvs kvs b TLSv1.3'],
  // The address is connected to, the name is what the certificate is checked for
  [
    'postgres://kvs:PW@SERVER/kvs?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=CA',
    'kvs kvs kvs "$user", public TLSv1.3',
  ],
  [
    'postgres://kvs:PW@elsewhere.test:PORT/kvs?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=CA',
    /TLS with Postgres at elsewhere\.test:\d+ failed .* does not match .*: set POSTGRES_HOST to a name in its certificate/,
  ],
  ['postgres://kvs:PW@SERVER/kvs?ssl_max_protocol_version=TLSv1.2', 'kvs kvs kvs "$user", public TLSv1.2'],
  ['postgres://kvs:PW@SERVER/kvs?sslmode=require&sslnegotiation=direct', 'kvs kvs kvs "$user", public TLSv1.3'],
  ['postgres://kvs:PW@SERVER/kvs?require_auth=scram-sha-256', 'kvs kvs kvs "$user", public TLSv1.3'],
  ['postgres://clear:PW@SERVER/kvs', 'clear kvs kvs "$user", public TLSv1.3'],
  ['postgres://old:PW@SERVER/kvs?require_auth=md5', 'old kvs kvs "$user", public TLSv1.3'],
  ['postgres://open@SERVER/kvs?require_auth=none', 'open kvs kvs "$user", public TLSv1.3'],
  [
    'postgres://clear:PW@SERVER/kvs?require_auth=!password',
    /for the password in clear text, which require_auth .* rules out/,
  ],
  [
    'postgres://old:PW@SERVER/kvs?require_auth=scram-sha-256',
    /asked user "old" for md5, which require_auth .* rules out/,
  ],
  ['postgres://open@SERVER/kvs?require_auth=!none', /asked user "open" for nothing, which require_auth .* rules out/],
  ['postgres://kvs:PW@SERVER/kvs?require_auth=md5,none', /for scram-sha-256, which require_auth .* rules out/],
  ['postgres://kerberos:PW@SERVER/kvs', /wants user "kerberos" to log in by gss, which is not supported/],
]

let server: TlsServer

const ends = (text: string, place: { host: string; port: number; ca: string }) =>
  text
    .replace('SERVER', 'HOST:PORT')
    .replace('HOST', place.host)
    .replace('PORT', String(place.port))
    .replaceAll('PW', encodeURIComponent(server.password))
    .replace('CA', encodeURIComponent(place.ca))

async function ask(DATABASE_URL: string): Promise<string> {
  const { postgres: target } = readConfig({ DATABASE_URL })
  if (target === 'embedded') throw new Error('embedded')
  try {
    const connection = await connect(target, 30_000)
    const { rows } = await connection.query<[string]>({ text: query })
    await connection.close()
    return rows[0]?.[0] ?? ''
  } catch (error) {
    return explain(error, whereOf(target))
  }
}

/** What stands between: ends TLS with a certificate of its own, and makes TLS anew to the server. */
async function startMiddle(): Promise<number> {
  const [cert, key] = [await server.file('stranger.crt'), await server.file('stranger.key')]
  const sockets: Socket[] = []
  const middle = createServer(async (client) => {
    sockets.push(client)
    client.on('error', () => undefined)
    const [request] = await once(client, 'data')
    const upstream = connectTcp(server.port, 'localhost').on('error', () => undefined)
    sockets.push(upstream)
    upstream.write(request)
    const [answer] = await once(upstream, 'data')
    client.write(answer)
    const there = connectTls({ socket: upstream, rejectUnauthorized: false }).on('error', () => undefined)
    const here = new TLSSocket(client, { isServer: true, cert, key }).on('error', () => undefined)
    here.pipe(there).pipe(here)
  })
  middle.listen(0, '127.0.0.1')
  await once(middle, 'listening')
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    middle.close()
  })
  return (middle.address() as AddressInfo).port
}

describeWithDocker('a URL means what it means to libpq', () => {
  let ca = ''

  beforeAll(async () => {
    server = await startTlsServer()
    for (const role of ['tlsonly', 'plainonly', 'clear', 'kerberos', 'open']) {
      await server.sql(`CREATE ROLE ${role} LOGIN PASSWORD '${server.password}'`)
    }
    await server.sql(`SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD '${server.password}'`)
    await server.become({ certificate: 'localhost', hba: hba.join('\n') })
  })

  afterAll(() => server?.stop())

  describe.each(urls)('%s', (url, expected) => {
    test('is told', async () => {
      ca = join(makeDirectory(), 'ca.crt')
      writeFileSync(ca, server.pem.ca)
      const said = await ask(ends(url, { host: 'localhost', port: server.port, ca }))
      if (typeof expected === 'string') expect(said).toBe(expected)
      else expect(said).toMatch(expected)
      // psql calls itself that.
      const own = ends(
        url.includes('application_name') ? url : `${url}${url.includes('?') ? '&' : '?'}application_name=kvs`,
        {
          ...{ host: 'localhost', port: 5432, ca: '/tls-client/ca.crt' },
        },
      )
      const libpq = server.psql(own, query)
      if (typeof expected === 'string') expect(await libpq).toBe(expected)
      else await expect(libpq).rejects.toThrow('psql: error')
    })
  })

  test('who stands between is found out by a login that is bound to TLS, and only by that', async () => {
    const place = { host: '127.0.0.1', port: await startMiddle(), ca: '' }
    const url = 'postgres://kvs:PW@SERVER/kvs?sslmode=require&channel_binding='
    expect(await ask(ends(`${url}disable`, place))).toBe('kvs kvs kvs "$user", public TLSv1.3')
    expect(await ask(ends(`${url}require`, place))).toMatch(/^Postgres at .* refuses/)
    expect(await ask(ends(`${url}prefer`, place))).toMatch(/^Postgres at .* refuses/)
  })

  test('a key that is not that of the certificate is named by its setting', async () => {
    const { cert } = server.pem.client
    const tls = { mode: 'require' as const, cert, key: server.pem.intruder.key }
    const target = { host: 'localhost', port: server.port, user: 'kvs', database: 'kvs', applicationName: 'kvs', tls }
    const error = await connect(target, 30_000).catch((error) => error)
    expect(explain(error, whereOf(target))).toMatch(
      /POSTGRES_SSLKEY is not the key to the certificate in POSTGRES_SSLCERT$/,
    )
  })

  test.each([
    [{ fsync: 'off', full_page_writes: 'on' }, 'fsync=off'],
    [{ fsync: 'on', full_page_writes: 'off' }, 'full_page_writes=off'],
    [{ fsync: 'off', full_page_writes: 'off' }, 'fsync=off and full_page_writes=off'],
    [{ fsync: 'on', full_page_writes: 'on' }, undefined],
  ])('a server with %j is warned of as one that loses writes', async (settings, named) => {
    for (const [name, value] of Object.entries(settings)) await server.sql(`ALTER SYSTEM SET ${name} = ${value}`)
    await server.become({ certificate: 'localhost', hba: hba.join('\n') })
    const { postgres: target } = readConfig({
      DATABASE_URL: ends('postgres://kvs:PW@SERVER/kvs', { host: 'localhost', port: server.port, ca: '' }),
    })
    if (target === 'embedded') throw new Error('embedded')
    const warnings: string[] = []
    const session = await makeLog({ target }, { warn: (text) => warnings.push(text) }).open()
    await session.close()
    const warning = `Postgres runs with ${named}: a crash of its machine loses acknowledged writes`
    expect(warnings).toEqual(named === undefined ? [] : [warning])
  })

  test('TLS that is not there is no TLS to bind to', async () => {
    await server.become({ certificate: undefined, hba: 'host all all all scram-sha-256' })
    const url = 'postgres://kvs:PW@SERVER/kvs?channel_binding=require'
    expect(await ask(ends(url, { host: 'localhost', port: server.port, ca: '' }))).toMatch(
      /does not offer TLS, and channel_binding=require needs it/,
    )
    await expect(server.psql(ends(url, { host: 'localhost', port: 5432, ca: '' }), query)).rejects.toThrow(
      'channel binding required',
    )
  })
})
