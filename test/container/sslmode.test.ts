import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { PostgresTarget, TlsSettings } from '../../kvs/config/index.ts'
import { connect } from '../../kvs/log/postgres/connection.ts'
import { explain, whereOf } from '../../kvs/log/postgres/failure-explanation.ts'
import { makeDirectory, spawnNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { type ServerSetup, startTlsServer, type TlsServer } from './tls-server.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

/** What sslmode promises: https://www.postgresql.org/docs/current/libpq-ssl.html */
const modes = ['disable', 'prefer', 'require', 'require and a CA', 'verify-ca', 'verify-full'] as const

type Mode = (typeof modes)[number]

const plain = 'not encrypted'
const open = 'TLSv1.3, certificate not checked'
const checked = 'TLSv1.3, certificate checked'
const full = 'TLSv1.3, certificate and host name checked'
const open12 = 'TLSv1.2, certificate not checked'
const checked12 = 'TLSv1.2, certificate checked'
const full12 = 'TLSv1.2, certificate and host name checked'

/** How the connection describes itself, or why there is none */
type Outcome = string | RegExp

const notTrusted =
  /^TLS with Postgres at \S+ failed with POSTGRES_SSLMODE=\S+: unable to verify the first certificate: is its CA in /
const otherName = /^TLS with Postgres at \S+ failed with POSTGRES_SSLMODE=verify-full: Hostname\/IP does not match/
const noTls = /^Postgres at \S+ does not offer TLS, and POSTGRES_SSLMODE=\S+ needs it$/
const noCipher = /^TLS with Postgres at \S+ failed with POSTGRES_SSLMODE=\S+: \S+ alert handshake failure$/
const notPlain =
  /^Postgres at \S+ refuses user "kvs": no pg_hba.conf entry for host .*, no encryption: in its pg_hba.conf /
const notWithTls =
  /^Postgres at \S+ refuses user "kvs": no pg_hba.conf entry for host .*, SSL encryption: in its pg_hba.conf /
const noClientCertificate =
  /^Postgres at \S+ refuses user "kvs": connection requires a valid client certificate: in its pg_hba.conf .*POSTGRES_SSLCERT/
const badClientCertificate = /^TLS with Postgres at \S+ failed with POSTGRES_SSLMODE=\S+: tlsv1 alert unknown ca$/

interface Situation extends ServerSetup {
  readonly host?: string
  readonly client?: 'client' | 'intruder'
  /** One for each of the modes. */
  readonly outcomes: readonly [Outcome, Outcome, Outcome, Outcome, Outcome, Outcome]
}

const either = 'host all all all scram-sha-256'
const withTlsOnly = 'hostssl all all all scram-sha-256'
const withCertificateOnly = 'hostssl all all all scram-sha-256 clientcert=verify-ca'

const situations: Record<string, Situation> = {
  'a certificate of the CA for the host': {
    ...{ certificate: 'localhost', hba: either },
    outcomes: [plain, open, open, checked, checked, full],
  },
  'a certificate of another CA': {
    ...{ certificate: 'stranger', hba: either },
    outcomes: [plain, open, open, notTrusted, notTrusted, notTrusted],
  },
  'a certificate of the CA for another host': {
    ...{ certificate: 'elsewhere', hba: either },
    outcomes: [plain, open, open, checked, checked, otherName],
  },
  'a certificate for localhost, and the host given by its address': {
    ...{ certificate: 'localhost', hba: either, host: '127.0.0.1' },
    outcomes: [plain, open, open, checked, checked, otherName],
  },
  'a certificate for the address, and the host given by it': {
    ...{ certificate: 'address', hba: either, host: '127.0.0.1' },
    outcomes: [plain, open, open, checked, checked, full],
  },
  'a certificate with the host as common name alone': {
    ...{ certificate: 'old-style', hba: either },
    outcomes: [plain, open, open, checked, checked, full],
  },
  'no TLS': {
    ...{ certificate: undefined, hba: either },
    outcomes: [plain, plain, noTls, noTls, noTls, noTls],
  },
  'TLS 1.2 at most': {
    ...{ certificate: 'localhost', newest: 'TLSv1.2', hba: either },
    outcomes: [plain, open12, open12, checked12, checked12, full12],
  },
  'TLS with no cipher that we take': {
    ...{ certificate: 'localhost', newest: 'TLSv1.2', ciphers: 'ADH-AES128-SHA256:@SECLEVEL=0', hba: either },
    outcomes: [plain, plain, noCipher, noCipher, noCipher, noCipher],
  },
  'TLS alone let in by pg_hba.conf': {
    ...{ certificate: 'localhost', hba: withTlsOnly },
    outcomes: [notPlain, open, open, checked, checked, full],
  },
  'plain connections alone let in by pg_hba.conf': {
    ...{ certificate: 'localhost', hba: 'hostnossl all all all scram-sha-256' },
    outcomes: [plain, plain, notWithTls, notWithTls, notWithTls, notWithTls],
  },
  'a client certificate wanted and given': {
    ...{ certificate: 'localhost', hba: withCertificateOnly, client: 'client' },
    outcomes: [notPlain, open, open, checked, checked, full],
  },
  'a client certificate wanted and not given': {
    ...{ certificate: 'localhost', hba: withCertificateOnly },
    outcomes: [
      notPlain,
      noClientCertificate,
      noClientCertificate,
      noClientCertificate,
      noClientCertificate,
      noClientCertificate,
    ],
  },
  'a client certificate of another CA, and plain connections let in as well': {
    ...{ certificate: 'localhost', hba: either, client: 'intruder' },
    outcomes: [
      plain,
      badClientCertificate,
      badClientCertificate,
      badClientCertificate,
      badClientCertificate,
      badClientCertificate,
    ],
  },
  'a client certificate of another CA, TLS 1.2 at most, and plain connections let in as well': {
    ...{ certificate: 'localhost', newest: 'TLSv1.2', hba: either, client: 'intruder' },
    outcomes: [plain, plain, badClientCertificate, badClientCertificate, badClientCertificate, badClientCertificate],
  },
  'a client certificate of another CA': {
    ...{ certificate: 'localhost', hba: withTlsOnly, client: 'intruder' },
    outcomes: [
      notPlain,
      badClientCertificate,
      badClientCertificate,
      badClientCertificate,
      badClientCertificate,
      badClientCertificate,
    ],
  },
}

let server: TlsServer

function settingsOf(mode: Mode, client: Situation['client']): TlsSettings {
  if (mode === 'disable') return { mode }
  const own = client && server.pem[client]
  if (mode === 'prefer' || mode === 'require') return { mode, ...own }
  return { mode: mode === 'require and a CA' ? 'require' : mode, ca: server.pem.ca, ...own }
}

function connectionString(mode: Mode, { host = 'localhost', client }: Situation): string {
  const words = [`host=${host}`, `sslmode=${mode === 'require and a CA' ? 'require' : mode}`]
  if (!['disable', 'prefer', 'require'].includes(mode)) words.push('sslrootcert=/tls-client/ca.crt')
  if (client) words.push(`sslcert=/tls-client/${client}.crt`, `sslkey=/tls-client/${client}.key`)
  return words.join(' ')
}

/** Whether the connection is encrypted in Postgres’s own eyes, with how it describes itself; or why there is none. */
async function tryToConnect(mode: Mode, { host = 'localhost', client }: Situation) {
  const tls = settingsOf(mode, client)
  const target: PostgresTarget = {
    ...{ host, port: server.port, database: 'kvs', user: 'kvs', password: server.password },
    ...{ applicationName: 'kvs', tls },
  }
  try {
    const connection = await connect(target, 30_000)
    const text = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
    const { rows } = await connection.query<[boolean]>({ text })
    await connection.close()
    return { isEncrypted: rows[0]?.[0], said: connection.tls }
  } catch (error) {
    return { isEncrypted: undefined, said: explain(error, whereOf(target)) }
  }
}

describeWithDocker('sslmode', () => {
  beforeAll(async () => {
    server = await startTlsServer()
  })

  afterAll(() => server?.stop())

  describe.each(Object.entries(situations))('with %s', (_name, situation) => {
    beforeAll(() => server.become(situation))

    test.each(modes.map((mode, index) => ({ mode, outcome: situation.outcomes[index] })))(
      '$mode: $outcome',
      async ({ mode, outcome = plain }) => {
        const { isEncrypted, said } = await tryToConnect(mode, situation)
        if (typeof outcome === 'string') expect(said).toBe(outcome)
        else expect(said).toMatch(outcome)
        expect(isEncrypted).toBe(outcome instanceof RegExp ? undefined : outcome !== plain)
        const libpq = await server.libpq(connectionString(mode, situation))
        if (isEncrypted === undefined) expect(libpq).toContain('connection to server')
        else expect(libpq).toBe(isEncrypted)
      },
    )
  })

  test('a whole node says in its log what its connection has', async () => {
    await server.become({ certificate: 'localhost', hba: withTlsOnly })
    const directory = makeDirectory()
    const rootCert = join(directory, 'ca.crt')
    writeFileSync(rootCert, server.pem.ca)
    const node = spawnNode(directory, {
      ...{ POSTGRES_HOST: 'localhost', POSTGRES_PORT: String(server.port), POSTGRES_PASSWORD: server.password },
      ...{ POSTGRES_SSLMODE: 'verify-full', POSTGRES_SSLROOTCERT: rootCert },
    })
    await until('the log is replayed', () => node.output().includes('events replayed'))
    expect(node.output()).toContain(`connected to kvs at localhost:${server.port} (${full})`)
    node.kill('SIGTERM')
    expect(await node.ended).toBe(0)
  })
})
