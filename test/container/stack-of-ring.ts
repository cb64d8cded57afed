import { execFile } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { makeNetwork } from '../../tools/lab/subnet.ts'
import { makeClient } from './client.ts'
import { haveImage } from './image.ts'
import { type Answered, makeRingClient, type RingClient, type RingPositions } from './ring-client.ts'

const nginxImage = 'nginx:1.28'

/** As far as compose/ring.yml needs it: Debian's package in the place of the official image, whose program it is. */
const nginxDockerfile = `
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
CMD ["nginx", "-g", "daemon off;"]
`

export interface RingNode extends RingClient {
  /** Name of its service. */
  readonly service: string
  /** Address in the ring. */
  readonly address: string
}

/** The nodes of compose/ring.yml behind nginx, with ports and a project name of their own. */
export interface RingStack {
  readonly nodes: readonly [RingNode, RingNode, RingNode]
  readonly balancer: RingClient
  compose(...args: string[]): Promise<string>
  /** Runs documented commands with the ports and addresses that the stack has here. Resolves with their output. */
  shell(commands: string): Promise<string>
  /** Resolves once these nodes serve. */
  serving(nodes?: readonly RingNode[]): Promise<void>
  /** Deletes every key, and gives the ring to the first two nodes; the third one is told of it, and is a standby. */
  afresh(): Promise<RingPositions>
  down(): Promise<void>
}

/**
 * Builds, starts and waits for the nodes and nginx, on the documented subnet where nobody else has it.
 * @param overlays files of compose/ laid over compose/ring.yml
 * @param settings of the nodes, by their names, as far as compose/ring.yml passes them on
 */
export async function startRing(
  overlays: readonly string[] = [],
  settings: Readonly<Record<string, string>> = {},
): Promise<RingStack> {
  await haveImage(nginxImage, nginxDockerfile)
  const first = await freePort(4)
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    // Empty: the defaults, whatever the user's environment says
    ...{ POSTGRES_USER: '', POSTGRES_PASSWORD: '', POSTGRES_DB: '', LOG_LEVEL: '', LOG_FORMAT: '' },
    ...settings,
    ...{ COMPOSE_PROJECT_NAME: `kvs-ring-${randomUUID().slice(0, 8)}`, PUBLISH: `127.0.0.1:${first}` },
    ...Object.fromEntries([1, 2, 3].map((number) => [`PUBLISH_${number}`, `127.0.0.1:${first + number}`])),
  }
  const files = ['ring.yml', ...overlays].flatMap((name) => ['--file', `${root}compose/${name}`])
  const compose = (...args: string[]) => docker(['compose', ...files, ...args], env)
  const down = async () => {
    await compose('down', '--volumes', '--remove-orphans', '--rmi', 'local', '--timeout', '1')
  }

  try {
    env.SUBNET = await makeNetwork(subnetsOfRing(), (subnet) => {
      env.SUBNET = subnet
      return compose('up', '--build', '--wait')
    })
  } catch (error) {
    const logs = await compose('logs', '--no-color', '--tail', '20')
    await down()
    throw new Error(`the ring did not start:\n${logs}`, { cause: error })
  }
  return makeStack(compose, down, first, env.SUBNET)
}

/** Draws the documented subnet first. */
function subnetsOfRing(): () => string {
  const documented = ['172.23.0']
  return () => documented.pop() ?? `10.81.${randomInt(256)}`
}

function makeStack(compose: RingStack['compose'], down: RingStack['down'], first: number, subnet: string): RingStack {
  const balancer = makeRingClient(`http://127.0.0.1:${first}`)
  const node = (number: 1 | 2 | 3): RingNode => ({
    ...makeRingClient(`http://127.0.0.1:${first + number}`),
    ...{ service: `node-${number}`, address: `${subnet}.${2 + number}:5000` },
  })
  const nodes = [node(1), node(2), node(3)] as const

  return {
    ...{ nodes, balancer, compose, down },

    async shell(commands) {
      const own = commands
        .replaceAll(/\blocalhost:808([0-3])\b/g, (_, number) => `127.0.0.1:${first + Number(number)}`)
        .replaceAll('172.23.0.', `${subnet}.`)
      const { stdout } = await promisify(execFile)('sh', ['-euc', own])
      return stdout.trim()
    },

    async serving(wanted = nodes) {
      for (const { url } of wanted) await makeClient(url).reaches('serving')
    },

    async afresh() {
      await clearAll(nodes)
      const positions = { 3000: nodes[0].address, 8000: nodes[1].address }
      for (const one of nodes) expectOk(await one.setRing(positions), `POST ${one.url}/hash_ring`)
      return positions
    },
  }
}

/** Keys of both kinds: those that /clear_cache deletes, and those under /v1. In no ring, each node has its own. */
async function clearAll(nodes: RingStack['nodes']): Promise<void> {
  for (const one of nodes) {
    expectStatus(await one.clear(), `${one.url}/clear_cache`)
    expectStatus(await one.ask('/v1/:', { method: 'DELETE' }), `DELETE ${one.url}/v1/:`)
  }
}

function expectStatus({ status, text }: Answered, request: string): void {
  if (status !== 200) throw new Error(`${request} answers ${status}: ${text}`)
}

function expectOk(answered: Answered, request: string): void {
  expectStatus(answered, request)
  if (answered.text.trim() !== 'OK') throw new Error(`${request} answers ${answered.text}`)
}
