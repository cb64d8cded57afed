import { type Position, sequenceIn } from '../core/position.ts'
import type { Rank } from '../core/rank.ts'
import type { Log } from '../log/index.ts'
import type { Mirror } from './mirror.ts'

/** How far a node has applied its own log. */
export interface FollowedLog {
  /** @throws KvsError not_ready before the log is replayed, and once it has diverged */
  requireReadable(): void
  /** Id of the log; empty before it is known. */
  logId(): string
  /** As `Kv.waitFor`. */
  waitFor(position: Position): Promise<void>
  /** Sequence of the last entry applied, where a batch ends. */
  sequence(): bigint
  /** The view has all of a log's own entries through this sequence; 0n where it has none of them. */
  seen(logId: string): bigint
  /**
   * Rank of the newest entry of a key, a delete as well. Undefined where there is none, or where the log is no site.
   */
  rankOf(key: string): Rank | undefined
  /** The log server's clock, in milliseconds since 1970; 0 before it is known. */
  now(): number
}

export function makeFollowedLog(
  mirror: Mirror,
  log: Pick<Log, 'now'>,
  { requireReadable, waitFor }: Pick<FollowedLog, 'requireReadable' | 'waitFor'>,
): FollowedLog {
  return {
    requireReadable,
    waitFor,
    logId: () => mirror.logId ?? '',
    sequence: () => mirror.view.position.sequence,
    seen: (logId) => sequenceIn(mirror.view.seen, logId),
    // The mirror makes another view once it knows the log.
    rankOf: (key) => mirror.view.rankOf(key),
    now: () => log.now() ?? 0,
  }
}
