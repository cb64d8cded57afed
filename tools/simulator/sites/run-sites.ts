import { readValue } from '../../drill/workload/value.ts'
import { makeSeededRandom } from '../../lab/seeded-random.ts'
import { checkAcknowledged } from '../../sites-checker/acknowledged.ts'
import { checkCausality } from '../../sites-checker/causality.ts'
import { type Facts, makeFacts, newestOf } from '../../sites-checker/facts.ts'
import { checkLogs } from '../../sites-checker/logs.ts'
import { type Cluster, makeCluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import { makeFaults, remaining } from '../faults.ts'
import type { Node } from '../node.ts'
import type { Plants } from '../plants.ts'
import type { Run } from '../run.ts'
import { endOf, type Schedule, type SitePlan } from '../schedule.ts'
import { type Lane, makeScheduler, type Scheduler } from '../scheduler.ts'
import { becomes, longestMs, type ServingStage, serves } from '../stage.ts'
import { makeTrace, type Trace } from '../trace.ts'
import { checkAvailability } from './availability.ts'
import { makeSessions, type Sessions } from './sessions.ts'
import { makeSiteNetwork } from './site-network.ts'

interface SitesStage extends ServingStage {
  readonly clients: Sessions
}

/** Sites that can all talk have each other's entries by then, in milliseconds. */
const patienceMs = 120_000

/** Runs a schedule of several sites. */
export async function simulateSites(schedule: Schedule, plans: readonly SitePlan[], plants: Plants): Promise<Run> {
  const scheduler = makeScheduler()
  const world = scheduler.lane()
  const violations: string[] = []
  const violation = (sentence: string) => void violations.push(sentence)
  const trace = makeTrace(() => scheduler.now)
  const { clusters, network } = makeClusters({ schedule, plans, scheduler, world, trace, plants, violation })
  let began = 0
  const now = () => scheduler.now - began
  const faults = makeFaults({ clusters, network, lane: world, now, trace })
  const sites = clusters.map(({ nodes }) => nodes)
  const clients = makeSessions({ schedule, sites, lane: world, now, trace })
  const stage: SitesStage = { clusters, clients, world, violation }
  let isOver = false

  async function play(): Promise<void> {
    for (const node of sites.flat()) node.start()
    if (!(await serves(stage)) || !(await follow(stage))) return
    began = scheduler.now
    trace.add('clients', 'begin')
    faults.plan(schedule.faults)
    await Promise.all([clients.run(), wait(world, endOf(schedule))])
    trace.add('clients', 'end; all faults are taken back')
    faults.heal()
    if (!(await serves(stage))) return
    for (let round = 0; round < 2; round++) {
      clients.probe()
      if (!(await converge(stage))) return
      await readBack(stage)
      for (const node of sites.flat()) node.kill()
      for (const node of clusters.flatMap(remaining)) node.start()
      if (!(await serves(stage))) return
    }
    await readBack(stage)
    await converge(stage) // expiries may have landed since
  }

  const playing = play()
    .catch((error) => violation(`the run broke off: ${error instanceof Error ? error.stack : String(error)}`))
    .finally(() => {
      isOver = true
    })
  if (await scheduler.run(() => isOver, longestMs)) await playing
  else violation(`nothing goes on at ${scheduler.now} ms`)

  const { operations } = clients
  const facts = factsOf(clusters)
  const found = [
    ...checkLogs(facts),
    ...checkAcknowledged(operations, facts),
    ...checkCausality(operations, facts),
    ...checkAvailability(operations, schedule),
  ]
  return {
    ...{ schedule, trace, began },
    violations: [...violations, ...found],
    history: { operations, log: [], views: [], faults: faults.told },
    simulatedMs: scheduler.now,
    undecidedKeys: 0,
  }
}

interface ClustersOptions {
  readonly schedule: Schedule
  readonly plans: readonly SitePlan[]
  readonly scheduler: Scheduler
  readonly world: Lane
  readonly trace: Trace
  readonly plants: Plants
  readonly violation: (sentence: string) => void
}

function makeClusters({ plans, ...options }: ClustersOptions) {
  const { schedule, world, trace } = options
  const clusters: Cluster[] = []
  const network = makeSiteNetwork({
    ...{ nodesOf: (site) => clusters[site]?.nodes ?? [], sites: plans.length, lane: world, trace },
    ...{ random: makeSeededRandom(schedule.seed, 'between sites'), meanMs: schedule.latency.between ?? 1 },
  })
  let firstNode = 0
  for (const [number, { nodes, clock }] of plans.entries()) {
    clusters.push(makeCluster({ ...options, site: { number, firstNode, nodes, clock, network } }))
    firstNode += nodes
  }
  return { clusters, network }
}

/** Whether every site comes to follow every other one; that one does not is a violation. */
async function follow({ clusters, world, violation }: SitesStage): Promise<boolean> {
  const followed = ({ nodes }: Cluster) =>
    nodes.flatMap((node) => node.status()?.sites?.peers ?? []).filter(({ state }) => state === 'following')
  const isDone = () => clusters.every((cluster) => followed(cluster).length === clusters.length - 1)
  if (await becomes(world, isDone, patienceMs)) return true
  violation(`after ${patienceMs / 1000} s not every site follows every other one`)
  return false
}

/** Whether the logs come to have the same entries; that they do not is a violation. */
async function converge({ clusters, clients, world, violation }: SitesStage): Promise<boolean> {
  const ownOf = ({ logServer }: Cluster) => logServer.entries.filter(({ origin }) => origin === undefined).length
  const isDone = () => {
    const all = clusters.reduce((sum, cluster) => sum + ownOf(cluster), 0)
    return clients.isQuiet && clusters.every(({ logServer }) => logServer.entries.length >= all)
  }
  if (await becomes(world, isDone, patienceMs)) return true
  const lengths = clusters.map((cluster) => `${ownOf(cluster)} of ${cluster.logServer.entries.length}`)
  violation(`after ${patienceMs / 1000} s the sites have not converged: their own entries are ${lengths.join(', ')}`)
  return false
}

function factsOf(clusters: readonly Cluster[]): Facts {
  return makeFacts(clusters.map(({ logServer }) => ({ logId: logServer.logId, entries: logServer.entries })))
}

/** How long a node may take to apply what its log has, in milliseconds. */
const applyMs = 10_000

/** Holds each node's values against the newest entries of all logs. */
async function readBack({ clusters, clients, world, violation }: SitesStage): Promise<void> {
  const facts = factsOf(clusters)
  const byKey = Map.groupBy(
    facts.all.filter(({ isOvertaken }) => !isOvertaken),
    ({ key }) => key,
  )
  for (const [site, cluster] of clusters.entries()) {
    const length = cluster.logServer.entries.length
    for (const node of remaining(cluster)) {
      if (!(await becomes(world, () => Number(node.applied() ?? 0) >= length, applyMs))) {
        violation(`${node.name} has not applied all of its log when all is well`)
      }
      for (const key of clients.keys) {
        const newest = newestOf(byKey.get(key) ?? [])
        const value = await valueAt(node, key)
        if (value === (newest?.value ?? null) || (value === null && newest?.deadline !== undefined)) continue
        violation(`${node.name} of site ${site + 1} has ${value} at ${key}, and the newest is ${facts.words(newest)}`)
      }
    }
  }
}

async function valueAt(node: Node, key: string): Promise<string | null | undefined> {
  const kv = node.server()?.kv
  if (kv === undefined) return undefined
  const found = await kv.get(key)
  return found === undefined ? null : readValue(found.value)
}
