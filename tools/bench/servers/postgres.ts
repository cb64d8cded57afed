import { readFileSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { childEnvironment } from '../../../kvs/log/embedded/child-environment.ts'
import { type EmbeddedPostgres, makeEmbeddedPostgres } from '../../../kvs/log/embedded/embedded-postgres.ts'
import { waitUntil } from '../../drill/wait.ts'
import { cpuOfTree } from '../measure/proc.ts'
import { type Process, startProcess } from './process.ts'
import type { Server } from './server.ts'

export interface Postgres extends Server {
  /** What pgbench needs to reach it. */
  readonly environment: Readonly<Record<string, string>>
}

/**
 * A cluster made by the service's own code, and run with the very command line that the service uses, but for
 * max_connections: 20 are too few for pgbench's 32 clients. With a table for pgbench.
 */
export async function startPostgres(directory: string): Promise<Postgres> {
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const cluster = join(directory, 'postgres')
  const embedded = embeddedIn(cluster)
  await embedded.ensureRunning()
  const [command = '', ...args] = readFileSync(`/proc/${embedded.pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  await embedded.stop()
  const { uid, gid } = statSync(cluster)
  const server = await startProcess({
    command,
    args: args.map((argument) => argument.replace(/^max_connections=\d+$/, 'max_connections=100')),
    cwd: '/',
    env: childEnvironment,
    output: join(directory, 'pgbench-server.log'),
    ...(process.getuid?.() === 0 && { uid, gid }),
  })
  const { host, port, user, database } = embedded.connection
  await waitUntil('Postgres takes connections', () => server.requireRunning() ?? takesTable(embedded), {
    boundMs: 60_000,
  })
  return {
    port,
    environment: { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database },
    cpu: () => ({ postgres: cpuOfTree(server.pid) }),
    stop: () => stop(server),
  }
}

/** Fast: its clients are dropped. */
const stop = (server: Process) => server.stop('SIGINT')

export function embeddedIn(directory: string): EmbeddedPostgres {
  const quiet = { info: () => undefined, warn: () => undefined, debug: () => undefined }
  return makeEmbeddedPostgres({ directory, log: quiet })
}

async function takesTable(embedded: EmbeddedPostgres): Promise<boolean> {
  const table = 'CREATE TABLE IF NOT EXISTS bench (id bigserial PRIMARY KEY, key text NOT NULL, value text NOT NULL)'
  return withClient(embedded, (client) => client.query(table)).then(
    () => true,
    () => false,
  )
}

export async function withClient<T>(
  { connection }: Pick<EmbeddedPostgres, 'connection'>,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ ...connection, ssl: false })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
