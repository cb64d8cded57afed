import type { LogEntry, Operation } from '../history.ts'
import type { Lifetimes } from './lifetimes.ts'
import type { LogIndex } from './log-index.ts'

/** Indexes that the checks of several nodes share. */
export interface NodesHistory {
  readonly operations: readonly Operation[]
  readonly log: readonly LogEntry[]
  readonly index: LogIndex
  readonly lifetimes: Lifetimes
  /** All puts by value. */
  readonly puts: ReadonlyMap<string, Operation>
  /** Highest position that any node had told by a time. */
  readonly floor: (time: number) => number
  /** Highest position that a node had told of itself by a time. */
  readonly floorOf: (node: string | undefined, time: number) => number
  /** Writer number of a node's entries; undefined if unknown. */
  readonly writerOf: (node: string | undefined) => number | undefined
  readonly report: (operation: Operation, sentence: string) => void
}

/** Tells whether the answer shows a state of the node: a success, or a failed precondition. */
export const isAnswered = ({ outcome, status }: Operation) => outcome === 'ok' || status === 412
