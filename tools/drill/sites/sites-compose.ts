import { hostOf, type SiteName, type SiteNodeName, type SitesShape, siteNames } from './site-names.ts'

export interface SitesComposeOptions extends SitesShape {
  readonly project: string
  /** Image of the nodes. */
  readonly image: string
  /** Image of each Postgres; that of compose/replicas.yml where it is undefined. */
  readonly postgresImage: string | undefined
  /** First three numbers of the network between the sites. */
  readonly subnet: string
  /** Port of 127.0.0.1 on which a service is published. */
  readonly portOf: (service: SiteNodeName | `postgres-${SiteName}`) => number
}

const second = (site: SiteName): SiteNodeName => `${site}-2`

/** Sites of a shape that run from the start, and the one that may join. */
export function sitesOf({ sites, joining }: SitesShape): { started: SiteName[]; all: SiteName[] } {
  const started = siteNames.slice(0, sites)
  return { started, all: joining ? [...started, 'd'] : started }
}

/** Nodes of a site in a shape. */
export function nodesOf({ nodes }: Pick<SitesShape, 'nodes'>, site: SiteName): SiteNodeName[] {
  return nodes === 1 ? [site] : [site, second(site)]
}

/** An overlay on compose/replicas.yml, and on compose/replicas-nodes.yml where there are two nodes a site. */
export function makeSitesOverlay(options: SitesComposeOptions): object {
  const { project, image, postgresImage, subnet, env, portOf } = options
  const { started, all } = sitesOf(options)
  const addressOf = (name: SiteNodeName) => {
    return `${subnet}.${hostOf(name.slice(0, 1) as SiteName, name.endsWith('-2'))}:8080`
  }
  const addressesOf = (sites: readonly SiteName[]) => sites.flatMap((site) => nodesOf(options, site)).map(addressOf)
  const ofAll = {
    labels: { 'kvs.drill': project },
    restart: 'no',
    healthcheck: { disable: true },
  }
  /** One that joins knows all others, and none of them knows it before it is added. */
  const nodeOf = (name: SiteNodeName, peers: readonly SiteName[] = started) => ({
    ...ofAll,
    ...{ image, pull_policy: 'never' },
    environment: {
      ...{ KVS_PEERS: addressesOf(peers).join(), KVS_WAIT_TIMEOUT: '500ms', LOG_FORMAT: 'json', LOG_LEVEL: 'info' },
      ...{ KVS_ADDRESS: addressOf(name), ...env },
    },
  })
  const postgresOf = (site: SiteName) => ({
    ...ofAll,
    ...(postgresImage && { image: postgresImage, pull_policy: 'never' }),
    // Lets the drill reach Postgres without the faults of the network.
    ports: [`127.0.0.1:${portOf(`postgres-${site}`)}:5432`],
  })
  const names = started.flatMap((site) => nodesOf(options, site))
  const services = {
    ...Object.fromEntries(names.map((name) => [name, nodeOf(name)])),
    ...Object.fromEntries(started.map((site) => [`postgres-${site}`, postgresOf(site)])),
  }
  if (!options.joining) return { services }
  return {
    services: {
      ...services,
      ...joiningSite(nodeOf('d', all), postgresOf('d'), `${subnet}.${hostOf('d', false)}`, portOf('d')),
    },
    networks: { 'inside-d': {} },
    volumes: { 'kvs-d': {}, 'postgres-d': {} },
  }
}

/** A site like those of compose/replicas.yml, which has none of that name. */
function joiningSite(node: { environment: object }, postgres: object, ip: string, port: number): object {
  const login = { POSTGRES_USER: 'kvs', POSTGRES_PASSWORD: 'kvs', POSTGRES_DB: 'kvs' }
  return {
    d: {
      ...node,
      environment: { PORT: '8080', ...login, POSTGRES_HOST: 'postgres-d', ...node.environment },
      ...{ init: true, read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'] },
      security_opt: ['no-new-privileges:true'],
      stop_grace_period: '30s',
      depends_on: ['postgres-d'],
      ports: [`127.0.0.1:${port}:8080`],
      volumes: ['kvs-d:/var/lib/kvs'],
      networks: { 'inside-d': {}, sites: { ipv4_address: ip } },
    },
    'postgres-d': {
      ...{ image: 'postgres:17', ...postgres, environment: login },
      volumes: ['postgres-d:/var/lib/postgresql/data'],
      networks: ['inside-d'],
    },
  }
}
