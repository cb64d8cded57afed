import type { Fault as ToldFault } from '../drill/history.ts'
import type { Cluster } from './cluster.ts'
import { describeFault } from './fault-words.ts'
import type { Node } from './node.ts'
import { isOfRing, type RingFault } from './ring/ring-schedule.ts'
import {
  type Fault,
  type GroupFault,
  isOfGroup,
  isOfNode,
  isOfPath,
  type LogFault,
  type NodeFault,
  siteName,
} from './schedule.ts'
import type { Lane } from './scheduler.ts'
import { loseLog, replaceRestored, restoreLog, startAll } from './sites/log-loss.ts'
import type { SiteNetwork } from './sites/site-network.ts'
import type { Trace } from './trace.ts'

/** Puts the faults of a schedule on a cluster. */
export interface Faults {
  /** Plans each fault for its time from now on. */
  plan(faults: readonly Fault[]): void
  /** Takes back every fault, and drops those that are still to come. Nodes that are down start. */
  heal(): void
  /** Those that were put on, in the clients' time. */
  readonly told: readonly ToldFault[]
}

export interface FaultsOptions {
  /** One of each site, or of each member of a ring; else the only one. */
  readonly clusters: readonly Cluster[]
  /** Between sites or members of a ring; undefined where there is one log that is none. */
  readonly network?: Pick<SiteNetwork, 'putOn'>
  /** Has the members of a group of sites changed; undefined where there is none. */
  readonly change?: (fault: GroupFault) => void
  /** Has the ring changed; undefined where there is none. */
  readonly changeRing?: (fault: RingFault) => void
  /** Names a log by its number; by default as a site. */
  readonly placeName?: (place: number) => string
  readonly lane: Lane
  /** The clients' time. */
  readonly now: () => number
  readonly trace: Trace
}

export function makeFaults(options: FaultsOptions): Faults {
  const { clusters, lane, now, trace, placeName = siteName } = options
  const told: ToldFault[] = []
  const active = new Set<() => void>()
  let isHealed = false

  function putOn(fault: Fault): void {
    if (isHealed) return
    const name = describeFault(fault, placeName)
    trace.add('fault', name)
    const takeBack = putOnAny(options, fault)
    const from = now()
    if (!('forMs' in fault)) {
      told.push({ name, from })
      return
    }
    told.push({ name, from, to: from + fault.forMs })
    const end = () => {
      if (!active.delete(end)) return
      trace.add('fault', `${name} is over`)
      takeBack()
    }
    active.add(end)
    lane.after(fault.forMs, end)
  }

  return {
    told,
    plan(faults) {
      for (const fault of faults) lane.after(fault.at, () => putOn(fault))
    },
    heal() {
      isHealed = true
      for (const end of [...active]) end()
      for (const node of installed(clusters).flatMap(remaining)) node.start()
    },
  }
}

/** The nodes that are not gone for ever. */
export function remaining({ nodes, orphans, isLost }: Cluster): readonly Node[] {
  return isLost ? [] : nodes.filter(({ disk }) => !orphans.includes(disk))
}

/** The clusters but for those of sites that are still to come. */
export function installed(clusters: readonly Cluster[]): readonly Cluster[] {
  return clusters.filter(({ isInstalled }) => isInstalled)
}

/** Returns what takes the fault back. */
function putOnAny({ clusters: all, network, change, changeRing }: FaultsOptions, fault: Fault): () => void {
  const nothing = () => undefined
  if (isOfPath(fault)) return network?.putOn(fault) ?? nothing
  if (isOfRing(fault)) {
    changeRing?.(fault)
    return nothing
  }
  if (isOfGroup(fault)) {
    change?.(fault)
    return nothing
  }
  const clusters = all.map((cluster) => (cluster.isInstalled ? cluster : undefined))
  if (!isOfNode(fault)) {
    const cluster = clusters[fault.site ?? 0]
    return cluster === undefined ? nothing : putOnLog(cluster, fault)
  }
  const node = all.flatMap(({ nodes }) => nodes)[fault.node]
  const cluster = clusters.find((one) => node !== undefined && one?.nodes.includes(node))
  return node === undefined || cluster === undefined ? nothing : putOnNode(cluster, node, fault)
}

function putOnNode(cluster: Cluster, node: Node, fault: NodeFault): () => void {
  if (!remaining(cluster).includes(node)) return () => undefined
  const restart = () => {
    if (remaining(cluster).includes(node)) node.start()
  }
  switch (fault.kind) {
    case 'kill':
      node.kill()
      return restart
    case 'stop': {
      const stopped = node.stop()
      return () => void stopped.then(restart)
    }
    case 'leave':
      node.kill()
      cluster.orphans.push(node.disk)
      return () => undefined
    case 'pause':
      node.pause()
      return () => node.resume()
    case 'clock':
      node.jumpClock(fault.byMs)
      return () => undefined
    case 'disk fails':
    case 'disk full': {
      const { kind } = fault
      node.disk.faults.add(kind)
      return () => {
        node.disk.faults.delete(kind)
        node.disk.mend()
      }
    }
    case 'slow disk':
      return putOnSet(node.disk.faults, fault.kind)
    default:
      if (fault.kind === 'cut') node.link.breakOff()
      return putOnSet(node.link.faults, fault.kind)
  }
}

function putOnSet<T>(faults: Set<T>, kind: T): () => void {
  faults.add(kind)
  return () => faults.delete(kind)
}

function putOnLog(cluster: Cluster, fault: LogFault): () => void {
  const { logServer, logClock } = cluster
  if (cluster.isLost) return () => undefined
  switch (fault.kind) {
    case 'log killed':
      logServer.stop()
      return () => {
        if (!cluster.isLost) logServer.start()
      }
    case 'lead killed': {
      const nodes = remaining(cluster)
      const lead = nodes.find((node) => node.status()?.sites?.leads) ?? nodes[0]
      lead?.kill()
      return () => {
        if (lead && remaining(cluster).includes(lead)) lead.start()
      }
    }
    case 'log full':
      if (cluster.isRestored) return () => undefined
      logServer.refuseWrites(() => 'down')
      return () => {
        if (!cluster.isRestored) logServer.refuseWrites()
      }
    case 'slow log':
      cluster.isLogSlow = true
      return () => {
        cluster.isLogSlow = false
      }
    case 'log clock':
      logClock.jump(fault.byMs)
      return () => undefined
    case 'log lost':
      loseLog(cluster)
      return () => startAll(cluster)
    case 'log restored':
      return restoreLog(cluster, fault.entries) ? () => replaceRestored(cluster) : () => undefined
    case 'log goes back':
      return () => undefined // when all is over: see restore.ts
  }
}
