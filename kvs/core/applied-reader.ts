import type { Entry } from './entry.ts'

/** Reads what a node's view applies, as it applies it, in the place of reading the same from the log a moment later. */
export interface AppliedReader {
  /**
   * Returns the entries after one sequence through another, in the order of the log, and holds none of them any more.
   * Undefined where it does not hold all of them: more came than it holds at a time, or they were applied before it
   * was made.
   * @param after a sequence at which a batch ends, as is `through`
   */
  take(after: bigint, through: bigint): readonly Entry[] | undefined
  /** Nothing is held any more. */
  close(): void
}
