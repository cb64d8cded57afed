/** Path at which another site asks how far this one's log has its entries. */
export const copiesPath = '/sites/copies'

/** Through which of a log's own entries another log has all of them. */
export interface LogCopy {
  /** Id of the log that has them. */
  readonly holder: string
  /** Sequence in the log that they were first written in; 0n where it has none. */
  readonly sequence: bigint
  /** Stamp of the entry there, by which both logs see that they have the same one; undefined where it is not known. */
  readonly stamp: number | undefined
}

/** What a site asks for: all of the log's own entries through this one. */
export interface AskedCopy {
  /** Id of the log that they were first written in. */
  readonly log: string
  readonly sequence: bigint
}

/** Writes that wait until the logs of several sites have them. */
export interface Copies {
  /** How many logs are to have a write, this site's own included; at least 2. */
  readonly wanted: number
  /**
   * Waits until as many logs have an entry that this site's log has committed, until no more logs can come to have it,
   * or until the time of a write is over.
   * @param elapsedMs how much of that time is over already, in milliseconds
   */
  wait(sequence: bigint, elapsedMs: number): CopyWait
}

export interface CopyWait {
  /** Resolves with the number of logs that are known to have the entry, 1 for this site's alone. Never rejects. */
  readonly done: Promise<number>
  /** Nobody wants to know any more: resolves `done` at once. Does nothing where it has resolved. */
  cancel(): void
}
