import { expect, onTestFinished } from 'vitest'
import type { Rank } from '../../../kvs/core/rank.ts'
import { makeMemoryLog, makeMemoryServer, makeMemorySiteLog } from '../../../kvs/log/memory/index.ts'
import { makeReplica } from '../../../kvs/replica/replica.ts'
import { makeAdvances } from '../../../kvs/roles/node-sites.ts'
import { makeSites, type OwnSite, type PeerClient, type Sites } from '../../../kvs/sites/index.ts'
import type { OpenFeed } from '../../../kvs/sites/pull.ts'
import type { SitesOptions } from '../../../kvs/sites/sites.ts'
import { makeSeededRandom } from '../../../tools/lab/seeded-random.ts'
import { makeScheduler } from '../../../tools/simulator/scheduler.ts'
import { makeServiceRandom, makeVirtualClock } from '../../../tools/simulator/virtual-clock.ts'
import { clientOf } from './fixtures.ts'

const quiet = () => undefined
const limits = { maxWrites: 10_000, maxBytes: 1e9, timeoutMs: 3_000, graceMs: 6_000 }
const frameLimits = { maxBatchEntries: 20_000, maxBatchBytes: 1e8, maxValueBytes: 1e6 }

export type World = ReturnType<typeof makeSitesWorld>
export type WorldNode = Awaited<ReturnType<World['start']>>
type Killable = { readonly sites: Sites; readonly killed: AbortSignal }

