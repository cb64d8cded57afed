import { randomInt, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from 'pg'
import { docker } from '../../lab/docker.ts'
import { freePort } from '../../lab/ports.ts'
import { connectWhenUp } from '../../lab/postgres-client.ts'
import { makeNetwork } from '../../lab/subnet.ts'
import { setContainerClock } from '../stack/container-clock.ts'
import { logsOf } from '../stack/logs.ts'
import {
  hostOf,
  postgresOf,
  type SiteName,
  type SiteNode,
  type SiteService,
  type SitesShape,
  siteNames,
} from './site-names.ts'
import { makeSitesOverlay, nodesOf, sitesOf } from './sites-compose.ts'
import { makeSitesLinks, type SitesLinks } from './sites-links.ts'

/** Images that a stack is made from. The user of it removes them. */
export interface SitesImages {
  /** The service, with iptables. */
  readonly node: string
  /** A Postgres whose clock can be moved; undefined where no drill moves one. */
  readonly postgres: string | undefined
}

/**
 * Sites in containers, and all that can be done to them. What is done stays until it is taken back; a service that is
 * killed or stopped stays down until it is started.
 */
export interface SitesStack {
  /** Sites of which there are nodes, the one that has not joined among them. */
  readonly sites: readonly SiteName[]
  readonly nodes: readonly SiteNode[]
  readonly links: SitesLinks
  /** All services of a site: its nodes, and its Postgres. */
  servicesOf(site: SiteName): readonly SiteService[]
  /** Creates and starts the site that is not there from the start. */
  create(site: SiteName): Promise<void>
  /** Sends SIGKILL to all of the services at once. Resolves when they are gone. */
  kill(...services: SiteService[]): Promise<void>
  /** Sends SIGTERM. Resolves with the exit code; Docker kills one that is slow. */
  stop(service: SiteService): Promise<number>
  /** Starts services that do not run. Resolves when their processes run; they need not be ready. */
  start(...services: SiteService[]): Promise<void>
  pause(service: SiteService): Promise<void>
  resume(service: SiteService): Promise<void>
  /** Sets the wall clock of a site's Postgres to this far from the real one. */
  setClock(site: SiteName, offsetSeconds: number): Promise<void>
  /** Connects to a site's Postgres as soon as it can, past the network's faults. The caller ends the connection. */
  connect(site: SiteName): Promise<Client>
  /** Log lines of all nodes. */
  output(): Promise<string>
  /** Takes back every fault but those of clocks, and starts all that is down. Idempotent. */
  heal(): Promise<void>
  /** Removes the stack and all that belongs to it. */
  down(): Promise<void>
}

/** A project of Docker Compose with a unique name. */
interface Project {
  readonly nodes: readonly SiteNode[]
  compose(...args: string[]): Promise<string>
  portOf(service: SiteService): number
  container(service: string): string
  down(): Promise<void>
}

async function startProject(images: SitesImages, shape: SitesShape): Promise<Project> {
  const project = `kvs-drill-${randomUUID().slice(0, 8)}`
  const home = await mkdtemp(join(tmpdir(), 'drillrun-'))
  const services = siteNames.flatMap((site): SiteService[] => [site, `${site}-2`, postgresOf(site)])
  const firstPort = await freePort(services.length)
  const portOf = (service: SiteService) => firstPort + services.indexOf(service)
  const overlay = join(home, 'sites.yml') // JSON is YAML too
  const files = ['compose/replicas.yml', ...(shape.nodes > 1 ? ['compose/replicas-nodes.yml'] : []), overlay]
  const published = services.map((service) => [
    `PUBLISH_${service.toUpperCase().replace('-', '_')}`,
    `127.0.0.1:${portOf(service)}`,
  ])
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    // The defaults, whatever the user's environment or .env says
    ...{ POSTGRES_USER: '', POSTGRES_PASSWORD: '', POSTGRES_DB: '', LOG_LEVEL: '', LOG_FORMAT: '' },
    ...Object.fromEntries(published),
  }
  const compose = (...args: string[]) => {
    const given = files.flatMap((file) => ['--file', file])
    return docker(['compose', '--project-name', project, ...given, ...args], environment)
  }
  const { started, all } = sitesOf(shape)
  const down = async () => {
    await compose('down', '--volumes', '--remove-orphans', '--timeout', '0')
    await rm(home, { recursive: true, force: true })
  }

  async function startIn(subnet: string): Promise<void> {
    environment.SUBNET = subnet
    const options = { ...shape, project, image: images.node, postgresImage: images.postgres, subnet, portOf }
    await writeFile(overlay, JSON.stringify(makeSitesOverlay(options)))
    await compose('up', '--detach', '--no-build', ...started.flatMap((site) => nodesOf(shape, site)))
  }

  try {
    const subnet = await makeNetwork(() => `10.80.${randomInt(256)}`, startIn)
    const nodes = all.flatMap((site) =>
      nodesOf(shape, site).map((name) => ({
        ...{ name, site, url: `http://127.0.0.1:${portOf(name)}` },
        address: `${subnet}.${hostOf(site, name !== site)}:8080`,
      })),
    )
    return { nodes, compose, portOf, container: (service) => `${project}-${service}-1`, down }
  } catch (error) {
    await down()
    throw error
  }
}

