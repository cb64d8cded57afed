import { setTimeout as sleep } from 'node:timers/promises'
import { formatPosition, mergePositions, nowhere, type Position, parsePosition } from '../../../kvs/core/position.ts'
import { waitFor } from '../../lab/polling.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { SentOperation } from '../../sites-checker/operation.ts'
import { makeRequester, type Requester } from '../workload/request.ts'
import { makeValue } from '../workload/value.ts'
import { putTogether } from './bulk.ts'
import type { SiteName, SiteNode } from './site-names.ts'

export type Connect = (url: string, timeoutMs: number) => Requester

export interface SitesWorkloadOptions {
  readonly sites: readonly SiteName[]
  readonly nodes: readonly SiteNode[]
  /** Sites that clients ask from the start. */
  readonly open: readonly SiteName[]
  readonly random: SeededRandom
  /** Milliseconds since the drill began. */
  readonly now: () => number
  /** Share of the puts whose keys end by themselves. */
  readonly lifetimes: number
  readonly clients?: number
  readonly keys?: number
  /** How a node is asked; over HTTP as it is, unless said otherwise. */
  readonly connect?: Connect
}

/**
 * Clients that go from node to node and from site to site, and write unique values to few keys, read and delete them.
 * Most are sessions that pass on what they have seen, and give it to each other.
 */
export interface SitesWorkload {
  readonly operations: readonly SentOperation[]
  readonly acknowledged: number
  /** All keys that any client may have touched. */
  readonly keys: readonly string[]
  start(): void
  /** Stops the clients. Resolves when every client has had its last answer. */
  stop(): Promise<void>
  /** Clients ask this site as well from now on. */
  open(site: SiteName): void
  /** Clients do not ask this site any more. Resolves when all that was asked there is answered. */
  close(site: SiteName): Promise<void>
  /** One put of somebody who passes nothing on. */
  put(node: SiteNode, key: string): Promise<SentOperation>
  /** Many of them by transactions, to keys of their own. Resolves with how many were acknowledged. */
  fill(nodes: readonly SiteNode[], count: number, keys: number): Promise<number>
}

const timeoutMs = 15_000
/** Mean pause of a client between two requests, in milliseconds. */
const pauseMs = 30
const firstFiller = 100
const fillers = 6
/** Puts of a transaction. */
const together = 50
const ttls = [50, 500, 2_000, 8_000]

interface Asked {
  readonly client: number
  readonly kind: SentOperation['kind']
  readonly key: string
  readonly token?: Position | undefined
  readonly heard?: number | undefined
  readonly ttl?: number
  readonly condition?: 'absent'
  readonly bytes: number
}

interface Session {
  readonly client: number
  /** Undefined for one that passes nothing on. */
  token: Position | undefined
}

