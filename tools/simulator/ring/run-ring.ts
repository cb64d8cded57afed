import { makeSeededRandom } from '../../lab/seeded-random.ts'
import { type Cluster, makeCluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import { makeFaults, remaining } from '../faults.ts'
import type { Node } from '../node.ts'
import type { Plants } from '../plants.ts'
import type { Run } from '../run.ts'
import { endOf, memberName, type Schedule } from '../schedule.ts'
import { type Lane, makeScheduler, type Scheduler } from '../scheduler.ts'
import { playOut, serves } from '../stage.ts'
import { makeTrace, type Trace } from '../trace.ts'
import { checkMoves } from './check-moves.ts'
import { checkOnce } from './check-once.ts'
import { checkReads } from './check-reads.ts'
import type { Commit } from './commit.ts'
import { makeLostMembers } from './lost-member.ts'
import { isInRing, makeRingClients } from './ring-clients.ts'
import { makeRingNetwork, type RingNetwork } from './ring-network.ts'
import { makeRingOperator } from './ring-operator.ts'
import { addressOf, type RingFault, type RingPlan } from './ring-schedule.ts'
import { checkSettled, type RingStage, settles, takesOut } from './settling.ts'

/** Runs a schedule of a ring. */
export async function simulateRing(schedule: Schedule, plan: RingPlan, plants: Plants): Promise<Run> {
  const scheduler = makeScheduler()
  const world = scheduler.lane()
  const violations: string[] = []
  const violation = (sentence: string) => void violations.push(sentence)
  const trace = makeTrace(() => scheduler.now)
  const commits: Commit[] = []
  const parts = { schedule, plan, scheduler, world, trace, plants, violation, commits }
  const { clusters, network } = makeMembers(parts)
  let began = 0
  const now = () => scheduler.now - began
  const nodes = clusters.flatMap((cluster) => cluster.nodes)
  const memberOf = (node: Node) => clusters.findIndex((cluster) => cluster.nodes.includes(node))
  const operator = makeRingOperator({ nodes, lane: world, trace })
  const lost = makeLostMembers({ clusters, operator, lane: world, now: () => scheduler.now })
  const changeRing = (fault: RingFault) => (fault.kind === 'member lost' ? lost.lose(fault) : operator.change(fault))
  const faults = makeFaults({
    ...{ clusters, network, changeRing, placeName: memberName, lane: world, now, trace },
  })
  const clients = makeRingClients({ schedule, nodes, memberOf, network, lane: world, now, trace })
  const stage: RingStage = { clusters, clients, world, violation }

  async function play(): Promise<void> {
    for (const node of nodes) node.start()
    if (!(await serves(stage))) return
    if (!(await operator.form(plan.positions))) return violation('the ring could not be formed')
    began = scheduler.now
    trace.add('clients', 'begin')
    faults.plan(schedule.faults)
    await Promise.all([clients.run(), wait(world, endOf(schedule))])
    trace.add('clients', 'end; all faults are taken back')
    faults.heal()
    if (!(await serves(stage)) || !(await takesOut(stage, lost)) || !(await settles(stage))) return
    // What was late when the faults were taken back may cost a node its log a moment later, but not once it is killed.
    for (let round = 0; round < 2; round++) {
      for (const node of nodes) node.kill()
      for (const node of clusters.flatMap(remaining)) node.start()
      if (!(await serves(stage)) || !(await settles(stage))) return
      await readBack(stage)
    }
    violations.push(...checkSettled(clusters, clients.keys))
  }

  await playOut(scheduler, play, violation)

  const { operations } = clients
  const moves = checkMoves(commits, clusters, lost.lostAt)
  const isKept = ({ key }: { readonly key: string }) => !moves.lostKeys.has(key)
  const addresses = new Set([...lost.lostAt.keys()].map(addressOf))
  const once = checkOnce(operations, commits, { keys: moves.lostKeys, addresses })
  const reads = checkReads(operations.filter(isKept), (address) => plan.members[numberOf(plan, address)]?.nodes === 1)
  const found = [...moves.violations, ...once, ...reads.violations]
  return {
    ...{ schedule, trace, began },
    violations: [...violations, ...found],
    history: { operations, log: [], views: [], faults: faults.told },
    simulatedMs: scheduler.now,
    undecidedKeys: reads.undecidedKeys,
  }
}

const numberOf = ({ members }: RingPlan, address: string) =>
  members.findIndex((_, index) => addressOf(index) === address)

/** Each node answers for each key, whoever has it. */
async function readBack({ clusters, clients, violation }: RingStage): Promise<void> {
  for (const node of clusters.flatMap(({ nodes }) => nodes)) {
    // One that was never in the ring has all keys to itself.
    if (!isInRing(node)) continue
    for (const key of clients.keys) {
      const { outcome, status, error } = await clients.readBack(node, key)
      if (outcome === 'failed') violation(`${node.name} answers ${status || error} for ${key} when all is well`)
    }
  }
}

interface MembersOptions {
  readonly schedule: Schedule
  readonly plan: RingPlan
  readonly scheduler: Scheduler
  readonly world: Lane
  readonly trace: Trace
  readonly plants: Plants
  readonly violation: (sentence: string) => void
  readonly commits: Commit[]
}

function makeMembers({ plan, commits, ...options }: MembersOptions) {
  const { schedule, scheduler, world, violation } = options
  const clusters: Cluster[] = []
  const network: RingNetwork = makeRingNetwork({
    ...{ nodesOf: (member) => clusters[member]?.nodes ?? [], members: plan.members.length, lane: world, violation },
    ...{ random: makeSeededRandom(schedule.seed, 'between members'), meanMs: schedule.latency.between ?? 1 },
  })
  let firstNode = 0
  for (const [number, { nodes, clock }] of plan.members.entries()) {
    const onCommitted: (entries: readonly Commit['entry'][]) => void = (entries) =>
      void commits.push(...entries.map((entry) => ({ at: scheduler.now, member: number, entry })))
    clusters.push(makeCluster({ ...options, member: { number, firstNode, nodes, clock, network, onCommitted } }))
    firstNode += nodes
  }
  return { clusters, network }
}
