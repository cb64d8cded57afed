import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { haveBalancer } from './balancer.ts'
import { type Client, makeClient } from './client.ts'

/** The stack of compose/nodes.yml under a project name of its own. */
export interface BalancedNodes {
  readonly project: string
  /** Of the balancer. */
  readonly url: string
  /** Asks through the balancer. */
  readonly client: Client
  /** What `docker compose` needs to find the stack. */
  readonly environment: NodeJS.ProcessEnv
  compose(...args: string[]): Promise<string>
  /** Lists the nodes' containers. */
  containers(): Promise<string[]>
}

/** Runs three nodes behind a balancer for the suite that this is called in. */
export function runBalancedNodes(): BalancedNodes {
  const project = `kvs-test-${randomUUID().slice(0, 8)}`
  const files = ['docker-compose.yml', 'compose/nodes.yml'].flatMap((file) => ['--file', `${root}${file}`])
  const compose = (...args: string[]) =>
    docker(['compose', '--project-name', project, ...files, ...args], stack.environment)
  const containers = async () => (await compose('ps', '--quiet', 'kvs')).split('\n')
  const stack = { project, compose, containers } as { -readonly [name in keyof BalancedNodes]: BalancedNodes[name] }

  beforeAll(async () => {
    const port = await freePort()
    stack.url = `http://127.0.0.1:${port}`
    stack.client = makeClient(stack.url)
    stack.environment = { ...process.env, PUBLISH: `127.0.0.1:${port}` }
    await haveBalancer()
    await compose('up', '--build', '--wait')
    await stack.client.reaches('serving')
  })

  afterAll(() => compose('down', '--volumes', '--remove-orphans', '--rmi', 'local'))
  return stack
}