export function makeSitesWorkload(options: SitesWorkloadOptions): SitesWorkload {
  const { sites, nodes, random, now, lifetimes, clients = 8, keys = 12, connect = makeRequester } = options
  const operations: SentOperation[] = []
  const names = new Set(Array.from({ length: keys }, (_, index) => `sites/key ${index}`))
  const shared = [...names]
  const opened = new Set(options.open)
  const asking = new Map(sites.map((site) => [site, 0]))
  const sessions: Session[] = []
  let acknowledged = 0
  let ids = 0
  let isStopping = false
  let running: Promise<void>[] = []

  function record(operation: SentOperation): SentOperation {
    operations.push(operation)
    names.add(operation.key)
    if (operation.kind !== 'get' && operation.outcome === 'ok') acknowledged++
    return operation
  }

  async function ask(requester: Requester, node: SiteNode, asked: Asked) {
    const { client, kind, key, token, heard, ttl, condition, bytes } = asked
    const text = token && token.sequences.size > 0 ? formatPosition(token) : undefined
    const demands = { minPosition: text, ttl, condition }
    const value = kind === 'put' ? `${client}-${ids++}` : undefined
    asking.set(node.site, (asking.get(node.site) ?? 0) + 1)
    const invoked = now()
    const answer =
      value !== undefined
        ? await requester.put(key, makeValue(value, bytes), demands)
        : kind === 'get'
          ? await requester.get(key, demands)
          : await requester.remove(key, demands)
    asking.set(node.site, (asking.get(node.site) ?? 0) - 1)
    const { positionText, tag: _, position: __, ...told } = answer
    const operation: SentOperation = {
      ...{ client, site: sites.indexOf(node.site), node: node.name, kind, key, invoked, returned: now() },
      ...(ttl !== undefined && { ttl }),
      ...(condition && { condition }),
      token: token && formatPosition(token),
      ...(heard !== undefined && { heard }),
      ...told,
      ...(value !== undefined && { value }),
      ...(told.outcome === 'ok' && positionText !== undefined && { given: positionText }),
    }
    return record(operation)
  }

  /** Another session whose token this one is given, if any. */
  function hear(session: Session, own: SeededRandom): number | undefined {
    if (session.token === undefined || !own.chance(0.05)) return undefined
    const other = own.pick(sessions)
    if (other === session || other.token === undefined) return undefined
    session.token = mergePositions(session.token, other.token)
    return other.client
  }

  async function run(session: Session): Promise<void> {
    const { client } = session
    const own = random.fork(`client ${client}`)
    const requesters = new Map(nodes.map(({ name, url }) => [name, connect(url, timeoutMs)]))
    const hops = own.pick([0.2, 0.5, 0.9])
    let place = own.pick(nodes)
    while (!isStopping) {
      const there = nodes.filter(({ site }) => opened.has(site))
      if (!there.includes(place) || own.chance(hops)) place = own.pick(there)
      const requester = requesters.get(place.name)
      if (requester === undefined) throw new Error(`there is no node ${place.name}`)
      const wish = draw(own, own.pick(shared), lifetimes)
      const heard = hear(session, own)
      const { outcome, given, status } = await ask(requester, place, { ...wish, client, token: session.token, heard })
      if (session.token && given) session.token = mergePositions(session.token, parsePosition(given) ?? nowhere)
      const hasFailed = outcome !== 'ok' && status !== 412
      if (hasFailed) place = own.pick(nodes.filter(({ site }) => opened.has(site)))
      await sleep(own.between(0, 2 * pauseMs) + (hasFailed ? 50 : 0))
    }
    for (const requester of requesters.values()) requester.close()
  }

  return {
    operations,
    get acknowledged() {
      return acknowledged
    },
    get keys() {
      return [...names]
    },

    start() {
      for (let client = 0; client < clients; client++) {
        sessions.push({ client, token: client % 5 === 4 ? undefined : nowhere })
      }
      running = sessions.map(run)
    },

    async stop() {
      isStopping = true
      await Promise.all(running)
    },

    open: (site) => void opened.add(site),

    async close(site) {
      opened.delete(site)
      await waitFor(() => asking.get(site) === 0, { boundMs: 2 * timeoutMs })
    },

    async put(node, key) {
      const requester = connect(node.url, timeoutMs)
      const operation = await ask(requester, node, { client: firstFiller - 1, kind: 'put', key, bytes: 100 })
      requester.close()
      return operation
    },

    async fill(nodes, count, keys) {
      let stored = 0
      let left = count
      const filling = Array.from({ length: fillers }, async (_, index) => {
        const client = firstFiller + index
        const node = nodes[index % nodes.length]
        while (node && left > 0) {
          const size = Math.min(left, together)
          const first = left
          left -= size
          const puts = Array.from({ length: size }, (_, n) => ({
            ...{ key: `bulk/${(first - n) % keys}`, value: `${client}-${ids++}` },
          }))
          const invoked = now()
          const told = await putTogether(node.url, puts, timeoutMs)
          const asked = { client, site: sites.indexOf(node.site), node: node.name, kind: 'put' as const }
          const times = { invoked, returned: now(), token: undefined }
          puts.forEach((put, place) => void record({ ...asked, ...times, ...put, ...answered(told[place]) }))
          stored += told.filter(({ outcome }) => outcome === 'ok').length
        }
      })
      await Promise.all(filling)
      return stored
    },
  }
}

function answered<T>(told: T | undefined): T {
  if (told === undefined) throw new Error('a transaction tells of each of its operations')
  return told
}

/** Draws what a client asks for. */
function draw(
  own: SeededRandom,
  key: string,
  lifetimes: number,
): Pick<Asked, 'kind' | 'key' | 'bytes' | 'ttl' | 'condition'> {
  const dice = own.next()
  const bytes = 60 + Math.floor(own.next() ** 4 * 2_000)
  const isMortal = own.chance(lifetimes)
  const ttl = own.pick(ttls)
  const isConditional = own.chance(0.12)
  if (dice < 0.5) return { kind: 'get', key, bytes }
  if (dice < 0.62) return { kind: 'delete', key, bytes }
  return { kind: 'put', key, bytes, ...(isMortal && { ttl }), ...(isConditional && { condition: 'absent' as const }) }
}
