import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Proxy as NodeProxy, startProxy } from '../../lab/network/proxy.ts'
import { freePort } from '../../lab/ports.ts'
import { statusOf } from '../../lab/readiness.ts'
import { type LocalNode, makeLocalNode } from './local-node.ts'
import { makeLocalPostgres } from './local-postgres.ts'
import type { LocalService } from './local-service.ts'
import { logsOf } from './logs.ts'
import {
  forwarderNames,
  type Network,
  type NodeName,
  nodeNames,
  type Service,
  type Stack,
  type StackOptions,
} from './stack.ts'

export interface LocalOptions extends StackOptions {
  /** Program that each node runs in place of the service. */
  readonly program?: string
}

interface Member {
  readonly name: NodeName
  readonly url: string
  readonly node: LocalNode
  readonly proxy: NodeProxy
  readonly network: Network
}

/**
 * Each node as a process, an embedded Postgres that the drill and not the node runs, and a proxy between it and each
 * node in place of a network. No disks to fill and no clock to move.
 */
export async function startLocalStack(options: LocalOptions = {}): Promise<Stack> {
  const home = await mkdtemp(join(tmpdir(), 'drillrun-'))
  await chmod(home, 0o755) // for the user that Postgres runs as
  const postgres = makeLocalPostgres(home)
  await postgres.start()
  const first = await makeMember('kvs', home, postgres.socket, options)
  const members = [first]
  for (const name of nodeNames.slice(1, options.nodes ?? 1)) {
    members.push(await makeMember(name, home, postgres.socket, options))
  }
  const names = members.map(({ name }) => name)
  const forwarders = await Promise.all(
    (options.forwarders ? forwarderNames : []).map((name) => makeForwarder(name, home, first.url)),
  )

  function member(name: NodeName): Member {
    const found = members.find((candidate) => candidate.name === name)
    if (found === undefined) throw new Error(`this stack has no ${name}`)
    return found
  }

  const service = (name: Service): LocalService => (name === 'postgres' ? postgres : member(name).node)

  async function start(...services: Service[]): Promise<void> {
    await Promise.all(services.map((name) => service(name).start()))
  }

  await start(...names)
  await Promise.all(forwarders.map(({ node }) => node.start()))

  return {
    nodes: [first, ...members.slice(1)],
    forwarders,
    start,
    status: (name = 'kvs') => statusOf(member(name).url),
    kill: async (...services) => void (await Promise.all(services.map((name) => service(name).kill()))),
    stop: (name) => service(name).stop(),
    crashPostgres: () => postgres.crash(),
    pause: (name) => service(name).pause(),
    resume: (name) => service(name).resume(),
    connect: () => postgres.connect(),
    memory: () => first.node.memory(),
    output: async () => logsOf([...members, ...forwarders].map(({ name, node }) => ({ name, output: node.output() }))),
    network: first.network,
    networkOf: (name) => member(name).network,

    disks: {
      fill: needsContainers,
      free: needsContainers,
      saveLog: (name) => postgres.save(name),
      restoreLog: (name) => postgres.restore(name),
    },
    setClock: needsContainers,

    async heal() {
      for (const { proxy } of members) proxy.set({})
      await Promise.all([...members.map(({ node }) => node.resume()), postgres.resume()])
      await start('postgres', ...names)
    },

    async down() {
      await Promise.all([...members, ...forwarders].map(({ node }) => node.kill()))
      await Promise.all(members.map(({ proxy }) => proxy.close()))
      await postgres.resume()
      await postgres.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function makeMember(name: NodeName, home: string, socket: string, options: LocalOptions): Promise<Member> {
  const proxy = await startProxy({ host: '127.0.0.1', port: 0 }, { path: socket })
  const port = await freePort()
  const node = makeLocalNode({
    directory: home,
    name,
    ...(options.program && { program: options.program }),
    env: {
      PORT: String(port),
      ...{ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(proxy.port), POSTGRES_SSLMODE: 'disable' },
      ...{ POSTGRES_USER: 'kvs', POSTGRES_DB: 'kvs', POSTGRES_TIMEOUT: '2s', KVS_APPEND_TIMEOUT: '3s' },
      ...{ LOG_FORMAT: 'json', LOG_LEVEL: 'info' },
      ...options.env,
    },
  })
  const network = {
    cut: async () => proxy.set({ isCut: true }),
    drop: async (direction) => proxy.set({ holds: holds[direction] }),
    slow: async (conditions) => proxy.set(conditions),
    reset: async () => proxy.reset(),
    heal: async () => proxy.set({}),
  } satisfies Network
  return { name, url: `http://127.0.0.1:${port}`, node, proxy, network }
}

async function makeForwarder(name: (typeof forwarderNames)[number], home: string, target: string) {
  const port = await freePort()
  const env = { PORT: String(port), FORWARDING_ADDRESS: new URL(target).host, LOG_FORMAT: 'json', LOG_LEVEL: 'info' }
  return { name, url: `http://127.0.0.1:${port}`, node: makeLocalNode({ directory: home, name, env }) }
}

const holds = { both: 'both', 'to postgres': 'up', 'from postgres': 'down' } as const

async function needsContainers(): Promise<never> {
  throw new Error('this needs containers')
}
