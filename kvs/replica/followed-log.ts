import type { HeldPuts } from '../core/held-put.ts'
import type { Position } from '../core/position.ts'
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
  /**
   * Rank of the newest entry of a key, a delete as well. Undefined where there is none, or where the log is no site.
   */
  rankOf(key: string): Rank | undefined
  /** What the view has of each origin. */
  seen(): Position
  /** The keys that the view has by now. */
  puts(): HeldPuts
  /** As `Slices.run`. */
  inSlices(work: Iterator<unknown>): Promise<void>
  /** The log server's clock, in milliseconds since 1970; 0 before it is known. */
  now(): number
}

export function makeFollowedLog(
  mirror: Mirror,
  log: Pick<Log, 'now'>,
  { requireReadable, waitFor, inSlices }: Pick<FollowedLog, 'requireReadable' | 'waitFor' | 'inSlices'>,
): FollowedLog {
  return {
    requireReadable,
    waitFor,
    inSlices,
    logId: () => mirror.logId ?? '',
    sequence: () => mirror.view.position.sequence,
    // The mirror makes another view once it knows the log.
    rankOf: (key) => mirror.view.rankOf(key),
    seen: () => mirror.view.seen,
    puts: () => mirror.view,
    now: () => log.now() ?? 0,
  }
}
