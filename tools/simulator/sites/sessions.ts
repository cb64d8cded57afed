import type { Write } from '../../../kvs/core/entry.ts'
import { KvsError } from '../../../kvs/core/errors.ts'
import { formatPosition, mergePositions, nowhere, type Position, parsePosition } from '../../../kvs/core/position.ts'
import type { Kv } from '../../../kvs/kv/index.ts'
import { writeOutcome } from '../../drill/workload/request.ts'
import { makeValue, randomSize, readValue } from '../../drill/workload/value.ts'
import { makeSeededRandom, type SeededRandom } from '../../lab/seeded-random.ts'
import type { SiteOperation } from '../../sites-checker/operation.ts'
import type { Cluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import type { Node } from '../node.ts'
import { type Lost, send } from '../requester.ts'
import { type Ask, type Schedule, seconds } from '../schedule.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'

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
interface Asked {
  readonly client: number
  readonly site: number
  readonly cluster: Cluster
  readonly node: Node
  readonly kind: 'get' | 'put' | 'delete'
  readonly key: string
  readonly value: string | undefined
  readonly token: Position | undefined
  /** Lifetime of a put, in milliseconds; undefined for ever. */
  readonly ttl?: number | undefined
  /** Set for a put under If-None-Match: *. */
  readonly condition?: 'absent' | undefined
}

type SiteAnswer = Pick<SiteOperation, 'outcome' | 'status' | 'error' | 'value' | 'sequence' | 'isSpooled'> & {
  readonly given?: Position
  readonly seen?: string
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
    const isAlone = () => server?.sites?.isRemoved === true
    const was = { isAlone: false }
    const requester = { server: () => server, lane, delay: () => random.between(0.05, 0.5), timeoutMs }
    const bytes = value === undefined ? undefined : makeValue(value, randomSize(random))
    const { given, ...answer } = await send(
      requester,
      async (kv) => {
        was.isAlone = isAlone()
        const answer = await (kind === 'get' ? read(kv, key, token) : write(kv, writeOf(key, bytes), asked))
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

function writeOf(key: string, value: Buffer | undefined): Write {
  return value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value, contentType: undefined }
}

function lostAnswer(kind: Asked['kind'], error: Lost): SiteAnswer {
  return { outcome: kind === 'get' || error === 'refused' ? 'failed' : 'unknown', status: 0, error }
}

/** What a client is told, as kvs/http/api/freshness.ts joins it. */
function givenBy(kv: Kv, key: string, token: Position | undefined): Position {
  const told = parsePosition(kv.position(key)) ?? nowhere
  return token === undefined ? told : mergePositions(told, token)
}

async function read(kv: Kv, key: string, token: Position | undefined): Promise<SiteAnswer> {
  try {
    if (token && token.sequences.size > 0) await kv.waitFor(token, key)
    const got = kv.get(key)
    const found = got instanceof Promise ? await got : got
    const told = { given: givenBy(kv, key, token), seen: kv.position() }
    if (found === undefined) return { outcome: 'ok', status: 404, value: null, ...told }
    const value = readValue(found.value)
    const sequence = found.tag?.split('-').at(1)
    return {
      ...(value === undefined ? { outcome: 'torn', status: 200 } : { outcome: 'ok', status: 200, value }),
      ...told,
      ...(sequence === undefined ? { isSpooled: true as const } : { sequence: Number(sequence) }),
    }
  } catch (error) {
    const { status, code } = known(error)
    return { outcome: 'failed', status, error: code }
  }
}

async function write(kv: Kv, asked: Write, { token, ttl, condition }: Asked): Promise<SiteAnswer> {
  try {
    const after = token && token.sequences.size > 0 ? await kv.dependencyOn(token) : undefined
    const mortal = ttl === undefined ? asked : { ...asked, deadline: kv.now() + ttl }
    const all = after === undefined ? mortal : { ...mortal, after }
    const stored = condition
      ? await kv.writeIf({ write: all, precondition: { ifNoneMatch: '*' }, idempotencyKey: undefined })
      : await kv.write(all)
    const given = givenBy(kv, asked.key, token)
    if (stored === 'spooled') return { outcome: 'ok', status: 202, given, isSpooled: true }
    return { outcome: 'ok', status: asked.kind === 'put' ? 201 : 200, given, sequence: Number(stored.sequence) }
  } catch (error) {
    const { status, code } = known(error)
    return { outcome: writeOutcome(status, code), status, error: code }
  }
}

/** An error that is no `KvsError` is a defect, which a node answers with 500. */
function known(error: unknown): KvsError {
  return error instanceof KvsError ? error : new KvsError('internal', String(error))
}

function describe(operation: SiteOperation): string {
  const { kind, key, value, node, site, outcome, status, sequence, error, invoked, token, given, isSpooled, ttl } =
    operation
  const answered = [
    `${outcome} ${status}`,
    ...(error === undefined ? [] : [error]),
    ...(kind === 'get' && outcome === 'ok' ? [value ?? 'nothing'] : []),
    ...(isSpooled ? ['spooled'] : []),
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
