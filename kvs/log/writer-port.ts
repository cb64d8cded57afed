import type { EarlierVersion } from '../core/earlier-version.ts'
import type { BatchEnd, ForeignEntry, LogPoint, MovedWrite, SpooledWrite, Write } from '../core/entry.ts'
import type { SlotRanges } from '../core/ring/slot-ranges.ts'
import type { Committed, Decided, Verdict } from './log.ts'

/** A batch's place among the writes of its writer. */
export interface Batch {
  readonly writerId: string
  /** Fencing token: the log takes the batch only while this session is the one registered for the writer. */
  readonly session: string
  /**
   * Number of the writer's last write in the log, as the writer knows it. The log refuses the batch where it knows
   * another.
   */
  readonly after: bigint
  /** Number of the batch's last write; always above `after`. */
  readonly last: bigint
}

/**
 * The log's answer to an append. `landed`: committed, up to the entry `end`. `late`: not stored, since its time was
 * over before its turn came. `fenced`: not stored, since another session is registered for the writer. `serverSeconds`
 * is the server's clock.
 */
export type Landing<Otherwise = 'late' | 'fenced'> =
  | { readonly outcome: 'landed'; readonly end: BatchEnd; readonly serverSeconds: number }
  | { readonly outcome: Otherwise; readonly serverSeconds: number }

/** The log's answer to one decision. */
export interface Judgement extends Pick<Verdict, 'outcome' | 'entry' | 'note'> {
  /** The entry of the value that the key had, as it was answered before; undefined for every other outcome. */
  readonly current: LogPoint | undefined
  /** As the `earlier` of that entry. */
  readonly currentEarlier?: EarlierVersion | undefined
}

export interface Registration {
  /** What the writer's entries carry as `writer`. */
  readonly writerNumber: number
  readonly committed: Committed
  /** The server's clock, in seconds. */
  readonly serverSeconds: number
}

/** What the log's storage does for a writer, over one connection. Each append is one atomic statement. */
export interface WriterStatements {
  /** The session that is registered for the writer; undefined where the log does not know the writer. */
  readSession(writerId: string): Promise<string | undefined>
  /**
   * Registers `session` as the only one that may append for the writer, in the place of `replaced` and of no other.
   * Waits for an append of `replaced` that is under way, so the answer is final. Undefined where another session was
   * registered in the meantime. Rejects with `Diverged` where the log gave the writer's number to another writer.
   */
  register(writerId: string, session: string, replaced: string | undefined): Promise<Registration | undefined>
  /** @param landsUntil the log stores nothing from this time on, by the server's clock in seconds */
  append(batch: Batch, writes: readonly Write[], landsUntil: number): Promise<Landing>
  /** @param seen a write whose key has an entry after this sequence is stored as superseded */
  appendSpooled(batch: Batch, writes: readonly SpooledWrite[], seen: bigint): Promise<Landing>
  /**
   * Judges each decision against the entries after `seen`, and stores the writes of those that land.
   * @returns a judgement for each, and the log's end after them, with the time of those that landed; undefined where
   * the session is fenced
   */
  appendConditional(
    batch: Batch,
    decided: readonly Decided[],
    seen: bigint,
  ): Promise<{ readonly judgements: readonly Judgement[]; readonly end: BatchEnd } | undefined>
  /**
   * Appends entries of other logs. `repeated`: one of them is in the log already, comes after a later one of its
   * origin, or is the log's own, and nothing was stored.
   * @param seen sequence through which the caller has ranked the entries; the log ranks them against what came after
   */
  appendForeign(batch: Batch, entries: readonly ForeignEntry[], seen: bigint): Promise<Landing<'repeated' | 'fenced'>>
  /**
   * Appends an entry on the ring. `overtaken`: there is another one after `seen`, or an entry that gave a value to a
   * key of the slots `vacated`, and nothing was stored. Never `unseen`.
   */
  appendRing(batch: Batch, text: string, seen: bigint, vacated: SlotRanges): Promise<Landing<'overtaken' | 'fenced'>>
  /**
   * Appends the entries by which keys move. `overtaken`: the log's newest entry on the ring is not `ringEntry`, and
   * nothing was stored. Never `unseen`.
   */
  appendMoved(batch: Batch, moved: readonly MovedWrite[], ringEntry: bigint): Promise<Landing<'overtaken' | 'fenced'>>
  /** As `LogSession.seeRing`, for the writer's session; does nothing where another one is registered. */
  seeRing(writerId: string, session: string, through: bigint): Promise<void>
  /**
   * What a rejection of the appends above means. `unknown`: the batch may or may not be in the log, or land later. In
   * all other cases nothing was stored: `refused`, for what the batch contains; `down`, the log takes no writes at all
   * now; `broken`, the log is not what appends made of it, and refuses them until somebody mends it;
   * `unseen`, the log has an entry on the ring that the session has not told of.
   */
  failureOf(error: unknown): 'unknown' | 'refused' | 'down' | 'broken' | 'unseen'
}
