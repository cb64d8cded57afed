import { formatPosition, mergePositions, nowhere, type Position } from '../../../kvs/core/position.ts'
import type { StoredEntry } from '../../../kvs/log/memory/index.ts'
import { makeValue, randomSize } from '../../drill/workload/value.ts'
import { makeSeededRandom, type SeededRandom } from '../../lab/seeded-random.ts'
import type { SiteOperation } from '../../sites-checker/operation.ts'
import type { Cluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import type { Node } from '../node.ts'
import { type Lost, send } from '../requester.ts'
import { type Ask, type Schedule, seconds } from '../schedule.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { type AskedWrite, read, type SiteAnswer, write, writeOf } from './site-answers.ts'

/** Clients that hop between sites. Most of them pass along what they have seen. */
export interface Sessions {
  readonly operations: readonly SiteOperation[]
  readonly keys: readonly string[]
  /** Resolves when every client has had its last answer. */
  run(): Promise<void>
  /** Puts something at each site, so that what has to come has something to follow. */
  probe(): void
  /** Whether no probe is under way. */
  readonly isQuiet: boolean
}

export interface SessionsOptions {
  readonly schedule: Schedule
  /** One of each site. */
  readonly clusters: readonly Cluster[]
  readonly lane: Lane
  /** Milliseconds since the clients began. */
  readonly now: () => number
  readonly trace: Trace
}

const timeoutMs = 15_000
const probeKey = 'probe'
const firstProber = 100
const keyName = (key: number) => `key-${key}`

/** One place of a session: what it is to ask there. */
interface Asked extends AskedWrite {
  readonly client: number
  readonly site: number
  readonly cluster: Cluster
  readonly node: Node
  readonly kind: 'get' | 'put' | 'delete'
  readonly key: string
  readonly value: string | undefined
}

export function makeSessions(options: SessionsOptions): Sessions {
  const { schedule, clusters, lane, now, trace } = options
  const operations: SiteOperation[] = []
  const places = clusters.flatMap((cluster, site) => cluster.nodes.map((node) => ({ site, cluster, node })))
  const probing = new Set<Node>()
  let ids = 0

  async function ask(asked: Asked, random: SeededRandom): Promise<Position | undefined> {
    const { client, site, cluster, node, kind, key, value, token, ttl, condition } = asked
    const invoked = now()
    const log = cluster.logServer.logId
    const server = cluster.isRestored ? undefined : node.server()
    const copiesOf = (sequence: bigint) => countCopies(clusters, log, sequence)
    const isAlone = () => server?.sites?.isRemoved === true
    const was = { isAlone: false }
    const requester = { server: () => server, lane, delay: () => random.between(0.05, 0.5), timeoutMs }
    const bytes = value === undefined ? undefined : makeValue(value, randomSize(random))
    const { given, ...answer } = await send(
      requester,
      async (kv) => {
        was.isAlone = isAlone()
        const answer = await (kind === 'get'
          ? read(kv, key, token)
          : write({ kv, sites: server?.sites, copiesOf }, writeOf(key, bytes), asked))
        was.isAlone ||= isAlone()
        return answer
      },
      (error) => lostAnswer(kind, error),
    )
    const operation: SiteOperation = {
      ...{ client, site, log, node: node.name, kind, key, invoked, returned: now() },
      ...(was.isAlone && { isAlone: true as const }),
      ...(value !== undefined && { value }),
      ...(ttl !== undefined && { ttl }),
      ...(condition && { condition }),
      token: token && formatPosition(token),
      ...answer,
      ...(given && { given: formatPosition(given) }),
    }
    operations.push(operation)
    trace.add(`client ${client}`, describe(operation))
    return given
  }

  async function runClient(client: number, asks: readonly Ask[]): Promise<void> {
    const habits = makeSeededRandom(schedule.seed, `session ${client}`)
    const home = habits.pick(places)
    const passes = habits.chance(0.8)
    const hops = habits.pick([0.2, 0.5, 0.9])
    const reads = habits.pick([0.2, 0.5, 0.7])
    let token: Position | undefined = passes ? nowhere : undefined
    for (const { at, key, draw } of asks) {
      if (at > now()) await wait(lane, at - now())
      const random = makeSeededRandom(draw, 'ask')
      const place = random.chance(hops) ? random.pick(places) : home
      const kind = random.chance(reads) ? 'get' : random.pick(['put', 'put', 'delete'] as const)
      const value = kind === 'put' ? `${client}-${ids++}` : undefined
      const isMortal = kind === 'put' && schedule.lifetimes !== undefined && random.chance(schedule.lifetimes)
      const ttl = isMortal ? random.integer(1, 3_000) : undefined
      const condition = kind === 'put' && random.chance(0.15) ? ('absent' as const) : undefined
      const given = await ask({ ...place, client, kind, key: keyName(key), value, token, ttl, condition }, random)
      if (token && given) token = mergePositions(token, given)
    }
  }

  return {
    operations,
    keys: [...new Set([...schedule.operations.map(({ key }) => keyName(key)), probeKey])],
    get isQuiet() {
      return probing.size === 0
    },
    probe() {
      places.forEach(({ site, cluster, node }, index) => {
        if (probing.has(node) || node.server() === undefined) return
        probing.add(node)
        const client = firstProber + index
        const random = makeSeededRandom(schedule.seed, `probe ${ids}`)
        const value = `${client}-${ids++}`
        const asked: Asked = { site, cluster, node, client, kind: 'put', key: probeKey, value, token: undefined }
        void ask(asked, random).then(() => probing.delete(node))
      })
    },
    async run() {
      const byClient = Map.groupBy(schedule.operations, ({ client }) => client)
      await Promise.all([...byClient].map(([client, asks]) => runClient(client, asks)))
    },
  }
}

function countCopies(clusters: readonly Cluster[], log: string, sequence: bigint): number {
  const logs = clusters.flatMap(({ logServer, lost }) => [logServer, ...lost])
  const isIt = (logId: string, { origin, sequence: place }: StoredEntry) =>
    (origin?.logId ?? logId) === log && (origin?.sequence ?? place) === sequence
  const holders = logs.filter(({ logId, entries }) => entries.some((entry) => isIt(logId, entry)))
  return new Set(holders.map(({ logId }) => logId)).size
}

function lostAnswer(kind: Asked['kind'], error: Lost): SiteAnswer {
  return { outcome: kind === 'get' || error === 'refused' ? 'failed' : 'unknown', status: 0, error }
}

function describe(operation: SiteOperation): string {
  const {
    kind,
    key,
    value,
    node,
    site,
    outcome,
    status,
    sequence,
    error,
    invoked,
    token,
    given,
    isSpooled,
    copies,
    ttl,
  } = operation
  const answered = [
    `${outcome} ${status}`,
    ...(error === undefined ? [] : [error]),
    ...(kind === 'get' && outcome === 'ok' ? [value ?? 'nothing'] : []),
    ...(isSpooled ? ['spooled'] : []),
    ...(copies === undefined ? [] : [`in ${copies.told} logs`]),
    ...(sequence === undefined ? [] : [`entry ${sequence}`]),
    ...(given === undefined ? [] : [`at ${given}`]),
  ]
  const asked = [
    `${kind} ${key}`,
    ...(kind === 'put' ? [`= ${value}`] : []),
    ...(ttl ? [`for ${ttl} ms`] : []),
    ...(token ? [`from ${token}`] : []),
  ]
  return `${asked.join(' ')} at ${node} of site ${site + 1}, asked at ${seconds(invoked)}: ${answered.join(', ')}`
}
