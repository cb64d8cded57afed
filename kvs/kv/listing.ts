import type { Found } from '../core/entry.ts'
import type { KeyRange } from '../core/key-range.ts'
import type { SlotRanges } from '../core/ring/slot-ranges.ts'

/** What a list shows, all at one moment. Ranges are sorted and disjoint; none of them is empty. */
export interface KeyQuery {
  readonly ranges: readonly KeyRange[]
  /** Most keys to show (each subtree counts as one); undefined for all. */
  readonly limit: number | undefined
  /**
   * Shows each subtree once: what comes after PREFIX up to and with the first delimiter. Undefined shows keys. `after`
   * is the length of PREFIX in bytes.
   */
  readonly delimiter: { readonly text: Buffer; readonly after: number } | undefined
}

/** The state that a list, a page or a count shows: all of it as it was at one moment. */
export interface ShownState {
  /** Position of the state, as `Kv.position` for all of its keys. */
  readonly position: string
  /** The slots whose keys the log took at that very moment; undefined where it can be in no ring. */
  readonly owns: SlotRanges | undefined
}

/** Keys as they were at one moment. Nothing that is written later changes them. Close it, or it keeps memory. */
export interface KeyListing extends ShownState {
  /**
   * The next at most `most` keys, encoded in UTF-8; each is a window that is valid until the next call. Empty at the
   * end.
   */
  take(most: number): readonly Buffer[]
  /** Whether there is a key beyond the limit, once `take` has come to its end. */
  readonly hasMore: boolean
  close(): void
}

export interface ValuePage extends ShownState {
  /** Empty where no key has a value any more, and there may be others after `last`. */
  readonly items: readonly { readonly key: string; readonly found: Found }[]
  /** Key that the page ends with, shown or not; undefined where none comes after it. */
  readonly last: string | undefined
}

export interface KeyCount extends ShownState {
  readonly count: number
}
