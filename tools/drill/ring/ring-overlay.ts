import { hostIn, type MemberService, memberNames, numberOf, postgresOf, ringSettings } from './member-names.ts'

export interface RingOverlayOptions {
  readonly project: string
  /** Image of the nodes. */
  readonly image: string
  /** First three numbers of the network between the members. */
  readonly subnet: string
  /** Port of 127.0.0.1 on which a service is published. */
  readonly portOf: (service: MemberService) => number
}

/** An overlay on compose/ring.yml and compose/ring-postgres.yml, with a fourth member. */
export function makeRingOverlay({ project, image, subnet, portOf }: RingOverlayOptions): object {
  const ofAll = { labels: { 'kvs.drill': project }, restart: 'no', healthcheck: { disable: true } }
  const node = { ...ofAll, image, pull_policy: 'never', environment: ringSettings }
  const postgresAt = (service: MemberService) => ({
    ...ofAll,
    // Lets the drill read the log.
    ports: [`127.0.0.1:${portOf(service)}:5432`],
  })
  const login = { POSTGRES_USER: 'kvs', POSTGRES_PASSWORD: 'kvs', POSTGRES_DB: 'kvs' }
  const services = memberNames.flatMap((name) => [
    [name, node] as const,
    [postgresOf(name), postgresAt(postgresOf(name))] as const,
  ])
  const added = 'node-4'
  const [number, ip] = [numberOf(added), hostIn(subnet, added)]
  return {
    services: {
      ...Object.fromEntries(services),
      [added]: {
        ...node,
        environment: {
          ...{ PORT: '5000', POSTGRES_HOST: `postgres-${number}`, KVS_ADDRESS: `${ip}:5000` },
          ...login,
          ...ringSettings,
        },
        ...{ init: true, read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'] },
        security_opt: ['no-new-privileges:true'],
        stop_grace_period: '30s',
        depends_on: [`postgres-${number}`],
        ports: [`127.0.0.1:${portOf(added)}:5000`],
        volumes: [`kvs-${number}:/var/lib/kvs`],
        networks: { [`inside-${number}`]: {}, ring: { ipv4_address: ip } },
      },
      [postgresOf(added)]: {
        ...{ image: 'postgres:17', ...postgresAt(postgresOf(added)), environment: login },
        volumes: [`postgres-${number}:/var/lib/postgresql/data`],
        networks: [`inside-${number}`],
      },
    },
    networks: { [`inside-${number}`]: {} },
    volumes: { [`kvs-${number}`]: {}, [`postgres-${number}`]: {} },
  }
}
