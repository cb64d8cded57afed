import type { Found } from '../core/entry.ts'
import type { Position } from '../core/position.ts'
import type { SlotRanges } from '../core/ring/slot-ranges.ts'
import type { OrderedKeys } from '../order/index.ts'

/** What the ring asks of this node: how far it has applied its own log, and what it holds. */
export interface OwnNode {
  /** @throws KvsError not_ready before the log is replayed, and once it has diverged */
  requireReadable(): void
  /** Id of the log; empty before it is known. */
  logId(): string
  /** Number of the node's session with its log: higher after each reconnect. */
  session(): number
  /** Sequence of the last entry applied, where a batch ends. */
  sequence(): bigint
  /** As `FollowedLog.noWritesReason`. */
  noWritesReason(): string | undefined
  /** As `Kv.waitFor`. */
  waitFor(position: Position): Promise<void>
  /** As `Kv.waitForHead`. */
  waitForHead(): Promise<void>
  /**
   * How many keys of these slots have a value. A key that has one all the time is counted, whatever is written
   * meanwhile. Rejects where the node stops.
   */
  countKeysIn(slots: SlotRanges): Promise<number>
  /**
   * The keys of these slots that have a value in the log, in order. A key that has one all the time is among them,
   * whatever is written meanwhile. Rejects where the node stops, and with what `goesOn` throws, which is called now and
   * then.
   */
  keysIn(slots: SlotRanges, goesOn?: () => void): Promise<OrderedKeys>
  /** The value that a key has by the entries applied, with its tag, whoever owns it, and also past its deadline. */
  heldValue(key: string): Found | undefined
  /** How many writes wait in the spool for the log. */
  spooled(): number
}
