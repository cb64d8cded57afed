import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeComposeDisks } from './compose-disks.ts'
import { makeComposeNetwork } from './compose-network.ts'
import { connect } from './connect.ts'
import { docker, freePort } from './docker.ts'
import type { Service, Stack, StackOptions } from './stack.ts'
import { statusOf } from './status.ts'

/** Containers of their own, under a project name of their own: a stack that the user runs is left alone. */
export async function startComposeStack(image: string, options: StackOptions = {}): Promise<Stack> {
  const project = `kvs-drill-${randomUUID().slice(0, 8)}`
  const home = await mkdtemp(join(tmpdir(), 'drillrun-'))
  const [port, postgresPort, controlPort] = [await freePort(), await freePort(), await freePort()]
  const own = join(home, 'environment.yml') // JSON is YAML too
  await writeFile(own, JSON.stringify({ services: { kvs: { environment: options.env ?? {} } } }))
  const overlays = ['drill', ...(['proxy', 'disks', 'clock'] as const).filter((name) => options[name])]
  const files = ['docker-compose.yml', ...overlays.map((name) => `compose/drill/${name}.yml`), own]
  const environment = {
    ...process.env,
    // The defaults, whatever the user's environment or .env says
    ...{ POSTGRES_USER: '', POSTGRES_PASSWORD: '', POSTGRES_DB: '', LOG_LEVEL: '', LOG_FORMAT: '' },
    PUBLISH: `127.0.0.1:${port}`,
    KVS_DRILL_PROJECT: project,
    KVS_DRILL_IMAGE: image,
    KVS_DRILL_POSTGRES: `127.0.0.1:${postgresPort}`,
    KVS_DRILL_CONTROL: `127.0.0.1:${controlPort}`,
  }
  const compose = (...args: string[]) =>
    docker(['compose', '--project-name', project, ...files.flatMap((file) => ['--file', file]), ...args], environment)

  const container = (service: string) => `${project}-${service}-1`
  const inspect = (service: string, format: string) => docker(['inspect', '--format', format, container(service)])
  const network = makeComposeNetwork({ network: `${project}_default`, container, controlPort })
  const disks = makeComposeDisks(container('disks'))
  const paused = new Set<Service>()
  let clockIsOff = false

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
    await compose('up', '--detach', '--no-build')
  } catch (error) {
    await down()
    throw error
  }
  const url = `http://127.0.0.1:${port}`

  return {
    nodes: [{ name: 'kvs', url }],
    network,
    networkOf: () => network,
    disks,
    down,
    start,
    resume,
    setClock,
    status: () => statusOf(url),

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

    connect: () => connect({ host: '127.0.0.1', port: postgresPort, user: 'kvs', password: 'kvs', database: 'kvs' }),

    async memory() {
      const table = await docker(['top', container('kvs'), '-eo', 'pid,rss']).catch(() => '')
      const sizes = table.split('\n').map((line) => Number(line.trim().split(/\s+/)[1]))
      const largest = Math.max(0, ...sizes.filter(Number.isFinite))
      return largest > 0 ? largest * 1024 : undefined
    },

    output: () => compose('logs', '--no-log-prefix', '--no-color', 'kvs'),

    async heal() {
      await disks.heal()
      await network.heal()
      for (const service of [...paused]) await resume(service)
      await start('postgres', 'kvs')
      if (clockIsOff) await setClock(0)
    },
  }
}

function unlessDown(error: unknown): void {
  if (!/is not running/.test(String(error))) throw error
}
