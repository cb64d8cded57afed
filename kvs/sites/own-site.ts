import type { AppliedReader } from '../core/applied-reader.ts'
import type { HeldPuts } from '../core/held-put.ts'
import type { LastSeen, Position } from '../core/position.ts'
import type { Rank } from '../core/rank.ts'
import type { LandedBatch } from '../log/index.ts'

/** The deletes that a view remembers, of keys without a value. */
export interface RememberedDeletes {
  readonly count: number
  /** Deletes with a stamp through this one are forgotten; 0 where all are remembered. */
  readonly forgotten: number
  /** The highest stamp that the view has applied. */
  readonly highestStamp: number
  /** Sets `forgotten`. From now on `rankOf` shows none of those; their memory is freed beside all else. */
  forget(through: number): void
  /** Has a delete be remembered again, where the key has neither a value nor a newer delete. */
  remember(key: string, rank: Rank): void
}

/** What the streams between sites ask of this node: how far it has applied its own site's log. */
export interface OwnSite {
  /** @throws KvsError not_ready before the log is replayed, or once it has diverged */
  requireReadable(): void
  /** Id of the site's log; empty before it is known. */
  logId(): string
  /** As `Kv.waitFor`. */
  waitFor(position: Position): Promise<void>
  /** Sequence of the last entry applied, where a batch ends. */
  sequence(): bigint
  /** Calls `listener` whenever that has risen, until the returned function is called. */
  onAdvance(listener: () => void): () => void
  /** Rank of the newest entry of a key, a delete as well; undefined where there is none, and where it is forgotten. */
  rankOf(key: string): Rank | undefined
  /** What the view has of each origin, where a batch ends. */
  seen(): Position
  /** The last entry that the view has of another log, where a batch ends. That of its own log has no stamp. */
  lastOf(logId: string): LastSeen
  /** Number of the node's session with its log. It rises with each reconnect: the log may have gone back meanwhile. */
  session(): number
  /** Reads what the view applies from now on. */
  readApplied(): AppliedReader
  /** Has the view go on with the log, of which this node has just appended more. */
  requestTail(): void
  /** The same, for a batch that the view need not read where it comes next. */
  noteLanded(batch: LandedBatch): void
  /** The keys that the view has by now. */
  puts(): HeldPuts
  /**
   * Does long work step by step, in slices so short that nothing else waits for long. Rejects with what a step throws,
   * and where the node stops.
   */
  inSlices(work: Iterator<unknown>): Promise<void>
  deletes(): RememberedDeletes
  /** The log server's clock, in milliseconds since 1970; 0 before it is known. */
  now(): number
}
