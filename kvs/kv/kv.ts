import type { Found, Write } from '../core/entry.ts'
import type { KeyRange } from '../core/key-range.ts'
import type { Position } from '../core/position.ts'
import type { Precondition } from '../core/precondition.ts'
import type { Transaction } from '../core/transaction.ts'
import type { Version } from '../core/version.ts'
import type { KeyCount, KeyListing, KeyQuery, ValuePage } from './listing.ts'
import type { Status } from './status.ts'

/** What a dialect or a client of the store may ask of it. `replica/` implements it over one log. */
export interface Kv {
  /**
   * The key's current value; undefined where it has none. Answers at once where it can, as over one log, so that the
   * common GET costs no promise. Throws or rejects with `not_ready` before the log is replayed; goes on while the log
   * is down.
   */
  get(key: string): Found | undefined | Promise<Found | undefined>
  /**
   * Resolves once the write is visible to `get`, and committed in the log or, while that is down, flushed to the spool.
   * Rejects with `not_ready`, `draining`, `overloaded`, `spool_full`, `not_stored`, or with `undecided` where the write
   * may still land.
   */
  write(write: Write): Promise<Stored>
  /**
   * The same for a write that depends on what the log has, so that the log must be up. Never spooled. Rejects with
   * `ConditionFailed`, `idempotency_key_reused` or `log_down` as well.
   */
  writeIf(conditional: ConditionalWrite): Promise<InLog>
  /**
   * Does all of a transaction in one piece, or nothing of it: on return it is committed in the log and visible to
   * `get`, and nobody sees a part of it at any time. Never spooled. Rejects as `writeIf`, with `ConditionsFailed` in
   * place of `ConditionFailed`, and with an `OperationFailed` of `not_a_number` or `out_of_range`.
   */
  transact(transaction: AskedTransaction): Promise<Transacted>
  /**
   * Resolves once `get` shows at least this position. Rejects with `bad_position` where it is another log's, with
   * `not_ready`, or with `behind` after the wait timeout. A site takes positions of all logs: their entries may come.
   * @param key the one key that is to be read. In a site the wait then also resolves, after the timeout, where the
   * position is covered by what the site has and what the key's newest entry depends on: no older value is shown
   */
  waitFor(position: Position, key?: string): Promise<void>
  /**
   * What a write has to carry as its `after` so that it follows this position: undefined once `get` shows that. In a
   * site the position itself after the wait timeout. Rejects as `waitFor`, in a site with `behind` where its own log is
   * down by then: the spool would not keep what the write depends on, so nothing is to be stored.
   */
  dependencyOn(position: Position): Promise<Position | undefined>
  /**
   * Resolves once `get` shows everything that was acknowledged anywhere before this call. Rejects with `not_ready`, or
   * with `log_down` where the log cannot be asked or gives no answer within the wait timeout.
   */
  waitForHead(): Promise<void>
  /**
   * The log server's clock as this node estimates it, in milliseconds since 1970: never later than that clock, never
   * going back. `get` shows no key from its deadline on by this clock. Throws `not_ready` before the first answer of
   * the log.
   */
  now(): number
  /**
   * Keys in order, as `get` shows them at one moment. Rejects with `not_ready`, or with `overloaded` where too many
   * lists are open.
   */
  listKeys(query: KeyQuery): Promise<KeyListing>
  /**
   * One page with values, all as at one moment: ends before `maxBytes` of values (at least one item), or after a
   * thousand of them, whatever the limit is. Rejects as `listKeys` does.
   */
  listValues(query: { ranges: readonly KeyRange[]; limit: number; maxBytes: number }): Promise<ValuePage>
  /** Number of keys in the ranges, which are sorted and disjoint. Rejects as `listKeys` does. */
  countKeys(ranges: readonly KeyRange[]): Promise<KeyCount>
  /**
   * Position that `get` shows now, as text for a header; empty before the log is known.
   * @param key the key that a client has read, or written: with what its newest entry depends on and the site has not
   */
  position(key?: string): string
  /** State of the node. Never throws. */
  status(): Status
}

/** A write that is done only where its precondition holds, or only once however often it is asked for. */
export interface ConditionalWrite {
  readonly write: Write
  readonly precondition: Precondition
  /**
   * What was asked for that the write has in another form, as a text that a repetition of the request has as well: the
   * deadline of a lifetime is another one each time. Undefined where that is nothing.
   */
  readonly asked?: string | undefined
  /** A second request under the same key gets the first one's answer. Undefined where the client sent none. */
  readonly idempotencyKey: string | undefined
}

/** A transaction as a client asks for it. */
export interface AskedTransaction extends Transaction {
  /** As in a `ConditionalWrite`. */
  readonly asked?: string | undefined
  /** As in a `ConditionalWrite`. */
  readonly idempotencyKey: string | undefined
  /** As that of a put, for all that it writes. */
  readonly after?: Position | undefined
}

/** What a transaction has done. */
export interface Transacted {
  /** That of its last entry, with what the transaction depends on, as text for a header. */
  readonly position: string
  /** The entry of each operation, in order. */
  readonly entries: readonly TransactedEntry[]
}

export interface TransactedEntry extends Version {
  /** The number that a count has stored, in decimal digits; undefined for a write. */
  readonly value: string | undefined
}

/** Where a write is kept: in the log, or for now on this node's own disk. */
export type Stored = InLog | 'spooled'

/** A write's place in the log. */
export interface InLog extends Version {
  /** Whether the key had a value right before, in the order of the log. */
  readonly replaced: boolean
}
