import type { KeyRange } from '../core/key-range.ts'
import type { Block } from './block.ts'
import { findKey, type KeyWindow, sharedBytes } from './packed-keys.ts'

/** A place in an array of blocks: of a key, or after all of them, in the block after the last one. */
export interface Place {
  readonly block: number
  readonly index: number
}

/** The block that has the key where any has it: the last one that begins with no later key; -1 where none does. */
export function findBlock(blocks: readonly Block[], key: KeyWindow, from = 0): number {
  const { bytes, start, length } = key
  let [low, high, lowShared, highShared] = [from, blocks.length, 0, 0]
  while (low < high) {
    const middle = (low + high) >>> 1
    const { bytes: other, ends } = blocks[middle] as Block
    const otherLength = ends[0] as number
    const shared = sharedBytes(key, lowShared < highShared ? lowShared : highShared, other, 0, otherLength)
    const isBefore =
      shared < otherLength && (shared === length || (bytes[start + shared] as number) < (other[shared] as number))
    if (isBefore) {
      high = middle
      highShared = shared
    } else {
      low = middle + 1
      lowShared = shared
    }
  }
  return low - 1
}

/**
 * Place of the first key that is not before this one.
 * @param from number of a block; keys of earlier ones are not looked at
 */
export function placeOf(blocks: readonly Block[], bytes: Buffer, from = 0): Place {
  const key = { bytes, start: 0, length: bytes.length }
  const at = Math.max(from, findBlock(blocks, key, from))
  const block = blocks[at]
  if (block === undefined) return { block: blocks.length, index: 0 }
  const index = findKey(block, key)
  return index === block.count ? { block: at + 1, index: 0 } : { block: at, index }
}

export function isBefore(one: Place, other: Place): boolean {
  return one.block < other.block || (one.block === other.block && one.index < other.index)
}

/** Place after the last key of the range. */
export function placeAfter(blocks: readonly Block[], { to }: KeyRange, from = 0): Place {
  return to === undefined ? { block: blocks.length, index: 0 } : placeOf(blocks, to, from)
}

/** @param ranges sorted and disjoint */
export function countBetween(blocks: readonly Block[], ranges: readonly KeyRange[]): number {
  let count = 0
  for (const range of ranges) {
    const first = placeOf(blocks, range.from)
    const end = placeAfter(blocks, range, first.block)
    if (isBefore(end, first)) continue // an empty range
    count += end.index - first.index
    for (let at = first.block; at < end.block; at++) count += (blocks[at] as Block).count
  }
  return count
}
