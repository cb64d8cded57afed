import { type LogCopy, type MemoryServer, makeMemoryServer, type StoredEntry } from '../../kvs/log/memory/index.ts'
import { makeSeededRandom, type SeededRandom } from '../lab/seeded-random.ts'
import { type Disk, makeDisk } from './disk.ts'
import { makeLink } from './link.ts'
import { makeNode, type Node } from './node.ts'
import type { Plants } from './plants.ts'
import type { RingNetwork } from './ring/ring-network.ts'
import { nodeName, type Schedule } from './schedule.ts'
import type { Lane, Scheduler } from './scheduler.ts'
import type { SiteNetwork } from './sites/site-network.ts'
import type { Trace } from './trace.ts'
import { makeServiceRandom, makeVirtualClock, type VirtualClock } from './virtual-clock.ts'

/** Nodes that share a log. */
export interface Cluster {
  readonly nodes: readonly Node[]
  readonly logServer: MemoryServer
  readonly logClock: VirtualClock
  /** The slots of nodes that are gone for ever; such a node is put here. */
  readonly orphans: Disk[]
  /** Whether a commit takes fifty times as long. */
  isLogSlow: boolean
  /** False as long as a new site is still to come: none of its nodes may start. */
  isInstalled: boolean
  /** Logs of this site that are gone for ever, as they were then. */
  readonly lost: LostLog[]
  /** Whether the nodes run on a log that went back: no client is sent there. */
  isRestored: boolean
  /** Whether the log of a ring's member is gone for good, and its nodes with it. */
  isLost: boolean
  /** A new log without entries. */
  makeEmptyLog(): LogCopy
}

export interface LostLog {
  readonly logId: string
  readonly entries: readonly StoredEntry[]
}

export interface ClusterOptions {
  readonly schedule: Schedule
  readonly scheduler: Scheduler
  /** The lane of all that no process owns. */
  readonly world: Lane
  readonly trace: Trace
  readonly plants: Plants
  readonly violation: (sentence: string) => void
  /** Undefined where the log is no site's. */
  readonly site?: SiteOptions
  /** Undefined where there is no ring. */
  readonly member?: MemberOptions
}

/** The log of a ring's member. */
export interface MemberOptions extends Pick<SiteOptions, 'number' | 'firstNode' | 'nodes' | 'clock'> {
  readonly network: RingNetwork
  /** Told of the entries of each batch that the log has committed. */
  readonly onCommitted: (entries: readonly StoredEntry[]) => void
}

export interface SiteOptions {
  /** The first one is 0. */
  readonly number: number
  /** The first of its nodes, as all sites' are counted. */
  readonly firstNode: number
  readonly nodes: number
  /** As in a `SitePlan`. */
  readonly clock: number
  readonly isLate: boolean
  readonly network: SiteNetwork
}

/** How often the checkpoint is brought forward; in a real cluster each node does so. */
const checkpointEveryMs = 3_000
/** The same in a site or a ring: nodes are to be started again on a checkpoint while something is still to come. */
const checkpointOfSiteEveryMs = 1_000

export function makeCluster(options: ClusterOptions): Cluster {
  const { schedule, scheduler, world, plants, site, member } = options
  const place = site ?? member
  const { firstNode, nodes: count } = place ?? { firstNode: 0, nodes: schedule.nodes }
  const name = member === undefined ? 'site' : 'member'
  const random = makeSeededRandom(schedule.seed, place === undefined ? 'cluster' : `${name} ${place.number}`)
  const logClock = makeVirtualClock(scheduler, world, 123 + (place?.clock ?? 0))
  const chance = makeServiceRandom(random.fork('log'))
  const memoryServer = makeMemoryServer({
    ...{ clock: logClock, random: chance },
    ...(member && { onCommitted: member.onCommitted }),
  })
  const logServer = plants.logServer?.(memoryServer) ?? memoryServer
  const nodes: Node[] = []
  const cluster: Cluster = {
    ...{ nodes, logServer, logClock, orphans: [], isLogSlow: false },
    ...{ isInstalled: site?.isLate !== true, lost: [], isRestored: false, isLost: false },
    makeEmptyLog() {
      const chance = makeServiceRandom(random.fork(`log ${cluster.lost.length + 1}`))
      return makeMemoryServer({ clock: logClock, random: chance }).copy()
    },
  }
  for (let index = firstNode; index < firstNode + count; index++) {
    const name = nodeName(index)
    nodes.push(assembleNode(options, cluster, name, random.fork(name)))
  }
  const checkpoints = random.fork('checkpoints')
  const everyMs = place === undefined ? checkpointEveryMs : checkpointOfSiteEveryMs
  logClock.every(everyMs, () => logServer.advanceCheckpoint(checkpoints.integer(1, 40), site !== undefined))
  return cluster
}

function assembleNode(options: ClusterOptions, cluster: Cluster, name: string, random: SeededRandom): Node {
  const { schedule, scheduler, world, trace, plants, violation, site, member } = options
  const { latency, spools } = schedule
  const disk = makeDisk({
    ...{ name, writerId: makeServiceRandom(random.fork('writer')).uuid(), flushMs: latency.flush },
    ...{ random: random.fork('disk'), storage: plants.storage },
  })
  const link = makeLink({
    ...{ name, lane: world, latency, isLogSlow: () => cluster.isLogSlow },
    ...{ random: random.fork('link'), trace, noticesLoss: (site ?? member) !== undefined },
  })
  const { logServer, orphans } = cluster
  return makeNode({
    ...{ name, scheduler, world, logServer, disk, link, orphans, spools, random, trace, plants, violation },
    site: site && { number: site.number, network: site.network, copies: schedule.copies },
    ring: member && { number: member.number, network: member.network },
  })
}
