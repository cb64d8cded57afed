import { readFileSync } from 'node:fs'
import { clusterIn, readServerPid } from '../../lab/postgres.ts'
import { statusOf } from '../../lab/readiness.ts'
import { cpuOf, cpuOfTree } from '../measure/proc.ts'
import type { HttpServer } from './server.ts'
import { type ServiceOptions, startService } from './service.ts'

export interface Kvs extends HttpServer {
  readonly pid: number
  readonly postgresPid: number
  /** Time from the start of the process to the first answer 200 on /readyz. */
  readonly secondsToReady: number
  output(): string
}

/** Starts a node with its embedded Postgres and no setting but where it is. Resolves when it is ready. */
export async function startKvs(options: ServiceOptions): Promise<Kvs> {
  const cluster = clusterIn(`${options.directory}/data`)
  const started = await startService(options).catch((error) => {
    endOrphan(cluster)
    throw error
  })
  const { port, process, secondsToReady } = started
  const postgresPid = readServerPid(cluster) ?? 0
  return {
    api: 'kvs',
    port,
    pid: process.pid,
    postgresPid,
    secondsToReady,
    output: process.output,
    cpu: () => ({ node: cpuOf(process.pid), postgres: cpuOfTree(postgresPid) }),
    position: () => positionOf(port),
    async stop() {
      await process.stop()
      endOrphan(cluster)
    },
  }
}

/** Ends the Postgres that a killed node has left behind. */
function endOrphan(cluster: string): void {
  const pid = readServerPid(cluster)
  try {
    if (pid !== undefined && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(cluster))
      process.kill(pid, 'SIGQUIT')
  } catch {
    // it ended with its node
  }
}

/**
 * Returns the sequence of the node's position. Rejects unless the node serves: what it has spooled is no write to the
 * log.
 */
async function positionOf(port: number): Promise<bigint> {
  const status = await statusOf(`http://127.0.0.1:${port}`)
  if (status?.state !== 'serving') throw new Error(`kvs is "${status?.state}": ${status?.reason}`)
  return BigInt(status.position?.split('=')[1] ?? '')
}
