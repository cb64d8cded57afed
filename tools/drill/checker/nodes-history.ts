import type { LogEntry, Operation } from '../history.ts'
import type { LogIndex } from './log-index.ts'

/** What the checks of several nodes share. */
export interface NodesHistory {
  readonly operations: readonly Operation[]
  readonly log: readonly LogEntry[]
  readonly index: LogIndex
  /** The puts, by value. */
  readonly puts: ReadonlyMap<string, Operation>
  /** How far the log was known to be by some time, from any answer of any node. */
  readonly floor: (time: number) => number
  /** How far a node was known to be by some time, from its own answers. */
  readonly floorOf: (node: string | undefined, time: number) => number
  /** What a node's entries have as their writer; undefined where that is not known. */
  readonly writerOf: (node: string | undefined) => number | undefined
  readonly report: (operation: Operation, sentence: string) => void
}

/** Whether the answer is one of a state that the node has gone through: what was asked for, or a condition that failed. */
export const isAnswered = ({ outcome, status }: Operation) => outcome === 'ok' || status === 412
