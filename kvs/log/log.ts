import type { Entry, LogPoint, PackedEntry, SpooledWrite, Write } from '../core/entry.ts'
import type { Version } from '../core/version.ts'

/** The transaction log as the store sees it. One process, one log object, at most one open session. */
export interface Log {
  /**
   * Connects, migrates and registers this process as the writer's only appender. Not retried: a rejection is an
   * `Unavailable` (try again), a `Refused` (waiting won't help) or, where an earlier session has been told that writes
   * are committed which the log does not have, a `Diverged`.
   */
  open(): Promise<LogSession>
}

export interface LogSession {
  readonly head: Head
  /** Where it is connected to and how, for the log line; without secrets. */
  readonly description: string
  /** Settles when the connection is gone for whatever reason, close() included. Never rejects. */
  readonly lost: Promise<Error>
  /**
   * This node's last writes in the log. From the session's first moment this is final: nothing that an earlier
   * session has sent can land any more.
   */
  readonly committed: Committed
  /**
   * Whether the log still holds the past that led to this position. False where it went back: a restored dump, a
   * failover that lost its tail, another log under the same name.
   */
  holds(position: LogPoint): Promise<boolean>
  /**
   * Has the live keys as of some position, the checkpoint's, loaded, in no order. Undefined where there is no checkpoint,
   * or none that can be believed: then what was loaded is not to be used. Otherwise as `replay`.
   */
  loadCheckpoint(load: (entry: PackedEntry) => void): Promise<LogPoint | undefined>
  /**
   * Has each entry after a sequence, up to the head, applied, in order. Takes no memory but for one entry. Rejects with
   * what `apply` throws as well; the session is over then. Nothing else may be asked of the session meanwhile.
   * @param apply given the same object each time
   */
  replay(after: bigint, apply: (entry: PackedEntry) => void): Promise<void>
  /**
   * The entries after a sequence, up to another, in order, as a page bounded in count and bytes; empty where there is
   * none of them.
   */
  read(after: bigint, through?: bigint): Promise<Entry[]>
  /**
   * The last entry's position: all that was committed anywhere before this was called is at or before it. Rejects, and
   * ends the session, where no sign of life comes within half the time that any answer may take; with `Diverged` where
   * somebody else than an append has changed the log.
   */
  askHead(): Promise<LogPoint>
  /** Has this called, soon but without a promise, when another session has appended. */
  onOthersAppended(callback: () => void): void
  /**
   * Commits the writes as one batch, under numbers that end in `last`, or else follow `committed.number`; on return they
   * are durable, all or none, in this order, at consecutive sequences up to the one returned. Rejects with `NotAppended` or
   * `Unappendable` where they are known not to be in the log, and with `Undecided` where that is not known: then the session
   * is over, and the next one's `committed` tells. One append at a time.
   */
  append(writes: readonly Write[], last?: bigint): Promise<LogPoint>
  /**
   * The same for writes that have their numbers already, all after `committed.number`. One whose key has an entry after
   * `seen`, up to which the caller has told what is superseded, is marked as superseded as well.
   */
  appendSpooled(writes: readonly SpooledWrite[], seen: bigint): Promise<LogPoint>
  /**
   * Commits those of the writes whose decision still holds, as one batch, as `append` does, numbers included.
   * @param seen the decisions are right as of this sequence, and hold unless a later entry has the same key
   * @returns a verdict for each write, and the log's end right after: the writes that landed are its last entries
   */
  appendConditional(
    writes: readonly Decided[],
    seen: bigint,
    last?: bigint,
  ): Promise<{ readonly verdicts: readonly Verdict[]; readonly end: LogPoint }>
  /** Ends the connection; waits for nothing that is still under way. */
  close(): Promise<void>
}

/** A write with what its node has decided on it. In a batch, one that lands has its key for itself, and an idempotency key is there once. */
export interface Decided {
  readonly write: Write
  /** Whether its condition holds; else the log is only asked whether that is so. */
  readonly lands: boolean
  /** The version of the value that the key has. */
  readonly current: Version | undefined
  /** Has the answer kept, for whoever asks again. */
  readonly idempotency: { readonly key: string; readonly request: Buffer } | undefined
}

export interface Verdict {
  /**
   * `landed`, or `refused`, as it was decided; `overtaken`: decided on a past that has an entry of the key since, so that
   * nothing was done; `answered`: the same was asked for before, under the same idempotency key, and this was the answer;
   * `reused`: something else was.
   */
  readonly outcome: 'landed' | 'refused' | 'overtaken' | 'answered' | 'reused'
  /** Of the write in the log; undefined where it is not there. */
  readonly version: Version | undefined
  /** The version of the value that the key had before. */
  readonly current: Version | undefined
}

export interface Committed {
  /** Of the last write. */
  readonly number: bigint
  /** Where it is in the log. */
  readonly end: LogPoint
}

export interface Head {
  readonly logId: string
  readonly sequence: bigint
  /** How many entries the log has. */
  readonly entries: bigint
  /** Sequences up to here, adopted from the textbook service, may have gaps. */
  readonly adoptedThrough: bigint
}

/** The log can't be reached or can't answer now. The message names the reason. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

/** The log can be reached and must not be used as it is: a newer schema, a foreign table. Waiting won't help. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** What to do about a log that went back. */
export const advice =
  'Was an older dump restored, or did a failover lose its tail? Do not restart this node: it may hold what the log lost. ' +
  'Bring back the log that has it, and restart then; a restart without it goes on from the log as it is'

/** The log is no continuation of what this node has applied or was told had been committed. */
export class Diverged extends Error {
  override readonly name = 'Diverged'
}

/** Diverged as the log's own answer to an append: nothing of that is in the log, and trying again is no use. */
export class Unappendable extends Diverged {}

/** Known not to be in the log. `logIsDown` where the log takes no writes at all just now; then trying again is right. */
export class NotAppended extends Error {
  override readonly name = 'NotAppended'
  readonly logIsDown: boolean
  constructor(message: string, logIsDown: boolean, cause: unknown) {
    super(message, { cause })
    this.logIsDown = logIsDown
  }
}

/** The connection was lost with the batch under way: it may or may not be in the log. */
export class Undecided extends Error {
  override readonly name = 'Undecided'
}
