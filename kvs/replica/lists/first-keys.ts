import type { KeyRange } from '../../core/key-range.ts'
import { makeOrderedKeys, type OrderedKeys } from '../../order/index.ts'

/** The first of the keys that are shown, found by a scan in any order, without keeping all of them. */
export interface FirstKeys extends Pick<OrderedKeys, 'add' | 'remove'> {
  /** The first keys; others may follow that were not kept. */
  readonly keys: OrderedKeys
  /** Whether the first `count` keys are in it, or all that there are. It is not where too many were removed. */
  readonly isEnough: boolean
}

/** Keys that are kept beside those that are asked for: as many may be removed while the scan is under way. */
const slack = 256

/**
 * @param ranges sorted and disjoint; keys outside are not kept
 * @param count how many keys are asked for
 */
export function makeFirstKeys(ranges: readonly KeyRange[], count: number): FirstKeys {
  const keys = makeOrderedKeys()
  const kept = count + slack
  /** Every key up to this one is kept; undefined as long as every key is. */
  let last: Buffer | undefined

  return {
    keys,
    get isEnough() {
      return last === undefined || keys.size >= count
    },
    add(bytes, start, length) {
      const end = start + length
      if (last !== undefined && bytes.compare(last, 0, last.length, start, end) > 0) return
      if (!isInRanges(ranges, bytes, start, end)) return
      keys.add(bytes, start, length)
      if (keys.size >= 2 * kept) last = keys.keepFirst(kept)
    },
    remove: keys.remove,
  }
}

function isInRanges(ranges: readonly KeyRange[], bytes: Buffer, start: number, end: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const { from } = ranges[middle] as KeyRange
    if (bytes.compare(from, 0, from.length, start, end) >= 0) low = middle + 1
    else high = middle
  }
  const range = ranges[low - 1]
  if (range === undefined) return false
  return range.to === undefined || bytes.compare(range.to, 0, range.to.length, start, end) < 0
}
