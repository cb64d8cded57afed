import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker } from '../../lab/docker.ts'
import { freePort } from '../../lab/ports.ts'
import { connectWhenUp } from '../../lab/postgres-client.ts'
import { statusOf } from '../../lab/readiness.ts'
import { makeComposeDisks } from './compose-disks.ts'
import { makeComposeNetwork } from './compose-network.ts'
import { setContainerClock } from './container-clock.ts'
import { logsOf } from './logs.ts'
import {
  forwarderNames,
  type NodeName,
  nodeNames,
  type Service,
  type Stack,
  type StackNode,
  type StackOptions,
} from './stack.ts'

/** A project of Docker Compose with a unique name. */
interface ComposeProject {
  readonly name: string
  /** The stack's nodes. */
  readonly nodes: readonly NodeName[]
  readonly postgresPort: number
  /** Port on which the proxy takes its conditions. */
  readonly controlPort: number
  compose(...args: string[]): Promise<string>
  /** Address of a node or forwarder. */
  urlOf(service: string): string
  container(service: string): string
  /** Takes all containers down and removes what the project has on disk. */
  down(): Promise<void>
}

async function makeComposeProject(image: string, options: StackOptions): Promise<ComposeProject> {
  const name = `kvs-drill-${randomUUID().slice(0, 8)}`
  const home = await mkdtemp(join(tmpdir(), 'drillrun-'))
  const nodes = nodeNames.slice(0, options.nodes ?? 1)
  const ports = new Map<string, number>()
  for (const service of [...nodeNames, ...forwarderNames]) ports.set(service, await freePort())
  const at = (service: string) => `127.0.0.1:${ports.get(service)}`
  const [postgresPort, controlPort] = [await freePort(), await freePort()]
  const own = join(home, 'environment.yml') // JSON is YAML too
  const ofEach = nodes.map((node) => [node, { environment: options.env ?? {} }])
  await writeFile(own, JSON.stringify({ services: Object.fromEntries(ofEach) }))
  const files = [...filesOf(options), own].flatMap((file) => ['--file', file])
  const environment = {
    ...process.env,
    // The defaults, whatever the user's environment or .env says
    ...{ POSTGRES_USER: '', POSTGRES_PASSWORD: '', POSTGRES_DB: '', LOG_LEVEL: '', LOG_FORMAT: '' },
    ...{ PUBLISH: at('kvs'), KVS_DRILL_NODE_2: at('kvs-2'), KVS_DRILL_NODE_3: at('kvs-3') },
    ...{ KVS_DRILL_FORWARDER_1: at('forwarder-1'), KVS_DRILL_FORWARDER_2: at('forwarder-2') },
    KVS_DRILL_PROJECT: name,
    KVS_DRILL_IMAGE: image,
    KVS_DRILL_POSTGRES: `127.0.0.1:${postgresPort}`,
    KVS_DRILL_CONTROL: `127.0.0.1:${controlPort}`,
  }
  const compose = (...args: string[]) => docker(['compose', '--project-name', name, ...files, ...args], environment)
  return {
    ...{ name, nodes, postgresPort, controlPort, compose },
    urlOf: (service) => `http://${at(service)}`,
    container: (service) => `${name}-${service}-1`,
    async down() {
      await compose('down', '--volumes', '--remove-orphans', '--timeout', '0')
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Lists the compose files of a stack, without the one that is its own. */
function filesOf(options: StackOptions): string[] {
  const wanted = (['proxy', 'disks', 'clock', 'forwarders', 'observe'] as const).filter((name) => options[name])
  const overlays = ['drill', ...wanted, ...((options.nodes ?? 1) > 1 ? ['nodes'] : [])]
  const watched = options.observe ? ['compose/observe.yml'] : []
  return ['docker-compose.yml', ...watched, ...overlays.map((name) => `compose/drill/${name}.yml`)]
}

/** Starts a stack of containers under a unique project name: a stack that the user runs is left alone. */
export async function startComposeStack(image: string, options: StackOptions = {}): Promise<Stack> {
  const project = await makeComposeProject(image, options)
  const { nodes: names, compose, container, urlOf, controlPort, postgresPort, down } = project
  const inspect = (service: string, format: string) => docker(['inspect', '--format', format, container(service)])
  const networks = new Map(
    names.map((node) => {
      const hasOthers = names.length > 1
      return [node, makeComposeNetwork({ node, hasOthers, network: `${project.name}_default`, container, controlPort })]
    }),
  )
  const disks = makeComposeDisks(container('disks'))
  const paused = new Set<Service>()
  let clockIsOff = false

  const login = { user: 'kvs', password: 'kvs', database: 'kvs' }

  async function resume(service: Service): Promise<void> {
    if (paused.delete(service)) await docker(['unpause', container(service)])
  }

  async function start(...services: Service[]): Promise<void> {
    await docker(['start', ...services.map(container)])
  }

  async function setClock(offsetSeconds: number): Promise<void> {
    clockIsOff = offsetSeconds !== 0
    await setContainerClock(container('kvs'), offsetSeconds)
  }

  const watchers = options.observe ? ['prometheus', 'grafana'] : []
  try {
    await compose('up', '--detach', '--no-build', ...(names.length > 1 ? [...names, ...watchers] : []))
  } catch (error) {
    await down()
    throw error
  }

  function networkOf(node: NodeName) {
    const network = networks.get(node)
    if (network === undefined) throw new Error(`this stack has no ${node}`)
    return network
  }

  const forwarders = options.forwarders ? forwarderNames.map((name) => ({ name, url: urlOf(name) })) : []
  const [first, ...others] = names.map((name): StackNode => ({ name, url: urlOf(name) }))
  if (first === undefined) throw new Error('a stack has a node')

  return {
    nodes: [first, ...others],
    forwarders,
    network: networkOf('kvs'),
    networkOf,
    disks,
    down,
    start,
    resume,
    setClock,
    status: (node = 'kvs') => statusOf(urlOf(node)),

    async kill(...services) {
      for (const service of services) await resume(service)
      await docker(['kill', ...services.map(container)]).catch(unlessDown)
    },

    async stop(service) {
      await docker(['stop', container(service)])
      return Number(await inspect(service, '{{.State.ExitCode}}'))
    },

    async crashPostgres() {
      await docker(['kill', '--signal', 'QUIT', container('postgres')]).catch(unlessDown)
      await docker(['wait', container('postgres')])
    },

    async pause(service) {
      await docker(['pause', container(service)])
      paused.add(service)
    },

    connect: () => connectWhenUp({ host: '127.0.0.1', port: postgresPort, ...login }),

    async memory() {
      const table = await docker(['top', container('kvs'), '-eo', 'pid,rss']).catch(() => '')
      const sizes = table.split('\n').map((line) => Number(line.trim().split(/\s+/)[1]))
      const largest = Math.max(0, ...sizes.filter(Number.isFinite))
      return largest > 0 ? largest * 1024 : undefined
    },

    async output() {
      const read = async (name: string) => {
        return { name, output: await compose('logs', '--no-log-prefix', '--no-color', name) }
      }
      return logsOf(await Promise.all([...names, ...forwarders.map(({ name }) => name)].map(read)))
    },

    async heal() {
      await disks.heal()
      for (const network of networks.values()) await network.heal()
      for (const service of [...paused]) await resume(service)
      await start('postgres', ...names)
      if (clockIsOff) await setClock(0)
    },
  }
}

function unlessDown(error: unknown): void {
  if (!/is not running/.test(String(error))) throw error
}
