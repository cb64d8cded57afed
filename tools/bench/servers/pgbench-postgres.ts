import { readFileSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { waitUntil } from '../../lab/polling.ts'
import { clusterIn, makePostgres } from '../../lab/postgres.ts'
import { withClient } from '../../lab/postgres-client.ts'
import { type Process, startProcess } from '../../lab/process.ts'
import { cpuOfTree } from '../measure/proc.ts'
import type { Server } from './server.ts'

export interface Postgres extends Server {
  /** libpq's variables for a client of it. */
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Starts a Postgres with a table for pgbench. The service's own code makes its cluster, and it runs with the command
 * line and the environment that the service gives it, except for max_connections: 20 are too few for pgbench's 32
 * clients.
 */
export async function startPostgres(directory: string): Promise<Postgres> {
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const cluster = clusterIn(directory)
  const embedded = makePostgres(cluster)
  await embedded.ensureRunning()
  const [command = '', ...args] = readProcess(embedded.pid, 'cmdline')
  const environment = readProcess(embedded.pid, 'environ')
  await embedded.stop()
  const { uid, gid } = statSync(cluster)
  const server = await startProcess({
    command,
    args: args.map((argument) => argument.replace(/^max_connections=\d+$/, 'max_connections=100')),
    cwd: '/',
    env: Object.fromEntries(environment.map((pair) => pair.split(/=(.*)/s).slice(0, 2))),
    ownGroup: true,
    outputFile: `${directory}/pgbench-server.log`,
    ...(process.getuid?.() === 0 && { uid, gid }),
  })
  const { host, port, user, database } = embedded.connection
  await waitUntil('Postgres takes connections', () => server.requireRunning() ?? takesTable(embedded.connection), {
    boundMs: 60_000,
  })
  return {
    port,
    environment: { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database },
    cpu: () => ({ postgres: cpuOfTree(server.pid) }),
    stop: () => stopFast(server),
  }
}

/** Reads a file of NUL-terminated strings in /proc. */
function readProcess(pid: number | undefined, file: 'cmdline' | 'environ'): string[] {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').slice(0, -1)
}

/** SIGINT is Postgres's fast shutdown, which does not wait for clients. */
const stopFast = (server: Process) => server.stop('SIGINT')

function takesTable(connection: Parameters<typeof withClient>[0]): Promise<boolean> {
  const table = 'CREATE TABLE IF NOT EXISTS bench (id bigserial PRIMARY KEY, key text NOT NULL, value text NOT NULL)'
  return withClient(connection, (client) => client.query(table)).then(
    () => true,
    () => false,
  )
}
