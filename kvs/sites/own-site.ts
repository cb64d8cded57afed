import type { Position } from '../core/position.ts'
import type { Rank } from '../core/rank.ts'

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
  /** The view has all of a log's own entries through this sequence; 0n where it has none of them. */
  seen(logId: string): bigint
  /** Rank of the newest entry of a key, a delete as well; undefined where there is none. */
  rankOf(key: string): Rank | undefined
  /** The log server's clock, in milliseconds since 1970; 0 before it is known. */
  now(): number
}
