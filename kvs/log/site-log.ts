import type { BatchEnd, Entry, ForeignEntry, LogPoint } from '../core/entry.ts'
import type { Membership } from '../core/operation/membership.ts'
import type { Position } from '../core/position.ts'
import type { Rank } from '../core/rank.ts'

/**
 * What replication asks of a site's own log, beside the session of a node. Each connection fails as a session does: its
 * methods reject with `Unavailable`, or with `Diverged`, and it is over then.
 */
export interface SiteLog {
  /** Connects to read the log for another site. Rejects as `Log.open`. */
  openReader(): Promise<LogReader>
  /**
   * Connects as the one node of the site that takes entries over, until the connection ends. Undefined where another
   * node does so already. Rejects as `Log.open`.
   */
  openImport(): Promise<LogImport | undefined>
  /**
   * The newest entry about each site that was ever added or taken out, by its address, as of a moment after the call.
   * Rejects as `Log.open`.
   */
  readMembers(): Promise<ReadonlyMap<string, MemberEntry>>
  /**
   * Appends that a site is a member from now on, or is none. On return that is committed and durable. Rejects as
   * `Log.open`, and as `LogSession.append`.
   */
  appendMember(change: Membership): Promise<BatchEnd>
  /** As `LogImport.forgotten`, as of a moment after the call. Rejects as `Log.open`. */
  readForgotten(): Promise<number>
}

/** What a log says of a site. */
export interface MemberEntry extends Rank {
  readonly isMember: boolean
  /** Its place in this log. */
  readonly sequence: bigint
  /** Its place in the log that it was first written in. */
  readonly originSequence: bigint
}

/** A part of a log's deletes. */
export interface DeletesPage {
  /** Sequence through which the log was looked through. */
  readonly reached: bigint
  readonly deletes: readonly DeletedKey[]
}

/** A delete, or the end of a key by itself. */
export interface DeletedKey extends Rank {
  readonly key: string
}

/** The end of a batch, which can tell what it was appended to. */
export interface LandedEnd extends BatchEnd {
  /** Whether the batch came right after this point of its log, with the same past before it. */
  comesAfter(point: LogPoint): boolean
}

/** Entries of other logs, just appended. In the log no other ones of them are superseded than those marked so here. */
export interface LandedBatch {
  readonly entries: readonly ForeignEntry[]
  readonly end: LandedEnd
}

export interface LogReader {
  readonly logId: string
  /** Resolves with the reason when the connection is gone, by close() as well. Never rejects. */
  readonly lost: Promise<Error>
  /** The log's end, as `LogSession.askHead`. */
  askHead(): Promise<LogPoint>
  /**
   * What the log has of each origin through a sequence, itself included. The stamp is that of the log's clock there: no
   * entry up to there has a later one, and what is first written in this log afterwards has, but for expiries. 0 at 0n.
   */
  positionThrough(sequence: bigint): Promise<Position>
  /** Stamp of an entry that was first written in this log; undefined where there is none at the sequence. */
  stampAt(sequence: bigint): Promise<number | undefined>
  /** As `LogSession.read`; no entry is `isOwn`. */
  read(after: bigint, through?: bigint): Promise<Entry[]>
  /** Never rejects; idempotent. */
  close(): Promise<void>
}

export interface LogImport {
  readonly logId: string
  /**
   * What the log has of each other origin; final from the first moment, since nobody else takes entries over. Appends
   * advance it. Its stamp is 0.
   */
  readonly position: Position
  /** Stamp of the last entry that the log has of another origin; undefined where it has none. */
  lastStampOf(origin: string): number | undefined
  /** As that of a reader. */
  readonly lost: Promise<Error>
  /**
   * Appends entries of other logs as one batch, in this order, each above what the log has of its origin. On return
   * they are committed and durable, and the log's clock is no earlier than their stamps. An entry that the log has a
   * newer one of is stored as superseded, as is one that is marked so. Rejects with `Undecided` where they may or may
   * not be there: the position of the next import tells.
   * @param seen sequence through which the caller has ranked the entries; the log ranks them against what came after
   */
  append(entries: readonly ForeignEntry[], seen: bigint): Promise<LandedEnd>
  /**
   * Stamp through which the deletes of this log may be forgotten, as it was at the opening or as `forget` has raised
   * it; 0 where none may. Its checkpoint may lack them.
   */
  readonly forgotten: number
  /** Raises that. It is never lowered: a lower stamp changes nothing. Durable on return. Rejects with `Unavailable`. */
  forget(through: number): Promise<void>
  /**
   * The deletes that had an effect among the entries after `after`, through `through` at most, that have a stamp
   * through `stamp`. What one call looks through is bounded.
   */
  readDeletes(after: bigint, through: bigint, stamp: number): Promise<DeletesPage>
  /** The log's end, as `LogSession.askHead`. */
  askHead(): Promise<LogPoint>
  /** Lets another node take over. Never rejects; idempotent. */
  close(): Promise<void>
}
