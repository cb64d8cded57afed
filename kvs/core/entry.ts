import type { EarlierVersion } from './earlier-version.ts'
import type { Delete } from './operation/delete.ts'
import type { Write, WriteKind } from './operation/operation.ts'
import type { Put } from './operation/put.ts'
import type { Position } from './position.ts'

export type { Write }

/** A write with its place in the log. */
export interface Entry {
  readonly sequence: bigint
  /** Digest of the log up to and including this entry's batch. Two logs with equal digests have the same history. */
  readonly digest: Buffer
  /**
   * Whether the entry has no effect: its node accepted it while the log was down, and another node's write overtook it.
   */
  readonly superseded: boolean
  /** Whether this very node wrote it. */
  readonly isOwn: boolean
  /**
   * When it was committed, in whole milliseconds since 1970 by the log server's clock; never less than for an earlier
   * entry.
   */
  readonly recordedAt: number
  /**
   * Hybrid logical time in microseconds since 1970, given by the log that the entry was first written in. Later than
   * the stamp of everything that its writer had seen, whatever the clocks of servers say. The entries of a batch have
   * the same one, and an expiry has that of the entry that has lapsed.
   */
  readonly stamp: number
  /** Where the entry was first written; undefined where that is this log. */
  readonly origin: Origin | undefined
  /**
   * Where a key has moved between logs by this entry, as `MovedWrite.earlier`; undefined for what a client asked for.
   */
  readonly earlier?: EarlierVersion | undefined
  readonly write: Write
}

/**
 * A write by which a key moves between logs, rather than one that a client asked for: a put where it moves to; a delete
 * where the copy of another log's key goes.
 */
export interface MovedWrite {
  readonly write: Put | Delete
  /** The version of the value that has moved; of a delete, that of the value or the delete it follows. */
  readonly earlier: EarlierVersion
}

/** An entry's place in the log that it was first written in. */
export interface Origin {
  readonly logId: string
  readonly sequence: bigint
}

/** An entry of another log, as it is taken over. */
export interface ForeignEntry extends Pick<Entry, 'stamp' | 'superseded' | 'write'> {
  readonly origin: Origin
}

/**
 * An entry as it comes from the log in bulk. Its parts are windows on `bytes`. Object and memory are reused for the
 * next entry, so that reading makes no garbage; nobody may keep them.
 */
export interface PackedEntry {
  sequence: number
  kind: WriteKind
  superseded: boolean
  contentType: string | undefined
  /** As `Entry.recordedAt`. */
  recordedAt: number
  /** As the write's deadline. */
  deadline: number | undefined
  /** As `Entry.stamp`. */
  stamp: number
  /** Id of the log that it was first written in, and its sequence there; undefined and 0 where that is this log. */
  origin: string | undefined
  originSequence: number
  /** As the write's `after`, as text. */
  after: string | undefined
  /** As `Entry.earlier`, as `formatEarlier` writes it. */
  earlier?: string | undefined
  bytes: Buffer
  digestStart: number
  digestLength: number
  keyStart: number
  keyLength: number
  valueStart: number
  valueLength: number
}

/** A write that its node has accepted, durably, and that is not in the log yet. */
export interface SpooledWrite {
  /** Number among all writes of its node. They reach the log in this order, each once. */
  readonly number: bigint
  /** Whether another node's entry overtook it, one that the node had not seen when it accepted the write. */
  readonly superseded: boolean
  readonly write: Write
  /**
   * What the log had of the key when the write was accepted, or what an earlier write of its node has made of it since.
   * Undefined where an earlier version of the program has spooled it.
   */
  readonly seen?: SeenValue | undefined
}

/** What a key has in a log: enough to tell later whether it has changed. */
export interface SeenValue {
  /** As `Version.tag`; empty where the key had no value. */
  readonly tag: string
  /** As `Found.deadline`: from then on the key may have no value, though nobody has changed it. */
  readonly deadline: number | undefined
}

/** The current value of a key. */
export interface Found {
  readonly value: Buffer
  readonly contentType: string | undefined
  /** Tag of the entry that set the value, as `Version.tag`; undefined while that entry is not in the log. */
  readonly tag: string | undefined
  /**
   * When the entry that set the value was committed (recorded_at), milliseconds since 1970 by the log server's clock;
   * undefined while it is not in the log.
   */
  readonly modifiedAt: number | undefined
  /** As `Put.deadline`. */
  readonly deadline: number | undefined
}

/** A point in a log: the sequence of an entry, and the digest that proves the history up to it. */
export interface LogPoint {
  readonly sequence: bigint
  readonly digest: Buffer
}

/** The last entry of a batch, whose entries all have the same time. */
export interface BatchEnd extends LogPoint {
  /** As `Entry.recordedAt`. */
  readonly recordedAt: number
  /** As `Entry.stamp`, but for expiries, which have that of the entry that has lapsed. */
  readonly stamp: number
}

/** A point in a log, with what the log has of each origin up to there. */
export interface Reached extends LogPoint {
  readonly position: Position
  /** Where it is a checkpoint's: deletes with a stamp through this one are not in it, but for some. */
  readonly forgotten?: number
}
