import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Proxy as NodeProxy, startProxy } from '../../lab/network/proxy.ts'
import { freePort } from '../../lab/ports.ts'
import { type LocalNode, makeLocalNode } from '../stack/local-node.ts'
import { type LocalPostgres, makeLocalPostgres } from '../stack/local-postgres.ts'
import type { LocalService } from '../stack/local-service.ts'
import { logsOf } from '../stack/logs.ts'
import {
  type MemberName,
  type MemberService,
  memberNames,
  postgresOf,
  type RingMemberNode,
  ringSettings,
} from './member-names.ts'
import type { RingStack } from './ring-stack.ts'

/** Each member as a process, with an embedded Postgres that the drill runs and not its node. */
export async function startLocalRing(): Promise<RingStack> {
  const home = await mkdtemp(join(tmpdir(), 'drillrun-'))
  await chmod(home, 0o755) // for the user that Postgres runs as
  const members: LocalMember[] = []
  for (const name of memberNames) members.push(await makeLocalMember(name, home))
  const services = new Map<MemberService, LocalService>()
  for (const { name, node, postgres } of members) services.set(name, node).set(postgresOf(name), postgres)
  const memberOf = (name: MemberName) => members.find((member) => member.name === name) as LocalMember

  async function each(names: readonly MemberService[], act: 'start' | 'kill'): Promise<void> {
    await Promise.all(names.map((name) => services.get(name)?.[act]()))
  }

  async function down(): Promise<void> {
    await Promise.all(members.map(({ node }) => node.kill()))
    for (const { postgres, proxy } of members) {
      await proxy.close()
      await postgres.stop()
    }
    await rm(home, { recursive: true, force: true })
  }

  const stack: RingStack = {
    nodes: members.map(({ name, address }) => ({ name, address, url: `http://${address}` })),
    kill: (...names) => each(names, 'kill'),
    start: (...names) => each(names, 'start'),
    connect: (name) => memberOf(name).postgres.connect(),
    output: async () => logsOf(members.map(({ name, node }) => ({ name, output: node.output() }))),
    heal: () => each([...services.keys()], 'start'),
    down,
  }
  try {
    await stack.heal()
  } catch (error) {
    await down()
    throw error
  }
  return stack
}

interface LocalMember extends Pick<RingMemberNode, 'name' | 'address'> {
  readonly node: LocalNode
  readonly postgres: LocalPostgres
  readonly proxy: NodeProxy
}

async function makeLocalMember(name: MemberName, home: string): Promise<LocalMember> {
  const directory = join(home, postgresOf(name))
  await mkdir(directory)
  const postgres = makeLocalPostgres(directory)
  const proxy = await startProxy({ host: '127.0.0.1', port: 0 }, { path: postgres.socket })
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const node = makeLocalNode({
    ...{ directory: home, name },
    env: {
      ...{ PORT: String(port), KVS_ADDRESS: address },
      ...{ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(proxy.port), POSTGRES_SSLMODE: 'disable' },
      ...{ POSTGRES_USER: 'kvs', POSTGRES_DB: 'kvs' },
      ...ringSettings,
    },
  })
  return { name, address, postgres, proxy, node }
}
