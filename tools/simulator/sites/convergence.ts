import { readValue } from '../../drill/workload/value.ts'
import { type Fact, type Facts, type FoundLog, makeFacts, newestOf } from '../../sites-checker/facts.ts'
import type { Cluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import { remaining } from '../faults.ts'
import type { Node } from '../node.ts'
import { siteName } from '../schedule.ts'
import { becomes, type ServingStage } from '../stage.ts'
import { halves, membersOf, type Operator } from './operator.ts'
import type { Sessions } from './sessions.ts'

/** What the phases of a run share. */
export interface SitesStage extends ServingStage {
  /** Those of sites that are still to come as well; `clusters` has the others alone. */
  readonly all: readonly Cluster[]
  readonly clients: Sessions
  readonly operator: Operator
}

/** Sites that can all talk have each other's entries by then, in milliseconds. */
const patienceMs = 120_000
/** How long a node may take to apply what its log has, in milliseconds. */
const applyMs = 10_000
/** So long after its start, or after a failure, a node has read the members, in milliseconds. */
const membersMs = 8_000

/** Whether every site comes to follow every other one; that one does not is a violation. */
export async function follow({ clusters, world, violation }: SitesStage): Promise<boolean> {
  const followed = ({ nodes }: Cluster) =>
    nodes.flatMap((node) => node.status()?.sites?.peers ?? []).filter(({ state }) => state === 'following')
  const isDone = () => clusters.every((cluster) => followed(cluster).length === clusters.length - 1)
  if (await becomes(world, isDone, patienceMs)) return true
  violation(`after ${patienceMs / 1000} s not every site follows every other one`)
  return false
}

/**
 * The sites that are members, once all changes are made and every node knows them; undefined where it does not come to
 * that, which is a violation. Where changes at the same time have left a half of a site, the whole of it is added.
 */
export async function agree(stage: SitesStage): Promise<readonly Cluster[] | undefined> {
  const { all, operator, world, violation } = stage
  if (operator.isUsed) {
    // Until a node that was started has read the members, it has those that it is configured with: they seem to agree.
    await wait(world, membersMs)
  }
  const isAgreed = () => operator.isIdle && membersOf(all).sentence === undefined
  if (await becomes(world, isAgreed, patienceMs)) return membersOf(all).members
  const added = halves(all)
  for (const fault of added) operator.change(fault)
  if (added.length > 0 && (await becomes(world, isAgreed, patienceMs))) return membersOf(all).members
  violation(`after ${patienceMs / 1000} s the sites have not agreed on their members: ${membersOf(all).sentence}`)
  return undefined
}

/** Whether the members' logs come to have the same entries; that they do not is a violation. */
export async function converge(stage: SitesStage, members: readonly Cluster[]): Promise<boolean> {
  const { all, clients, world, violation } = stage
  const isDone = () => {
    if (!clients.isQuiet) return false
    const [one, ...others] = members.map(reachedIn)
    return others.every((other) => other === one)
  }
  if (await becomes(world, isDone, patienceMs)) return true
  const reached = members.map((cluster) => `${siteName(all.indexOf(cluster))} has ${reachedIn(cluster)}`)
  violation(`after ${patienceMs / 1000} s the sites have not converged: ${reached.join('; ')}`)
  return false
}

/** How far a log has all that were ever written in: each one's last entry there. */
function reachedIn({ logServer: { logId, entries } }: Cluster): string {
  const reached = new Map<string, bigint>()
  for (const { origin, sequence } of entries) reached.set(origin?.logId ?? logId, origin?.sequence ?? sequence)
  return [...reached]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map((place) => place.join('='))
    .join(',')
}

/** All logs that there are, and those that are gone. */
export function factsOf({ all }: Pick<SitesStage, 'all'>, members: readonly Cluster[]): Facts {
  return makeFacts(
    all.flatMap((cluster, site): FoundLog[] => {
      const { logId, entries } = cluster.logServer
      const state = members.includes(cluster) ? 'member' : 'alone'
      const lost = cluster.lost.map((log): FoundLog => {
        return { ...log, state: 'lost', name: `${siteName(site)} with the lost log ${log.logId}` }
      })
      return [{ logId, entries, state, name: siteName(site) }, ...lost]
    }),
  )
}

/** Holds the values of each member's nodes against the newest entries of all members. */
export async function readBack(stage: SitesStage, members: readonly Cluster[]): Promise<void> {
  const { all, clients, world, violation } = stage
  const facts = factsOf(stage, members)
  const byKey = Map.groupBy(
    facts.kept.filter(({ isOvertaken }) => !isOvertaken),
    ({ key }) => key,
  )
  for (const cluster of members) {
    const had = [...cluster.logServer.entries]
    for (const node of remaining(cluster)) {
      if (!(await becomes(world, () => Number(node.applied() ?? 0) >= had.length, applyMs))) {
        violation(`${node.name} has not applied all of its log when all is well`)
      }
      for (const key of clients.keys) {
        const newest = newestOf(byKey.get(key) ?? [])
        const value = await valueAt(node, key)
        if (value === (newest?.value ?? null) || (value === null && newest?.deadline !== undefined)) continue
        // A key may end just now, and the entry that says so be on its way.
        const isOnItsWay = newest?.isExpiry && !had.some((entry) => facts.of(cluster.logServer, entry) === newest)
        if (isOnItsWay && value === ended(byKey.get(key) ?? [])?.value) continue
        const at = `${node.name} of ${siteName(all.indexOf(cluster))}`
        violation(`${at} has ${value} at ${key}, and the newest is ${facts.words(newest)}`)
      }
    }
  }
}

/** The put whose end is a key's newest entry. */
function ended(facts: readonly Fact[]): Fact | undefined {
  return newestOf(facts.filter(({ isExpiry }) => !isExpiry))
}

async function valueAt(node: Node, key: string): Promise<string | null | undefined> {
  const kv = node.server()?.kv
  if (kv === undefined) return undefined
  const found = await kv.get(key)
  return found === undefined ? null : readValue(found.value)
}
