import type { KeyRange } from '../core/key-range.ts'
import type { Block } from './block.ts'
import { isBefore, type Place, placeAfter, placeOf } from './block-search.ts'
import { endOf, startOf } from './packed-keys.ts'

/** What a walk visits. */
export interface WalkQuery {
  /** Sorted and disjoint; none of them is empty. */
  readonly ranges: readonly KeyRange[]
  /** Most names to give; undefined for all. */
  readonly limit: number | undefined
  /**
   * Gives each subtree once: the bytes of its keys up to and with the first delimiter that begins at `after` or later.
   * Undefined gives keys.
   */
  readonly delimiter: { readonly text: Buffer; readonly after: number } | undefined
}

/** A way through keys in order. It gives names: keys, and subtrees of them. */
export interface KeyWalk {
  /** The next names, at most `most`, as windows on the snapshot's memory until it is closed. Empty at the end. */
  take(most: number): Buffer[]
  /** Whether there is a key beyond those that were given. */
  readonly hasMore: boolean
  /** Ends the walk, so that it keeps no memory. */
  end(): void
}

/** @param blocks must not change before the walk has ended */
export function makeWalk(blocks: readonly Block[], { ranges, limit = Infinity, delimiter }: WalkQuery): KeyWalk {
  const steps = makeSteps(blocks, ranges)
  let left = limit
  let isEnded = false

  /** Gives the name at the place where the walk is, and goes on to the next one. */
  function next(): Buffer {
    const key = steps.key()
    const at = delimiter === undefined ? -1 : key.indexOf(delimiter.text, delimiter.after)
    if (delimiter === undefined || at < 0) {
      steps.advance()
      return key
    }
    const name = key.subarray(0, at + delimiter.text.length)
    steps.skip(name)
    return name
  }

  return {
    take(most) {
      const names: Buffer[] = []
      while (!isEnded && left > 0 && names.length < most && steps.isAtKey()) {
        names.push(next())
        left--
      }
      return names
    },
    get hasMore() {
      return !isEnded && steps.isAtKey()
    },
    end() {
      isEnded = true
      steps.end()
    },
  }
}

/** Steps from key to key, within the ranges. */
function makeSteps(of: readonly Block[], ranges: readonly KeyRange[]) {
  let blocks = of
  let place: Place = { block: 0, index: 0 }
  /** Place after the last key of the range. */
  let end: Place = place
  let nextRange = 0

  function moveTo(later: Place): void {
    if (isBefore(place, later)) place = later
  }

  return {
    /** Whether there is a key at the place; goes on to the next range where the place is past one. */
    isAtKey(): boolean {
      while (!isBefore(place, end)) {
        const range = ranges[nextRange]
        if (range === undefined || place.block >= blocks.length) return false
        nextRange++
        moveTo(placeOf(blocks, range.from, place.block))
        end = placeAfter(blocks, range, place.block)
      }
      return true
    },
    key(): Buffer {
      const block = blocks[place.block] as Block
      return block.bytes.subarray(startOf(block, place.index), endOf(block, place.index))
    },
    advance(): void {
      const { block, index } = place
      const isLast = index + 1 === blocks[block]?.count
      place = isLast ? { block: block + 1, index: 0 } : { block, index: index + 1 }
    },
    /** Goes to the first key that does not begin with this one's. */
    skip(prefix: Buffer): void {
      const after = endOfPrefix(prefix)
      moveTo(after === undefined ? { block: blocks.length, index: 0 } : placeOf(blocks, after, place.block))
    },
    end(): void {
      blocks = []
      place = end
      nextRange = ranges.length
    },
  }
}

/** The least bytes after all that begin with these; undefined where there are none. */
function endOfPrefix(prefix: Buffer): Buffer | undefined {
  const last = prefix.findLastIndex((byte) => byte < 0xff)
  if (last < 0) return undefined
  const end = Buffer.from(prefix.subarray(0, last + 1))
  end[last] = (end[last] as number) + 1
  return end
}
