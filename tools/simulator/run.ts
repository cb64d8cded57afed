import type { StoredEntry } from '../../kvs/log/memory/index.ts'
import { checkHistory } from '../drill/checker/check.ts'
import { type History, isOfTransfers, kindOfEntry, type LogEntry } from '../drill/history.ts'
import { readValue } from '../drill/workload/value.ts'
import { makeClients } from './clients.ts'
import { makeCluster } from './cluster.ts'
import { wait } from './disk.ts'
import { makeFaults, remaining } from './faults.ts'
import { makeListers } from './listers.ts'
import type { Node } from './node.ts'
import type { Plants } from './plants.ts'
import { makeKvRequester } from './requester.ts'
import { restoreOlder } from './restore.ts'
import { simulateRing } from './ring/run-ring.ts'
import { endOf, type Schedule } from './schedule.ts'
import { makeScheduler } from './scheduler.ts'
import { simulateSites } from './sites/run-sites.ts'
import { playOut, type Stage, serves } from './stage.ts'
import { makeTellers } from './tellers.ts'
import { makeTrace, type Trace } from './trace.ts'

/** What came of a schedule. */
export interface Run {
  readonly schedule: Schedule
  /** A sentence for each thing that must not be; empty where all is as promised. */
  readonly violations: readonly string[]
  readonly history: History
  readonly trace: Trace
  /** How long it took in virtual time. */
  readonly simulatedMs: number
  /** When the clients began, in virtual milliseconds. */
  readonly began: number
  /** How many keys the checker had to give up on. */
  readonly undecidedKeys: number
}

/** The search for a linearization gives up sooner than in a drill. */
const maxTries = 20_000

/** Runs a schedule. The same schedule runs the same way each time. */
export function simulate(schedule: Schedule, plants: Plants = {}): Promise<Run> {
  if (schedule.ring !== undefined) return simulateRing(schedule, schedule.ring, plants)
  return schedule.sites === undefined
    ? simulateOneLog(schedule, plants)
    : simulateSites(schedule, schedule.sites, plants)
}

async function simulateOneLog(schedule: Schedule, plants: Plants): Promise<Run> {
  const scheduler = makeScheduler()
  const world = scheduler.lane()
  const violations: string[] = []
  const violation = (sentence: string) => void violations.push(sentence)
  const trace = makeTrace(() => scheduler.now)
  const cluster = makeCluster({ schedule, scheduler, world, trace, plants, violation })
  let began = 0
  const now = () => scheduler.now - began
  const faults = makeFaults({ clusters: [cluster], lane: world, now, trace })
  const clients = makeClients({ schedule, nodes: cluster.nodes, lane: world, now, trace })
  const { nodes } = cluster
  const tellers = makeTellers({ schedule, nodes, lane: world, now, trace })
  const keys = [...clients.keys, ...tellers.keys]
  const listers = makeListers({ schedule, nodes, keys, lane: world, now, trace, violation })
  const stage: Stage = { schedule, cluster, clusters: [cluster], clients, listers, tellers, world, violation }
  let views: History['views'] = []

  async function play(): Promise<void> {
    for (const node of cluster.nodes) node.start()
    if (!(await serves(stage))) return
    began = scheduler.now
    trace.add('clients', 'begin')
    faults.plan(schedule.faults)
    listers.plan()
    await Promise.all([clients.run(), tellers.run(), wait(world, endOf(schedule))])
    trace.add('clients', 'end; all faults are taken back')
    faults.heal()
    if (!(await serves(stage))) return
    await restoreOlder(stage)
    views = await readBack(stage)
  }

  await playOut(scheduler, play, violation)

  const history: History = {
    operations: clients.operations,
    log: cluster.logServer.entries.map(toLogEntry),
    views,
    faults: faults.told,
    transfers: tellers.transfers,
    balances: tellers.balances,
    serverClock: cluster.logClock.settings.map(({ from, ahead }) => ({ from: from - began, ahead: ahead + began })),
  }
  const { found, undecidedKeys } = judge(history, schedule)
  return {
    schedule,
    violations: [...violations, ...listers.check(history.log), ...found],
    history,
    trace,
    simulatedMs: scheduler.now,
    began,
    undecidedKeys,
  }
}

function judge(history: History, { nodes }: Schedule) {
  const verdict = checkHistory(history, { severalNodes: nodes > 1, maxTries })
  const isUndecided = (sentence: string) => sentence.includes(': gave up after ')
  return {
    found: verdict.violations.filter((sentence) => !isUndecided(sentence)),
    undecidedKeys: verdict.violations.filter(isUndecided).length,
  }
}

/**
 * Each node's view, and each one's again after a SIGKILL to all of them. Before that they are killed once more: what a
 * failing disk has left in a spool, although the node did not believe so, lands then.
 */
async function readBack(stage: Stage): Promise<History['views']> {
  const { keys } = stage.clients
  const nodes = remaining(stage.cluster)
  const views: History['views'][number][] = []
  for (const node of nodes) node.kill()
  for (const node of nodes) node.start()
  if (!(await serves(stage))) return views
  for (const node of nodes) views.push(await readView(stage, node, keys))
  for (const node of nodes) {
    await stage.listers.listAll(node)
    await stage.tellers.list(node)
  }
  for (const node of nodes) node.kill()
  for (const node of nodes) node.start()
  if (!(await serves(stage))) return views
  for (const node of nodes) views.push(await readView(stage, node, keys))
  return views
}

async function readView({ world, violation }: Stage, node: Node, keys: readonly string[]) {
  const requester = makeKvRequester({ server: node.server, lane: world, delay: () => 0.1, timeoutMs: 15_000 })
  const view: Record<string, string | null> = {}
  for (const key of keys) {
    const { outcome, status, error, value = null } = await requester.get(key, { isConsistent: true })
    if (outcome === 'failed') violation(`${node.name} answers ${status || error} for ${key} when all is well`)
    view[key] = outcome === 'torn' ? 'torn bytes' : value
  }
  return view
}

function toLogEntry(entry: StoredEntry): LogEntry {
  const { sequence, eventType, key, value, superseded, writer, deadline, recordedAt } = entry
  return {
    ...{ sequence: Number(sequence), kind: kindOfEntry(eventType), key, superseded, recordedAt },
    ...{
      value: value && (isOfTransfers(key) ? value.toString() : readValue(value)),
      ...(writer !== undefined && { writer }),
    },
    ...(deadline !== undefined && { deadline }),
  }
}