/** Sites with a log in memory each, and nodes that are wired to each other without HTTP, all on virtual time. */
export function makeSitesWorld(
  count: number,
  seed = 1,
  options: Pick<SitesOptions, 'compareEveryMs' | 'forgetEveryMs'> = {},
) {
  const scheduler = makeScheduler()
  const lane = scheduler.lane()
  const random = makeSeededRandom(seed, 'sites')
  const told: string[] = []
  const note = (message: string) => void told.push(message)
  const logger = { info: note, warn: note, error: note }
  const servers = Array.from({ length: count }, (_, site) =>
    makeMemoryServer({
      // The servers' clocks are minutes apart.
      clock: makeVirtualClock(scheduler, lane, random.integer(-200_000, 200_000)),
      random: makeServiceRandom(random.fork(`server ${site}`)),
    }),
  )
  /** The nodes that run, by the address `site.number`. */
  const nodes = new Map<string, Killable>()
  const cuts = new Map<string, AbortController>()
  let started = 0

  async function until(what: string, condition: () => boolean, withinMs = 120_000): Promise<void> {
    if (await scheduler.run(condition, scheduler.now + withinMs)) return
    expect.fail(`it never came to that: ${what}\n${told.slice(-20).join('\n')}`)
  }

  async function settled<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const note = () => {
      isSettled = true
    }
    promise.then(note, note)
    await until('the promise is settled', () => isSettled)
    return promise
  }

  async function pass(ms: number): Promise<void> {
    let isOver = false
    lane.after(ms, () => {
      isOver = true
    })
    await until('time passes', () => isOver, ms + 1)
  }

  const wayOf = (from: number, to: number) => `${from}>${to}`
  function linkOf(way: string): AbortController {
    const link = cuts.get(way) ?? new AbortController()
    cuts.set(way, link)
    return link
  }

  /** @param name address of a node, `site.number` */
  function openOver(from: number, name: string): OpenFeed {
    return async (query, signal) => {
      const link = linkOf(wayOf(from, Number(name.split('.')[0])))
      await new Promise<void>((resolve) => lane.after(1, resolve))
      const node = nodes.get(name)
      if (link.signal.aborted || node === undefined) throw new Error(`no way to ${name}`)
      const ends = AbortSignal.any([signal, link.signal, node.killed])
      const gone = new Promise<never>((_, reject) => {
        ends.addEventListener('abort', () => reject(new Error(`the connection to ${name} was reset`)))
        if (ends.aborted) reject(new Error(`the connection to ${name} was reset`))
      })
      gone.catch(quiet)
      const stream = await Promise.race([node.sites.feed.open(query), gone])
      return chunksOf()

      async function* chunksOf() {
        try {
          for (;;) {
            const chunk = await Promise.race([stream.next(), gone])
            if (chunk === undefined) return
            await Promise.race([new Promise<void>((resolve) => lane.after(random.integer(0, 5), resolve)), gone])
            yield chunk
          }
        } finally {
          stream.close()
        }
      }
    }
  }

  /** Asks a node for something, over the same ways as its feed. */
  function asked<T>(from: number, name: string, ask: (node: Killable) => Promise<T>): Promise<T> {
    const way = (ms: number) => new Promise<void>((resolve) => lane.after(ms, resolve))
    const there = async () => {
      await way(random.integer(0, 20))
      const node = nodes.get(name)
      if (linkOf(wayOf(from, Number(name.split('.')[0]))).signal.aborted || node === undefined)
        throw new Error(`no way to ${name}`)
      const answer = await ask(node)
      await way(random.integer(0, 20))
      return answer
    }
    return there()
  }

  const clientOver = (from: number, name: string): PeerClient => ({
    ...clientOf(openOver(from, name)),
    rejoin: async (rank: Rank) => nodes.get(name)?.sites.rejoin(rank),
    askDigests: (seen) => asked(from, name, ({ sites }) => sites.digests.read(seen)),
    askUnlike: (seen, fingerprints) => asked(from, name, ({ sites }) => sites.digests.compare(seen, fingerprints)),
  })

  /**
   * @param peers addresses of the other sites' nodes, `site.number`
   * @param ownAddress the node's own, where it knows it
   */
  async function start(site: number, number: number, peers: readonly string[], ownAddress?: string) {
    const server = servers[site]
    if (server === undefined) throw new Error('no such site')
    const own = scheduler.lane()
    const clock = makeVirtualClock(scheduler, own, random.integer(-500_000, 500_000))
    const serviceRandom = makeServiceRandom(random.fork(`node ${++started}`))
    const network = {
      carry: () => new Promise<'arrives'>((resolve) => own.after(random.integer(0, 3), () => resolve('arrives'))),
    }
    const shared = { server, network, clock, random: serviceRandom, timeoutMs: 2_000 }
    const stopping = new AbortController()
    const killed = new AbortController()
    const advances = makeAdvances()
    const store = makeReplica({
      log: makeMemoryLog({ ...shared, writerId: `writer ${started}`, appendTimeoutMs: 3_000 }),
      ...{ spool: undefined, limits, logger, clock, random: serviceRandom, connectTimeoutMs: undefined },
      spooling: { on: false, reason: 'no disk', maxBytes: 0 },
      ...{ tailIntervalMs: 500, waitTimeoutMs: 500, maxLagMs: 5_000, site: true },
      onAdvance: advances.tell,
      onMembership: () => void sites.refreshMembers().catch(note),
      isRemoved: () => sites.isRemoved,
      onReplayed: () => void sites.run(stopping.signal),
    })
    const ownSite: OwnSite = { ...store.followed, onAdvance: advances.onAdvance }
    const sites = makeSites({
      siteLog: makeMemorySiteLog({ ...shared, name: `node ${started}`, pageLimits: { entries: 7, bytes: 1e6 } }),
      ...{ site: ownSite, limits: frameLimits, stopping: stopping.signal, logger, clock, random: serviceRandom },
      ...{ peers, ownAddress, connect: (address) => clientOver(site, address) },
      ...options,
    })
    const name = `${site}.${number}`
    const run = store.run()
    run.catch(note)
    nodes.set(name, { sites, killed: killed.signal })
    return {
      ...{ site, number, name, store, sites, stopping },
      get isServing() {
        return store.status().state === 'serving'
      },
      /** Its connections end, the others of its site's log as well. */
      kill() {
        own.end()
        nodes.delete(name)
        killed.abort()
        server.endSessions()
      },
      /** As SIGSTOP and SIGCONT. */
      pause: own.pause,
      resume: own.resume,
    }
  }

  onTestFinished(() => lane.end())
  return {
    ...{ scheduler, lane, servers, random, told, start, until, settled, pass },
    cut: (from: number, to: number) => linkOf(wayOf(from, to)).abort(),
    heal: () => cuts.clear(),
  }
}
