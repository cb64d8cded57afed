import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../drill/stack/docker.ts'
import { cpuOf, cpuOfTree } from '../measure/proc.ts'
import { type Process, startProcess } from './process.ts'
import type { HttpServer } from './server.ts'
import { readStartScript } from './start-script.ts'

const main = fileURLToPath(new URL('../../../kvs/main.ts', import.meta.url))

export interface KvsOptions {
  /** Has its data in `data`, and what it prints in `kvs.log`. */
  readonly directory: string
  readonly env?: Readonly<Record<string, string>>
  /** Options of Node's. */
  readonly node?: readonly string[]
  readonly onMessage?: (message: unknown) => void
  readonly patienceSeconds?: number
  readonly signal?: AbortSignal
}

export interface Kvs extends HttpServer {
  readonly pid: number
  readonly postgresPid: number
  /** From the start of its process to the first answer 200 on /readyz. */
  readonly secondsToReady: number
  output(): string
}

/** The service as `npm start` runs it, with no setting but where it is: an embedded Postgres, and its output in a file. Resolves when it is ready. */
export async function startKvs(options: KvsOptions): Promise<Kvs> {
  const { directory, env, node = [], onMessage } = options
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const port = await freePort()
  const data = join(directory, 'data')
  const script = readStartScript()
  const since = performance.now()
  const service = await startProcess({
    command: process.execPath,
    args: [...script.node, ...node, main],
    cwd: directory,
    env: { PATH: process.env.PATH, ...script.env, PORT: String(port), KVS_DATA_DIR: data, ...env },
    output: join(directory, 'kvs.log'),
    ...(onMessage && { onMessage }),
  })
  const stop = async () => {
    await service.stop()
    endOrphan(join(data, 'postgres'))
  }
  try {
    await untilReady(port, service, options)
  } catch (error) {
    await stop()
    throw error
  }
  const secondsToReady = (performance.now() - since) / 1000
  const postgresPid = Number(readFileSync(join(data, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
  return {
    api: 'kvs',
    port,
    pid: service.pid,
    postgresPid,
    secondsToReady,
    output: service.output,
    cpu: () => ({ node: cpuOf(service.pid), postgres: cpuOfTree(postgresPid) }),
    position: () => positionOf(port),
    stop,
  }
}

/** A node that was killed leaves its Postgres behind. */
function endOrphan(cluster: string): void {
  try {
    const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0])
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(cluster)) process.kill(pid, 'SIGQUIT')
  } catch {
    // it ended with its node
  }
}

async function untilReady(
  port: number,
  service: Process,
  { patienceSeconds = 600, signal }: Pick<KvsOptions, 'patienceSeconds' | 'signal'>,
): Promise<void> {
  const deadline = performance.now() + 1000 * patienceSeconds
  while ((await statusOf(port)) !== 200) {
    service.requireRunning()
    signal?.throwIfAborted()
    if (performance.now() > deadline) throw new Error(`kvs was not ready after ${patienceSeconds} s`)
    await sleep(5)
  }
}

/** Undefined where nobody answers. */
function statusOf(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/readyz', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on('error', () => resolve(undefined))
  })
}

/** Rejects where the node does not simply serve: what it has spooled is no write to the log. */
async function positionOf(port: number): Promise<bigint> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`)
  const status = (await answer.json()) as { state: string; reason: string | null; position: string }
  if (status.state !== 'serving') throw new Error(`kvs is "${status.state}": ${status.reason}`)
  return BigInt(status.position.split('=')[1] ?? '')
}
