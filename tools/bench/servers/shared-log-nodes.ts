import { cpuOf } from '../measure/proc.ts'
import type { Postgres } from './pgbench-postgres.ts'
import type { HttpServer } from './server.ts'
import { startService } from './service.ts'

/** Starts one of several nodes on a Postgres, which they share and which is not counted as their own. */
export function startNode({ environment }: Pick<Postgres, 'environment'>, directory: string): Promise<HttpServer> {
  const { PGHOST = '', PGPORT = '', PGUSER = '', PGDATABASE = '' } = environment
  return startMeasured(directory, {
    POSTGRES_HOST: PGHOST,
    POSTGRES_PORT: PGPORT,
    POSTGRES_USER: PGUSER,
    POSTGRES_DB: PGDATABASE,
  })
}

/** Starts a node that holds nothing and forwards to another one. */
export function startForwarder(target: Pick<HttpServer, 'port'>, directory: string): Promise<HttpServer> {
  return startMeasured(directory, { FORWARDING_ADDRESS: `127.0.0.1:${target.port}` })
}

async function startMeasured(directory: string, env: Readonly<Record<string, string>>): Promise<HttpServer> {
  const { port, process } = await startService({ directory, env, patienceSeconds: 60 })
  return { api: 'kvs', port, cpu: () => ({ node: cpuOf(process.pid) }), stop: () => process.stop() }
}