/** Starts sites under a unique project name, in a subnet and on ports of their own. */
export async function startSitesStack(images: SitesImages, shape: SitesShape): Promise<SitesStack> {
  const postgres = shape.clocks ? images.postgres : undefined
  const { nodes, compose, portOf, container, down } = await startProject({ ...images, postgres }, shape)
  const { started, all } = sitesOf(shape)
  const created = new Set(started)
  const paused = new Set<SiteService>()
  const links = makeSitesLinks(nodes, container)
  const servicesOf = (site: SiteName): SiteService[] => [postgresOf(site), ...nodesOf(shape, site)]
  const namesAmong = (services: readonly SiteService[]) => {
    return nodes.map(({ name }) => name).filter((name) => services.includes(name))
  }

  async function resume(service: SiteService): Promise<void> {
    if (paused.delete(service)) await docker(['unpause', container(service)])
  }

  async function start(...services: SiteService[]): Promise<void> {
    await docker(['start', ...services.map(container)])
    // A container that was started has a new network.
    await links.renew(namesAmong(services))
  }

  return {
    ...{ sites: all, nodes, links, servicesOf, start, resume, down },

    async create(site) {
      await compose('up', '--detach', '--no-build', ...nodesOf(shape, site))
      created.add(site)
    },

    async kill(...services) {
      for (const service of services) await resume(service)
      await docker(['kill', ...services.map(container)]).catch(unlessDown)
    },

    async stop(service) {
      await docker(['stop', container(service)])
      return Number(await docker(['inspect', '--format', '{{.State.ExitCode}}', container(service)]))
    },

    async pause(service) {
      await docker(['pause', container(service)])
      paused.add(service)
    },

    setClock: (site, offsetSeconds) => setContainerClock(container(postgresOf(site)), offsetSeconds),

    connect: (site) => {
      const login = { user: 'kvs', password: 'kvs', database: 'kvs' }
      return connectWhenUp({ host: '127.0.0.1', port: portOf(postgresOf(site)), ...login })
    },

    async output() {
      const names = nodes.filter(({ site }) => created.has(site)).map(({ name }) => name)
      const read = async (name: string) => {
        return { name, output: await compose('logs', '--no-log-prefix', '--no-color', name) }
      }
      return logsOf(await Promise.all(names.map(read)))
    },

    async heal() {
      for (const service of [...paused]) await resume(service)
      await links.heal()
      await start(...[...created].flatMap(servicesOf))
    },
  }
}

function unlessDown(error: unknown): void {
  if (!/is not running/.test(String(error))) throw error
}
