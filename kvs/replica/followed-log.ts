import type { AppliedReader } from '../core/applied-reader.ts'
import type { Found } from '../core/entry.ts'
import type { HeldPuts } from '../core/held-put.ts'
import type { LastSeen, Position } from '../core/position.ts'
import type { Rank } from '../core/rank.ts'
import type { LandedBatch, Log } from '../log/index.ts'
import type { Mirror } from './mirror.ts'

/** The deletes that the view remembers, of keys without a value. In a log that is no site's there are none. */
export interface RememberedDeletes {
  readonly count: number
  /** As `Forgetting.through`; 0 where the log is no site's. */
  readonly forgotten: number
  /** The highest stamp of all entries applied. */
  readonly highestStamp: number
  /** As `Forgetting.forget`. Their memory is freed in slices, beside everything else. */
  forget(through: number): void
  /** As `Forgetting.remember`. */
  remember(key: string, rank: Rank): void
}

/** How far a node has applied its own log. */
export interface FollowedLog {
  /** @throws KvsError not_ready before the log is replayed, and once it has diverged */
  requireReadable(): void
  /** Id of the log; empty before it is known. */
  logId(): string
  /** Why the log took no writes of this node when it was last asked to; undefined where it is not known to. */
  noWritesReason(): string | undefined
  /** As `Kv.waitFor`. */
  waitFor(position: Position): Promise<void>
  /** As `Kv.waitForHead`, and also while the spool is on its way to the log. */
  waitForHead(): Promise<void>
  /** Sequence of the last entry applied, where a batch ends. */
  sequence(): bigint
  /**
   * Rank of the newest entry of a key, a delete as well. Undefined where there is none, where it is forgotten, or where
   * the log is no site.
   */
  rankOf(key: string): Rank | undefined
  /** What the view has of each origin. */
  seen(): Position
  /** As `View.lastOf`. */
  lastOf(logId: string): LastSeen
  /** Number of the node's session with its log: higher after each reconnect. */
  session(): number
  /** Reads what is applied from now on. */
  readApplied(): AppliedReader
  /** As `Rounds.requestTail`. */
  requestTail(): void
  /** As `Mirror.noteLanded`, and `requestTail`. */
  noteLanded(batch: LandedBatch): void
  /** The keys that the view has by now. */
  puts(): HeldPuts
  /** The value that a key has by the entries applied, whoever owns it, and also past its deadline. */
  heldValue(key: string): Found | undefined
  /** As `Slices.run`. */
  inSlices(work: Iterator<unknown>): Promise<void>
  /** Keys of the writes that this node has in its spool, a key once or more often: they are still to land. */
  spooledKeys(): Iterable<string>
  deletes(): RememberedDeletes
  /** The log server's clock, in milliseconds since 1970; 0 before it is known. */
  now(): number
}

/** What is told of the node itself, not of its mirror. */
type NodeParts = Pick<
  FollowedLog,
  'requireReadable' | 'noWritesReason' | 'waitFor' | 'waitForHead' | 'inSlices' | 'requestTail' | 'spooledKeys'
>

export function makeFollowedLog(mirror: Mirror, log: Pick<Log, 'now'>, node: NodeParts): FollowedLog {
  const deletes = rememberedDeletes(mirror, node.inSlices)
  return {
    deletes: () => deletes,
    ...node,
    logId: () => mirror.logId ?? '',
    sequence: () => mirror.view.position.sequence,
    // The mirror makes another view once it knows the log.
    rankOf: (key) => mirror.view.rankOf(key),
    seen: () => mirror.view.seen,
    lastOf: (logId) => mirror.view.lastOf(logId),
    session: () => mirror.sessions,
    readApplied: () => mirror.applied.follow(mirror.view.position.sequence),
    noteLanded(batch) {
      mirror.noteLanded(batch)
      node.requestTail()
    },
    puts: () => mirror.view,
    heldValue: (key) => mirror.view.get(key),
    now: () => log.now() ?? 0,
  }
}

function rememberedDeletes(mirror: Mirror, inSlices: FollowedLog['inSlices']): RememberedDeletes {
  const forgetting = () => mirror.view.forgetting
  let isSweeping = false
  /** Whether more is to be swept than the sweep under way has met. */
  let isDue = false

  async function sweep(): Promise<void> {
    isSweeping = true
    while (isDue) {
      isDue = false
      const steps = forgetting()?.sweep()
      if (steps !== undefined) await inSlices(steps)
    }
    isSweeping = false
  }

  return {
    get count() {
      return mirror.view.tombstones
    },
    get forgotten() {
      return forgetting()?.through ?? 0
    },
    get highestStamp() {
      return mirror.view.seen.stamp
    },
    forget(through) {
      isDue ||= through > (forgetting()?.through ?? 0)
      forgetting()?.forget(through)
      // It ends with the node.
      if (isDue && !isSweeping) sweep().catch(() => undefined)
    },
    remember: (key, rank) => forgetting()?.remember(key, rank),
  }
}
