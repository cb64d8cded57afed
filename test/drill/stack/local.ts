import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProxy } from '../network/proxy.ts'
import { freePort } from './docker.ts'
import { makeLocalNode } from './local-node.ts'
import { makeLocalPostgres } from './local-postgres.ts'
import type { Service, Stack, StackOptions } from './stack.ts'
import { statusOf } from './status.ts'

export interface LocalOptions extends StackOptions {
  /** The program that is the node; the service's own unless another is given. */
  readonly main?: string
}

/**
 * The service as a process, an embedded Postgres that the drill and not the node runs, and a proxy between them in place
 * of a network. No disks to fill and no clock to move.
 */
export async function startLocalStack(options: LocalOptions = {}): Promise<Stack> {
  const home = await mkdtemp(join(tmpdir(), 'drillrun-'))
  await chmod(home, 0o755) // for the user that Postgres runs as
  const postgres = makeLocalPostgres(home)
  await postgres.start()
  const proxy = await startProxy({ host: '127.0.0.1', port: 0 }, { path: postgres.socket })
  const port = await freePort()
  const node = makeLocalNode({
    directory: home,
    ...(options.main && { main: options.main }),
    env: {
      PORT: String(port),
      ...{ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(proxy.port), POSTGRES_SSLMODE: 'disable' },
      ...{ POSTGRES_USER: 'kvs', POSTGRES_DB: 'kvs', POSTGRES_TIMEOUT: '2s', KVS_APPEND_TIMEOUT: '3s' },
      ...{ LOG_FORMAT: 'json', LOG_LEVEL: 'info' },
      ...options.env,
    },
  })
  const url = `http://127.0.0.1:${port}`
  const services = { kvs: node, postgres }

  async function start(...names: Service[]): Promise<void> {
    await Promise.all(names.map((name) => services[name].start()))
  }

  await start('kvs')

  return {
    url,
    start,
    status: () => statusOf(url),
    kill: async (...names) => void (await Promise.all(names.map((name) => services[name].kill()))),
    stop: (name) => services[name].stop(),
    crashPostgres: () => postgres.crash(),
    pause: (name) => services[name].pause(),
    resume: (name) => services[name].resume(),
    connect: () => postgres.connect(),
    memory: () => node.memory(),
    output: async () => node.output(),

    network: {
      cut: async () => proxy.set({ isCut: true }),
      drop: async (direction) => proxy.set({ holds: holds[direction] }),
      slow: async (conditions) => proxy.set(conditions),
      reset: async () => proxy.reset(),
      heal: async () => proxy.set({}),
    },

    disks: {
      fill: needsContainers,
      free: needsContainers,
      saveLog: (name) => postgres.save(name),
      restoreLog: (name) => postgres.restore(name),
    },
    setClock: needsContainers,

    async heal() {
      proxy.set({})
      await Promise.all([node.resume(), postgres.resume()])
      await start('postgres', 'kvs')
    },

    async down() {
      await node.kill()
      await proxy.close()
      await postgres.resume()
      await postgres.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}

const holds = { both: 'both', 'to postgres': 'up', 'from postgres': 'down' } as const

async function needsContainers(): Promise<never> {
  throw new Error('this needs containers')
}
