import { makeSeededRandom } from '../../lab/seeded-random.ts'
import { checkAcknowledged } from '../../sites-checker/acknowledged.ts'
import { checkCausality } from '../../sites-checker/causality.ts'
import { checkCopies } from '../../sites-checker/copies.ts'
import { checkLogs } from '../../sites-checker/logs.ts'
import { type Cluster, makeCluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import { installed, makeFaults, remaining } from '../faults.ts'
import type { Plants } from '../plants.ts'
import type { Run } from '../run.ts'
import { endOf, type Schedule, type SitePlan } from '../schedule.ts'
import { type Lane, makeScheduler, type Scheduler } from '../scheduler.ts'
import { playOut, serves } from '../stage.ts'
import { makeTrace, type Trace } from '../trace.ts'
import { checkAvailability, checkRemovals } from './availability.ts'
import { agree, converge, factsOf, follow, readBack, type SitesStage } from './convergence.ts'
import { makeOperator, membersOf } from './operator.ts'
import { makeSessions } from './sessions.ts'
import { makeSiteNetwork } from './site-network.ts'
import { goBack } from './went-back.ts'

/** Runs a schedule of several sites. */
export async function simulateSites(schedule: Schedule, plans: readonly SitePlan[], plants: Plants): Promise<Run> {
  const scheduler = makeScheduler()
  const world = scheduler.lane()
  const violations: string[] = []
  const violation = (sentence: string) => void violations.push(sentence)
  const trace = makeTrace(() => scheduler.now)
  const { clusters: all, network } = makeClusters({ schedule, plans, scheduler, world, trace, plants, violation })
  let began = 0
  const now = () => scheduler.now - began
  const operator = makeOperator({ clusters: all, lane: world, now, trace, violation })
  const faults = makeFaults({ clusters: all, network, change: operator.change, lane: world, now, trace })
  const clients = makeSessions({ schedule, clusters: all, lane: world, now, trace })
  const stage: SitesStage = {
    ...{ all, clients, operator, world, violation },
    get clusters() {
      return installed(all)
    },
  }

  async function play(): Promise<void> {
    for (const node of stage.clusters.flatMap(({ nodes }) => nodes)) node.start()
    if (!(await serves(stage)) || !(await follow(stage))) return
    began = scheduler.now
    trace.add('clients', 'begin')
    faults.plan(schedule.faults)
    await Promise.all([clients.run(), wait(world, endOf(schedule))])
    trace.add('clients', 'end; all faults are taken back')
    faults.heal()
    await settle(stage, schedule)
  }

  await playOut(scheduler, play, violation)

  const { operations } = clients
  const facts = factsOf(stage, membersOf(all).members)
  const found = [
    ...checkLogs(facts),
    ...checkAcknowledged(operations, facts),
    ...checkCausality(operations, facts),
    ...checkCopies(operations),
    ...checkAvailability(operations, schedule, facts),
    ...checkRemovals(operations, operator.removals, facts),
    ...checkComparisons(trace),
  ]
  return {
    ...{ schedule, trace, began },
    violations: [...violations, ...found],
    history: { operations, log: [], views: [], faults: faults.told },
    simulatedMs: scheduler.now,
    undecidedKeys: 0,
  }
}

/** Sites differ for a time, and no comparison takes that for more. */
function checkComparisons({ lines }: Trace): string[] {
  return lines.filter(({ what }) => what.includes('have different values of')).map(({ who, what }) => `${who}: ${what}`)
}

/** All is well, and has to come to be the same at all members: twice, and once more where a log goes back. */
async function settle(stage: SitesStage, schedule: Schedule): Promise<void> {
  if (!(await serves(stage))) return
  for (let round = 0; round < 2; round++) {
    stage.clients.probe()
    const members = await agree(stage)
    if (!members || !(await converge(stage, members))) return
    await readBack(stage, members)
    for (const node of stage.clusters.flatMap(({ nodes }) => nodes)) node.kill()
    for (const node of stage.clusters.flatMap(remaining)) node.start()
    if (!(await serves(stage))) return
  }
  const back = schedule.faults.find(({ kind }) => kind === 'log goes back')
  const restored = back?.kind === 'log goes back' ? stage.all[back.site ?? 0] : undefined
  if (back?.kind === 'log goes back' && restored) {
    const members = await agree(stage)
    if (!members || !(await converge(stage, members))) return
    await goBack(stage, members, restored, back.entries)
    if (!(await serves(stage))) return
    stage.clients.probe()
    if (!(await converge(stage, members))) return
  }
  const members = await agree(stage)
  if (!members) return
  await readBack(stage, members)
  await converge(stage, members) // expiries may have landed since
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
    ...{ nodesOf: (site) => clusters[site]?.nodes ?? [], sites: plans, lane: world, trace },
    ...{ random: makeSeededRandom(schedule.seed, 'between sites'), meanMs: schedule.latency.between ?? 1 },
  })
  let firstNode = 0
  for (const [number, { nodes, clock, isLate = false }] of plans.entries()) {
    clusters.push(makeCluster({ ...options, site: { number, firstNode, nodes, clock, isLate, network } }))
    firstNode += nodes
  }
  return { clusters, network }
}
