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

/** Starts a stack of containers under a unique project name: a stack that the user runs is left alone. */
export async function startComposeStack(image: string, options: StackOptions = {}): Promise<Stack> {
  const project = `kvs-drill-${randomUUID().slice(0, 8)}`
  const home = await mkdtemp(join(tmpdir(), 'drillrun-'))
  const names = nodeNames.slice(0, options.nodes ?? 1)
  const ports = new Map<string, number>()
  for (const name of [...nodeNames, ...forwarderNames]) ports.set(name, await freePort())
  const at = (service: string) => `127.0.0.1:${ports.get(service)}`
  const [postgresPort, controlPort] = [await freePort(), await freePort()]
  const own = join(home, 'environment.yml') // JSON is YAML too
  const ofEach = names.map((name) => [name, { environment: options.env ?? {} }])
  await writeFile(own, JSON.stringify({ services: Object.fromEntries(ofEach) }))
  const more = [...(['proxy', 'disks', 'clock', 'forwarders', 'observe'] as const).filter((name) => options[name])]
  const overlays = ['drill', ...more, ...(names.length > 1 ? ['nodes'] : [])]
  const watchers = options.observe ? ['prometheus', 'grafana'] : []
  const watched = options.observe ? ['compose/observe.yml'] : []
  const files = ['docker-compose.yml', ...watched, ...overlays.map((name) => `compose/drill/${name}.yml`), own]
  const environment = {
    ...process.env,
    // The defaults, whatever the user's environment or .env says
    ...{ POSTGRES_USER: '', POSTGRES_PASSWORD: '', POSTGRES_DB: '', LOG_LEVEL: '', LOG_FORMAT: '' },
    ...{ PUBLISH: at('kvs'), KVS_DRILL_NODE_2: at('kvs-2'), KVS_DRILL_NODE_3: at('kvs-3') },
    ...{ KVS_DRILL_FORWARDER_1: at('forwarder-1'), KVS_DRILL_FORWARDER_2: at('forwarder-2') },
    KVS_DRILL_PROJECT: project,
    KVS_DRILL_IMAGE: image,
    KVS_DRILL_POSTGRES: `127.0.0.1:${postgresPort}`,
    KVS_DRILL_CONTROL: `127.0.0.1:${controlPort}`,
  }
  const compose = (...args: string[]) =>
    docker(['compose', '--project-name', project, ...files.flatMap((file) => ['--file', file]), ...args], environment)

  const container = (service: string) => `${project}-${service}-1`
  const inspect = (service: string, format: string) => docker(['inspect', '--format', format, container(service)])
  const networks = new Map(
    names.map((node) => {
      const hasOthers = names.length > 1
      return [node, makeComposeNetwork({ node, hasOthers, network: `${project}_default`, container, controlPort })]
    }),
  )
  const disks = makeComposeDisks(container('disks'))
  const paused = new Set<Service>()
  let clockIsOff = false

  const login = { user: 'kvs', password: 'kvs', database: 'kvs' }

  async function down(): Promise<void> {
    await compose('down', '--volumes', '--remove-orphans', '--timeout', '0')
    await rm(home, { recursive: true, force: true })
  }

  async function resume(service: Service): Promise<void> {
    if (paused.delete(service)) await docker(['unpause', container(service)])
  }

  async function start(...services: Service[]): Promise<void> {
    await docker(['start', ...services.map(container)])
  }

  async function setClock(offsetSeconds: number): Promise<void> {
    clockIsOff = offsetSeconds !== 0
    const offset = `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}`
    await docker(['exec', container('kvs'), 'sh', '-c', `echo ${offset} >/tmp/clock`])
  }

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

  const urlOf = (service: string) => `http://${at(service)}`
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
