import { execFile } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { makeNetwork } from '../../tools/lab/subnet.ts'
import { until } from '../support/until.ts'
import { type Client, makeClient } from './client.ts'

/** Nodes by the names of their services: the first node of each site, and the second one. */
export const nodeNames = ['a', 'b', 'c', 'a-2', 'b-2', 'c-2'] as const
export type NodeName = (typeof nodeNames)[number]

/** The three sites of compose/replicas.yml under a project name of their own, with ports and a subnet of their own. */
export interface SitesStack {
  compose(...args: string[]): Promise<string>
  node(name: NodeName): Client
  /** A line of the documentation, run by bash in the repository's root, for this stack. Returns what it prints. */
  shell(line: string, variables?: NodeJS.ProcessEnv): Promise<string>
  /** Resolves once all of these nodes answer a read of the key with this text. */
  converged(names: readonly NodeName[], key: string, value: string): Promise<void>
  down(): Promise<void>
}

/**
 * Builds, starts and waits for the sites.
 * @param overlays files of compose/ laid over compose/replicas.yml
 */
export async function startSites(...overlays: string[]): Promise<SitesStack> {
  const project = `kvs-replicas-${randomUUID().slice(0, 8)}`
  const first = await freePort(nodeNames.length)
  const portOf = (name: NodeName) => first + nodeNames.indexOf(name)
  const published = nodeNames.map((name) => [
    `PUBLISH_${name.toUpperCase().replace('-', '_')}`,
    `127.0.0.1:${portOf(name)}`,
  ])
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    // Empty: the defaults, whatever the user's environment says
    ...{ POSTGRES_USER: '', POSTGRES_PASSWORD: '', POSTGRES_DB: '', LOG_LEVEL: '', LOG_FORMAT: '' },
    ...{ COMPOSE_PROJECT_NAME: project, ...Object.fromEntries(published) },
  }
  const files = ['replicas.yml', ...overlays].flatMap((name) => ['--file', `${root}compose/${name}`])
  const compose = (...args: string[]) => docker(['compose', ...files, ...args], env)
  const down = async () => {
    await compose('down', '--volumes', '--remove-orphans', '--rmi', 'local', '--timeout', '1')
  }

  try {
    env.SUBNET = await makeNetwork(
      () => `10.80.${randomInt(256)}`,
      (subnet) => {
        env.SUBNET = subnet
        return compose('up', '--build', '--wait')
      },
    )
  } catch (error) {
    const logs = await compose('logs', '--no-color', '--tail', '20')
    await down()
    throw new Error(`the sites did not start:\n${logs}`, { cause: error })
  }

  const own: readonly (readonly [documented: string, own: string])[] = [
    ['kvs-replicas', project],
    ['10.80.0', env.SUBNET],
    ['localhost:808{1,2,3}', `127.0.0.1:{${first},${first + 1},${first + 2}}`],
    ...nodeNames.map((name, index) => [`localhost:${8081 + index}`, `127.0.0.1:${portOf(name)}`] as const),
  ]
  const node = (name: NodeName) => makeClient(`http://127.0.0.1:${portOf(name)}`)

  return {
    compose,
    node,
    async shell(line, variables = {}) {
      const command = own.reduce((text, [documented, here]) => text.replaceAll(documented, here), line)
      const options = { cwd: root, env: { ...env, ...variables } }
      return (await promisify(execFile)('bash', ['-euc', command], options)).stdout.trim()
    },
    async converged(names, key, value) {
      for (const name of names) {
        await until(
          `${name} has ${value} as ${key}`,
          async () => (await (await node(name).request(`/v1/${key}`)).text()).trim() === value,
        )
      }
    },
    down,
  }
}
