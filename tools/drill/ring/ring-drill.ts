import type { Script } from '../script.ts'
import type { RingOperator } from './ring-operator.ts'
import type { RingStack } from './ring-stack.ts'
import type { RingWorkload } from './ring-workload.ts'

/** A scripted fault of a ring; the runner brings stack, clients and ring, and has all held against the logs. */
export interface RingDrill {
  readonly name: string
  /** What the drill does, in one sentence. */
  readonly sentence: string
  /** How many keys there are beside those that clients write, so that a change takes its time. */
  readonly bulk: number
  /** Longest time in which a key may be without an answer, in seconds; undefined where processes are killed. */
  readonly longestWait?: number
  /** Changes the ring, and injects a fault meanwhile; called again and again until the time is over. */
  fault(context: RingContext): Promise<void>
}

/** What a drill's script works with. */
export interface RingContext extends Script {
  readonly stack: RingStack
  readonly workload: RingWorkload
  readonly operator: RingOperator
  /** Whether it is a violation that something takes too long, though it is well. */
  readonly isTimed: boolean
  /** What was done so far. */
  readonly counts: RingCounts
}

export interface RingCounts {
  /** How long changes took that nothing happened to, in milliseconds. */
  readonly spans: number[]
  kills: number
  /** Of these, how many came while a change was under way, as a node said right before. */
  whileMoving: number
  /** Longest time from when all ran again to when the ring was settled, in seconds. */
  slowest: number
}
