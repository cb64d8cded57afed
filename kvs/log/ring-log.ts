import type { BatchEnd, MovedWrite } from '../core/entry.ts'
import type { MovedAnswer, MovedAnswersPage } from '../core/moved-answer.ts'
import type { SlotRanges } from '../core/ring/slot-ranges.ts'
import type { LogReader } from './site-log.ts'

/** What a member of a ring asks of its own log, beside the session of a node. */
export interface RingLog {
  /**
   * Appends an entry of the kind `ring`. On return it is committed and durable, and no session of the log appends any
   * more before it has told that it has seen the entry. Rejects as `Log.open`, and as `LogSession.append`. Not called
   * again before it has settled. The connection is kept for a while: its end is that of the log which it was made to.
   * @param seen sequence that the entry is based on
   * @param vacated slots that the log had, and that the entry gives away: none of their keys may have a value
   * @returns undefined where nothing was stored: there is another entry of the kind after `seen`, or one that gave a
   * value to a key of the slots `vacated`
   */
  append(text: string, seen: bigint, vacated: SlotRanges): Promise<BatchEnd | undefined>
  /**
   * Connects for an append that may be soon, unless a connection is kept from before, which is kept on: keys are
   * without an owner while entries are appended. Never rejects.
   */
  getReady(): void
  /** Ends the connection that is kept, so that the next append goes where new connections lead. */
  disconnect(): void
  /** Connects to read the log for another member. Rejects as `Log.open`. */
  openReader(): Promise<EntryReader>
  /**
   * Connects as the one node of the log that moves keys, until the connection ends: nothing that an earlier one has
   * sent lands from then on. Undefined where another node does so already. Rejects as `Log.open`.
   */
  openMover(): Promise<KeyMover | undefined>
}

export interface EntryReader extends Pick<LogReader, 'logId' | 'lost' | 'askHead' | 'read' | 'close'> {
  /**
   * The answers kept for idempotency keys whose slot is one of these, after a number; 0n is before all. Whoever has
   * read on until a page comes up to no more than it was asked from has all that was answered before it asked for that.
   * Those that were answered before there were slots are not among them. Rejects with `Unavailable`.
   */
  readAnswers(slots: SlotRanges, after: bigint): Promise<MovedAnswersPage>
}

/** Moves keys that this log does not own, or does not yet: clients see none of it. */
export interface KeyMover {
  readonly logId: string
  /** Resolves with the reason when the connection is gone, by close() as well. Never rejects. */
  readonly lost: Promise<Error>
  /**
   * Appends the writes as one batch, in this order. On return they are committed and durable. Rejects with `Undecided`
   * where they may or may not be there, or land later; never after another `openMover` of the log has returned.
   * @param ringEntry sequence of the entry on the ring that the caller goes by
   * @returns undefined where nothing was stored, since the log's newest entry on the ring is another one
   */
  append(moved: readonly MovedWrite[], ringEntry: bigint): Promise<BatchEnd | undefined>
  /**
   * Keeps answers of other logs, in this order: those whose idempotency key has no answer here yet. On return they are
   * durable; they count among the answers that are kept as new ones do. Idempotent: after `Unavailable` they may be
   * there or not, and may be sent again.
   * @param ringEntry as for `append`
   * @returns false where nothing was stored, since the log's newest entry on the ring is another one
   */
  keepAnswers(answers: readonly MovedAnswer[], ringEntry: bigint): Promise<boolean>
  /** Lets another node take over. Never rejects; idempotent. */
  close(): Promise<void>
}
