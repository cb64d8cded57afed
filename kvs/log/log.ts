import type { BatchEnd, Entry, LogPoint, PackedEntry, Reached, SpooledWrite, Write } from '../core/entry.ts'
import type { Version } from '../core/version.ts'

/** The transaction log as the store sees it. A process has one log object, with at most one open session. */
export interface Log {
  /**
   * Connects, migrates the schema, and registers this process as the only one that may append for its data directory;
   * every earlier session is fenced from then on. One try, without retries; it may be repeated. Rejects with
   * `Unavailable` (try again later), `Refused` (waiting won’t help) or `Diverged` (the log lacks writes that were
   * acknowledged to an earlier session, or has writes under their numbers that this process never sent).
   */
  open(): Promise<LogSession>
  /**
   * The log server's clock as this process estimates it from the last answer that had it, in whole milliseconds since
   * 1970; undefined before the first one. Also between sessions. It is at least the time in that answer, never later
   * than that clock, and never goes back; where somebody sets the server's clock back, it stands still. So it lags by
   * the time that the answer took to arrive, and by what this process's clock has drifted since.
   */
  now(): number | undefined
}

/**
 * One connection to the log. It ends by `close()`, when the connection is lost, or with a rejection that says so. Where
 * the connection fails, every method rejects: appends with `Undecided`, all others with `Unavailable`.
 */
export interface LogSession {
  /** The log as it was at `open()`. */
  readonly head: Head
  /** What the session is connected to and how, for the log line; without secrets. */
  readonly description: string
  /** Resolves with the reason when the connection is gone, by close() as well. Never rejects. */
  readonly lost: Promise<Error>
  /**
   * This node's last write in the log. It is final from the session's first moment: nothing that an earlier session
   * sent can land any more. Appends of this session advance it.
   */
  readonly committed: Committed
  /**
   * Whether the log still has this position with this history. False where the log went back: a restored dump, a
   * failover that lost its tail, another log under the same name.
   */
  holds(position: LogPoint): Promise<boolean>
  /**
   * Calls `load` with the live keys as of the checkpoint's position, in no order, reusing one object. In a site's log
   * also with the deletes of those that are gone.
   * @param needsTombstones whether one that lacks those deletes counts as none: without them, an older put of another
   * log would bring a key back. It may lack those that may be forgotten, as `LogImport.forgotten` says
   * @returns that position; undefined where there is no valid checkpoint, and the caller must drop what it loaded
   * @throws what `load` throws; the session has ended then
   */
  loadCheckpoint(load: (entry: PackedEntry) => void, needsTombstones?: boolean): Promise<Reached | undefined>
  /**
   * Calls `apply` for every entry after the sequence `after`, through `head.sequence`, in order, reusing one object, so
   * memory does not grow with the log. No other method may be called meanwhile. Rejects with `Diverged` at an entry of
   * an unknown kind, and with what `apply` throws; in both cases the session has ended.
   */
  replay(after: bigint, apply: (entry: PackedEntry) => void): Promise<void>
  /**
   * The entries after the sequence `after`, through `through` or the log's end, in order, as a page bounded in count
   * and bytes; empty only where there are none. Rejects with `Diverged` at an entry of an unknown kind.
   */
  read(after: bigint, through?: bigint): Promise<Entry[]>
  /**
   * The last entry's position. Whatever was committed by any node before this call is at or before it. Also the
   * session's sign of life: rejects with `Unavailable`, and ends the session, where no answer comes within half the
   * time that other answers may take. Rejects with `Diverged` where something else than an append changed the log.
   */
  askHead(): Promise<LogPoint>
  /**
   * Calls `callback` soon after another session appended. A hint that may be lost; `askHead` is what a follower relies
   * on. A second call replaces the callback.
   */
  onOthersAppended(callback: () => void): void
  /**
   * Appends the writes as one batch. On return they are committed and durable, all of them, in this order, at
   * consecutive sequences up to the one returned. One append at a time. Not idempotent in itself: after `Undecided` the
   * next session's `committed` says whether the batch landed, and only then may it be sent again, under the same
   * numbers.
   *
   * Rejects with `NotAppended` or `Unappendable` where the batch is not in the log and never will be; with `Undecided`
   * where it may or may not be, and the session has ended.
   * @param last number of the batch's last write; without it, the numbers follow `committed.number`
   */
  append(writes: readonly Write[], last?: bigint): Promise<BatchEnd>
  /**
   * As `append`, for writes that have their numbers already, all above `committed.number`. A write whose key has an
   * entry after `seen`, other than an expiry, is stored as superseded, as is one that the caller marked so.
   * @param seen the sequence through which the caller has compared the writes with other nodes' entries
   */
  appendSpooled(writes: readonly SpooledWrite[], seen: bigint): Promise<BatchEnd>
  /**
   * Appends, as one batch, what was decided and still holds; commit, order, numbers and rejections are as for `append`.
   * Where nothing lands, nothing is stored but the answers to idempotency keys.
   * @param seen sequence that the decisions are based on; a later entry of a key that one has read overtakes it
   * @param last number of the batch's last write; without it, the numbers follow `committed.number`
   * @returns a verdict for each, and the log's end right after: the writes that landed are its last entries, and have
   * its time
   */
  appendConditional(
    decided: readonly Decided[],
    seen: bigint,
    last?: bigint,
  ): Promise<{ readonly verdicts: readonly Verdict[]; readonly end: BatchEnd }>
  /**
   * Tells the log that this node has applied its entries on the ring through a sequence, and sends no write of a key
   * any more that they have given away. Before that the log takes no append after such an entry: `RingUnseen`. A new
   * session has told so of those before its `head`. Idempotent; a lower sequence than before does nothing.
   */
  seeRing(through: bigint): Promise<void>
  /** Ends the connection without waiting for requests under way. Never rejects; idempotent. */
  close(): Promise<void>
}

