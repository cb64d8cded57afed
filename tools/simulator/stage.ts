import type { Clients } from './clients.ts'
import type { Cluster } from './cluster.ts'
import { wait } from './disk.ts'
import { remaining } from './faults.ts'
import type { Listers } from './listers.ts'
import type { Node } from './node.ts'
import type { Schedule } from './schedule.ts'
import type { Lane, Scheduler } from './scheduler.ts'
import type { Tellers } from './tellers.ts'

/** What is waited for. */
export interface ServingStage {
  /** One of each site; else the only one. */
  readonly clusters: readonly Cluster[]
  readonly clients: Pick<Clients, 'isQuiet' | 'probe'>
  readonly world: Lane
  readonly violation: (sentence: string) => void
}

/** What the phases of a run share. */
export interface Stage extends ServingStage {
  readonly schedule: Schedule
  readonly cluster: Cluster
  readonly clients: Clients
  readonly listers: Listers
  readonly tellers: Tellers
}

/** No run takes longer in virtual time, in milliseconds. */
const longestMs = 3_600_000
/** A node that is not well again after this, with all faults taken back, is stuck. */
const patienceMs = 180_000
/** A start is over by then. */
const quietSeconds = 10
/**
 * Whether every node comes to serve with nothing in any spool; that one does not is a violation. Where that takes long,
 * the nodes are given something to write: one that the log has refused learns only so that this is over.
 */
export async function serves(stage: ServingStage): Promise<boolean> {
  const { clusters, clients, world, violation } = stage
  const left = clusters.flatMap(remaining)
  const orphans = clusters.flatMap((cluster) => cluster.orphans)
  const isWell = (node: Node) => {
    const status = node.status()
    return status?.state === 'serving' && status.spool.writes === 0
  }
  const isDone = () => clients.isQuiet && left.every(isWell) && orphans.every(({ writes }) => writes === 0)
  for (let seconds = 0; seconds < patienceMs / 1000; seconds++) {
    if (await becomes(world, isDone, 1000)) return true
    if (seconds >= quietSeconds) clients.probe()
  }
  const after = `${patienceMs / 1000} s after the last fault`
  for (const node of left.filter((node) => !isWell(node))) {
    const { state = 'not running', reason = null, spool } = node.status() ?? {}
    violation(`${after} ${node.name} is ${state} (${reason}), and its spool has ${spool?.writes ?? 'unknown'} writes`)
  }
  const orphaned = orphans.reduce((sum, { writes }) => sum + writes, 0)
  if (orphaned > 0) violation(`${after} nobody has taken over ${orphaned} writes of nodes that are gone`)
  return false
}

/** Runs the phases to their end, on virtual time. What breaks them off is a violation, as is that nothing goes on. */
export async function playOut(
  scheduler: Scheduler,
  play: () => Promise<void>,
  violation: (sentence: string) => void,
): Promise<void> {
  let isOver = false
  const playing = play()
    .catch((error) => violation(`the run broke off: ${error instanceof Error ? error.stack : String(error)}`))
    .finally(() => {
      isOver = true
    })
  if (await scheduler.run(() => isOver, longestMs)) await playing
  else violation(`nothing goes on at ${scheduler.now} ms`)
}

/** Looks until the condition holds, or the time is over. */
export async function becomes(world: Lane, condition: () => boolean, boundMs: number): Promise<boolean> {
  const everyMs = 50
  for (let waited = 0; !condition(); waited += everyMs) {
    if (waited >= boundMs) return false
    await wait(world, everyMs)
  }
  return true
}
