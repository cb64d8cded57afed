import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { GenericContainer, Network, type StartedNetwork, Wait } from 'testcontainers'
import type { PostgresTarget } from '../../kvs/config/postgres-target.ts'
import { docker } from '../../tools/lab/docker.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { until } from '../support/until.ts'

export type PoolMode = 'session' | 'transaction' | 'statement'

/** A Postgres that can be killed, and PgBouncers before it. */
export interface PooledServer {
  /** Straight to Postgres. */
  readonly direct: PostgresTarget
  /** By way of a new PgBouncer. */
  startPooler(mode: PoolMode, settings?: Record<string, string | number>): Promise<Pooler>
  /** Makes an empty database, of the name. */
  makeDatabase(name: string): Promise<void>
  /** SIGKILL to all of it, and a start. */
  crash(): Promise<void>
  stop(): Promise<void>
}

export interface Pooler {
  readonly target: PostgresTarget
  /** Its configuration is changed while it runs. */
  become(mode: PoolMode): Promise<void>
  stop(): Promise<void>
}

const user = 'kvs'
const password = 'correct horse'

export async function startPooledServer(): Promise<PooledServer> {
  const network = await new Network().start()
  const port = await freePort()
  const container = await new GenericContainer('postgres:17')
    .withNetwork(network)
    .withNetworkAliases('postgres')
    .withEnvironment({ POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: 'kvs' })
    .withExposedPorts({ container: 5432, host: port })
    // Not while the image makes the database, when only the socket is served
    .withWaitStrategy(Wait.forSuccessfulCommand(`pg_isready -q -h 127.0.0.1 -U ${user}`))
    .withStartupTimeout(180_000)
    .start()
  const direct = targetAt(port)

  return {
    direct,
    startPooler: (mode, settings) => startPooler(network, mode, settings),
    makeDatabase: (name) => ask(direct, `CREATE DATABASE ${name}`),
    async crash() {
      await docker(['kill', '--signal', 'KILL', container.getId()])
      await docker(['start', container.getId()])
      await until(
        'Postgres is up again',
        () =>
          ask(direct, 'SELECT 1').then(
            () => true,
            () => false,
          ),
        60_000,
      )
    },
    async stop() {
      await container.stop({ removeVolumes: true })
      await network.stop()
    },
  }
}

async function startPooler(
  network: StartedNetwork,
  mode: PoolMode,
  settings: Record<string, string | number> = {},
): Promise<Pooler> {
  const image = await GenericContainer.fromDockerfile(fileURLToPath(new URL('pgbouncer', import.meta.url))).build(
    'kvs-test-pgbouncer',
    { deleteOnExit: false },
  )
  const file = '/etc/pgbouncer/pgbouncer.ini'
  const container = await image
    .withNetwork(network)
    .withCopyContentToContainer([{ content: configuration(mode, settings), target: file, mode: 0o644 }])
    .withExposedPorts(6432)
    .withWaitStrategy(Wait.forListeningPorts())
    .start()
  return {
    target: targetAt(container.getMappedPort(6432)),
    async become(mode) {
      await container.copyContentToContainer([{ content: configuration(mode, settings), target: file, mode: 0o644 }])
      await ask({ ...targetAt(container.getMappedPort(6432)), database: 'pgbouncer' }, 'RELOAD')
    },
    stop: async () => void (await container.stop()),
  }
}

function configuration(mode: PoolMode, settings: Record<string, string | number>): string {
  const all = {
    listen_addr: '*',
    listen_port: 6432,
    auth_type: 'any',
    admin_users: user,
    server_login_retry: 1,
    pool_mode: mode,
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  return `[databases]\n* = host=postgres port=5432 user=${user} password='${password}'\n[pgbouncer]\n${lines.join('\n')}\n`
}

function targetAt(port: number): PostgresTarget {
  const tls = { mode: 'disable' } as const
  return { host: '127.0.0.1', port, database: 'kvs', user, password, applicationName: 'kvs', tls }
}

/** Runs one statement on a connection of its own. */
export async function ask({ host, port, database, user, password = '' }: PostgresTarget, text: string): Promise<void> {
  const client = new pg.Client({ host, port, database, user, password, ssl: false })
  client.on('error', () => undefined)
  await client.connect()
  await client.query(text).finally(() => client.end().catch(() => undefined))
}