/**
 * What a node has decided to do, by its view: writes that land together or not at all. An idempotency key occurs once
 * in a batch.
 */
export interface Decided {
  /** In order. None where nothing is to be done: then the log only confirms that no later entry changes that. */
  readonly writes: readonly Write[]
  /** Keys whose values the decision rests on, as they were at the sequence that all were decided by. */
  readonly reads: readonly string[]
  /** Places in the batch of earlier ones that it builds on: it is overtaken where one of them does not land. */
  readonly builtOn: readonly number[]
  /**
   * The earliest deadline of a value that the decision took for there, in milliseconds since 1970: it is overtaken from
   * then on, by the server's clock. Undefined where it rests on no such value.
   */
  readonly holdsUntil?: number | undefined
  /** The value of its key before a single write; undefined where the key has none. */
  readonly current: Version | undefined
  /** Keeps the answer for a repetition under the same key. */
  readonly idempotency: Idempotency | undefined
}

export interface Idempotency {
  readonly key: string
  /** A hash that tells a repetition from another request. */
  readonly request: Buffer
  /** What the answer has beside entries; undefined for nothing. */
  readonly note?: string | undefined
}

export interface Verdict {
  /**
   * `landed`, `refused`: the decision holds. `overtaken`: a key that it rests on has an entry after `seen` or has come
   * to its deadline, or one that it builds on has not landed, and nothing was stored. `answered`: the same request was
   * answered before, under its idempotency key, with this verdict's entry, version and note. `reused`: another request
   * was answered under that key, and nothing was stored.
   */
  readonly outcome: 'landed' | 'refused' | 'overtaken' | 'answered' | 'reused'
  /** The first write's entry, which those of the others follow; undefined where nothing was stored. */
  readonly entry: LogPoint | undefined
  /** Id of the log that has answered, and has that entry, where it is another one; undefined for this log. */
  readonly origin?: string | undefined
  /** As in the decision. */
  readonly current: Version | undefined
  /** What was kept with the answer; undefined for every other outcome than `answered`. */
  readonly note?: string | undefined
}

export interface Committed {
  /** Number of the writer's last write in the log; 0n where it has none. */
  readonly number: bigint
  /** The entry of that write. */
  readonly end: LogPoint
}

export interface Head {
  readonly logId: string
  /** The last entry's; 0n where the log is empty. */
  readonly sequence: bigint
  /** How many entries the log has. */
  readonly entries: bigint
  /** Sequences through this one came from the textbook service, and may have gaps; 0n where nothing was adopted. */
  readonly adoptedThrough: bigint
  /** The newest entry on the ring; undefined where there is none. */
  readonly ring?: RingChangeEntry | undefined
}

/** An entry of the kind `ring`. */
export interface RingChangeEntry {
  readonly sequence: bigint
  /** As the key of a `RingChange`. */
  readonly text: string
}

/** The log can't be reached, or can't answer now. Trying again later is right. The message names the reason. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

/** The log can be reached and must not be used as it is: a newer schema, a foreign table. Waiting won't help. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** The log is no continuation of what this node applied, or of what it was acknowledged. */
export class Diverged extends Error {
  override readonly name = 'Diverged'
}

/** The log's own answer to an append shows that it diverged: the batch is not in the log, and no retry can succeed. */
export class Unappendable extends Diverged {}

/** The batch is not in the log, and never will be unless it is sent again. */
export class NotAppended extends Error {
  override readonly name = 'NotAppended'
  /** The log takes no writes at all now, so a retry is right. Else the batch contains what the log refuses. */
  readonly logIsDown: boolean
  constructor(message: string, logIsDown: boolean, cause: unknown) {
    super(message, { cause })
    this.logIsDown = logIsDown
  }
}

/**
 * The batch is not in the log, as the log has an entry on the ring that the session has not told of by `seeRing`. The
 * session goes on. The batch may be sent again after that, under the same numbers, without the writes of keys that the
 * entry has given away.
 */
export class RingUnseen extends NotAppended {
  /** @param cause the log's answer, whose message names the entry */
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), true, cause)
  }
}

/** The answer to a batch was lost: the batch may or may not be in the log. The next session's `committed` tells. */
export class Undecided extends Error {
  override readonly name = 'Undecided'
  /**
   * Until this monotonic moment, in milliseconds, a batch of `append` may still land. Acknowledge or show none of it
   * before: another node could write the same key in reply, and the late batch would overwrite that. Undefined where
   * the batch can't land any more, and for the other appends, which overwrite nothing newer whenever they land.
   */
  readonly mayLandUntil: number | undefined

  constructor(message: string, options: ErrorOptions & { readonly mayLandUntil?: number | undefined } = {}) {
    super(message, options)
    this.mayLandUntil = options.mayLandUntil
  }
}
