import { mkdir } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { spawnNodeProcess } from '../../lab/node-process.ts'
import { freePort } from '../../lab/ports.ts'
import type { Process } from '../../lab/process.ts'
import { readStartScript } from '../../lab/start-script.ts'

export interface ServiceOptions {
  /** Working directory of the node: its data go to `data` in it, its output to `kvs.log`. */
  readonly directory: string
  /** A free one by default. */
  readonly port?: number
  /** Settings besides PORT and KVS_DATA_DIR. */
  readonly env?: Readonly<Record<string, string>>
  /** Options of the node executable besides those of `npm start`. */
  readonly node?: readonly string[]
  readonly onMessage?: (message: unknown) => void
  /** Longest time that a start may take; 600 s by default. */
  readonly patienceSeconds?: number
  readonly signal?: AbortSignal
}

export interface Service {
  readonly port: number
  readonly process: Process
  readonly dataDirectory: string
  /** Time from the start of the process to the first answer 200 on /readyz. */
  readonly secondsToReady: number
}

/**
 * Runs the service as `npm start` does, with its output in a file. Resolves when it is ready; ends it before it
 * rejects.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { directory, env, node = [], onMessage } = options
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const port = options.port ?? (await freePort())
  const dataDirectory = join(directory, 'data')
  const script = readStartScript()
  const since = performance.now()
  const process = spawnNodeProcess({
    directory,
    dataDirectory,
    nodeOptions: [...script.node, ...node],
    env: { ...script.env, PORT: String(port), ...env },
    outputFile: join(directory, 'kvs.log'),
    ownGroup: true,
    ...(onMessage && { onMessage }),
  })
  try {
    await untilReady(port, process, options)
  } catch (error) {
    await process.stop()
    throw error
  }
  return { port, process, dataDirectory, secondsToReady: (performance.now() - since) / 1000 }
}

async function untilReady(
  port: number,
  service: Process,
  { patienceSeconds = 600, signal }: ServiceOptions,
): Promise<void> {
  const deadline = performance.now() + 1000 * patienceSeconds
  while ((await statusOf(port)) !== 200) {
    service.requireRunning()
    signal?.throwIfAborted()
    if (performance.now() > deadline) throw new Error(`kvs was not ready after ${patienceSeconds} s`)
    await sleep(5)
  }
}

/** Asks /readyz with as little work as possible; undefined if nobody answers. */
function statusOf(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/readyz', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on('error', () => resolve(undefined))
  })
}
