import type { Found } from '../core/entry.ts'
import type { KeyRange } from '../core/key-range.ts'

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

/** Keys as they were at one moment. Nothing that is written later changes them. Close it, or it keeps memory. */
export interface KeyListing {
  /** Position of the state shown, as `Kv.position` for all of its keys. */
  readonly position: string
  /**
   * The next at most `most` keys, encoded in UTF-8; each is a window that is valid until the next call. Empty at the
   * end.
   */
  take(most: number): readonly Buffer[]
  /** Whether there is a key beyond the limit, once `take` has come to its end. */
  readonly hasMore: boolean
  close(): void
}

export interface ValuePage {
  /** Position of the state shown, as `Kv.position` for all of its keys. */
  readonly position: string
  /** Empty where no key has a value any more, and there may be others after `last`. */
  readonly items: readonly { readonly key: string; readonly found: Found }[]
  /** Key that the page ends with, shown or not; undefined where none comes after it. */
  readonly last: string | undefined
}
