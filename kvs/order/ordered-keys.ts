import type { KeyRange } from '../core/key-range.ts'
import { appendKeys, type Block, copyKeys, makeBlock, maxBlockBytes, maxBlockKeys } from './block.ts'
import { countBetween } from './block-search.ts'
import { type Guide, makeGuide } from './guide.ts'
import { endOf, findKey, insertKey, isAt, type KeyWindow, removeKey, startOf, usedBytes } from './packed-keys.ts'
import { type KeyWalk, makeWalk, type WalkQuery } from './walk.ts'

/**
 * A set of keys in byte order, outside of V8's heap. A key takes its bytes and about 4 more. Adding or removing one
 * takes about 3 µs among 1,000,000.
 */
export interface OrderedKeys {
  /** Number of keys. */
  readonly size: number
  /** Memory that is taken, in bytes, without what only snapshots keep. */
  readonly bytes: number
  /** Adds a key of at most 1,024 bytes. Does nothing where the set has it. */
  add(key: Buffer, start: number, length: number): void
  /** Does nothing where the set does not have the key. */
  remove(key: Buffer, start: number, length: number): void
  has(key: Buffer, start: number, length: number): boolean
  /** Removes all but the first keys. Returns a copy of the last one that is left. */
  keepFirst(count: number): Buffer | undefined
  /**
   * Number of keys in the ranges. The time it takes grows with the number of blocks: 20 µs for 1,000,000 keys.
   * @param ranges sorted and disjoint
   */
  count(ranges: readonly KeyRange[]): number
  /** The set as it is now. Nothing that is done to the set later changes it. */
  snapshot(): KeySnapshot
}

export interface KeySnapshot {
  /** Visits keys in order. The walk ends where the snapshot is closed. */
  walk(query: WalkQuery): KeyWalk
  /** Lets the set change blocks in place again. */
  close(): void
}

/** What the functions below change. */
interface KeySet {
  /** In order; none is empty. */
  blocks: Block[]
  guide: Guide
  size: number
  /** Number of snapshots that were taken. A block of an earlier generation may be seen by one that is open. */
  generation: number
  openSnapshots: number
}

/** Blocks with no more keys together than this become one, and so with half of the bytes of a block. */
const mergedKeys = maxBlockKeys / 2
const mergedBytes = maxBlockBytes / 2

/**
 * Blocks of packed keys, and an array of them: with up to 256 keys in a block, 1,000,000 keys have some 6,000 blocks. A
 * snapshot copies the array alone. A block that a snapshot may see is copied before it is changed.
 */
export function makeOrderedKeys(): OrderedKeys {
  const set: KeySet = { blocks: [], guide: makeGuide(), size: 0, generation: 0, openSnapshots: 0 }

  return {
    get size() {
      return set.size
    },
    get bytes() {
      return set.blocks.reduce((sum, { bytes, ends }) => sum + bytes.length + ends.byteLength, set.guide.bytes)
    },
    add: (bytes, start, length) => add(set, { bytes, start, length }),
    remove: (bytes, start, length) => remove(set, { bytes, start, length }),
    has(bytes, start, length) {
      const key = { bytes, start, length }
      const block = set.blocks[set.guide.find(key)]
      return block !== undefined && isAt(block, findKey(block, key), key)
    },
    keepFirst: (count) => keepFirst(set, count),
    count: (ranges) => countBetween(set.blocks, ranges),
    snapshot: () => snapshot(set),
  }
}

function addBlock(set: KeySet, at: number, block: Block): void {
  set.blocks.splice(at, 0, block)
  set.guide.add(at, block)
}

function removeBlock(set: KeySet, at: number): void {
  set.blocks.splice(at, 1)
  set.guide.remove(at, 1)
}

function blockOf(key: KeyWindow, generation: number): Block {
  const block = makeBlock(key.length, generation)
  insertKey(block, 0, key)
  return block
}

function add(set: KeySet, key: KeyWindow): void {
  const at = set.guide.find(key)
  const block = set.blocks[at]
  if (block === undefined) {
    addBlock(set, 0, blockOf(key, set.generation))
    set.size = 1
    return
  }
  const index = findKey(block, key)
  if (isAt(block, index, key)) return
  set.size++
  if (hasPlace(block, key)) insertKey(writable(set, at), index, key)
  else if (index === block.count) addAfter(set, at, key)
  else addToHalf(set, at, key)
}

function hasPlace(block: Block, { length }: KeyWindow): boolean {
  return block.count < maxBlockKeys && usedBytes(block) + length <= maxBlockBytes
}

/** Adds a key right after a full block, so that keys that come in order leave full blocks behind. */
function addAfter(set: KeySet, at: number, key: KeyWindow): void {
  const next = set.blocks[at + 1]
  if (next === undefined || !hasPlace(next, key)) {
    addBlock(set, at + 1, blockOf(key, set.generation))
    return
  }
  const block = writable(set, at + 1)
  insertKey(block, 0, key)
  set.guide.remove(at + 1, 1)
  set.guide.add(at + 1, block)
}

/** Splits a full block, and adds the key to that half which is to have it. */
function addToHalf(set: KeySet, at: number, key: KeyWindow): void {
  const block = set.blocks[at] as Block
  const middle = middleOf(block)
  const first = copyKeys(block, 0, middle, set.generation)
  const second = copyKeys(block, middle, block.count, set.generation)
  set.blocks[at] = first
  addBlock(set, at + 1, second)
  const isInSecond = findKey(second, key) > 0
  const half = isInSecond ? second : first
  if (hasPlace(half, key)) insertKey(half, findKey(half, key), key)
  else addToHalf(set, isInSecond ? at + 1 : at, key)
}

/** Index of a key, not the first one, with about as many keys or bytes before it as from it on. */
function middleOf(block: Block): number {
  if (block.count === maxBlockKeys) return maxBlockKeys / 2
  const half = usedBytes(block) / 2
  let index = 1
  while (index < block.count - 1 && endOf(block, index) <= half) index++
  return index
}

function remove(set: KeySet, key: KeyWindow): void {
  const at = set.guide.find(key)
  const block = set.blocks[at]
  if (block === undefined) return
  const index = findKey(block, key)
  if (!isAt(block, index, key)) return
  set.size--
  if (block.count === 1) {
    removeBlock(set, at)
    return
  }
  removeKey(writable(set, at), index)
  if (!merge(set, at)) merge(set, at - 1)
}

/** Makes one of a block and the next, where the two have few keys. Returns whether it did. */
function merge(set: KeySet, at: number): boolean {
  const block = set.blocks[at]
  const next = set.blocks[at + 1]
  if (block === undefined || next === undefined || block.count + next.count > mergedKeys) return false
  if (usedBytes(block) + usedBytes(next) > mergedBytes) return false
  appendKeys(writable(set, at), next)
  removeBlock(set, at + 1)
  return true
}

/** The block, or a copy in its place where a snapshot may see it. */
function writable(set: KeySet, at: number): Block {
  const block = set.blocks[at] as Block
  if (set.openSnapshots === 0 || block.generation === set.generation) return block
  const copy = copyKeys(block, 0, block.count, set.generation)
  set.blocks[at] = copy
  return copy
}

function keepFirst(set: KeySet, count: number): Buffer | undefined {
  const { blocks, guide } = set
  const kept = Math.max(0, count)
  let [at, left] = [0, kept]
  for (let block = blocks[at]; left > 0 && block !== undefined; block = blocks[at]) {
    if (block.count > left) blocks[at] = copyKeys(block, 0, left, set.generation)
    left -= Math.min(left, block.count)
    at++
  }
  guide.remove(at, blocks.length - at)
  blocks.length = at
  set.size = Math.min(set.size, kept)
  const last = blocks.at(-1)
  return last && Buffer.from(last.bytes.subarray(startOf(last, last.count - 1), usedBytes(last)))
}

function snapshot(set: KeySet): KeySnapshot {
  let blocks: readonly Block[] | undefined = set.blocks.slice()
  set.generation++
  set.openSnapshots++
  const walks: KeyWalk[] = []

  return {
    walk(query) {
      const walk = makeWalk(blocks ?? [], query)
      walks.push(walk)
      return walk
    },
    close() {
      if (blocks === undefined) return
      blocks = undefined
      set.openSnapshots--
      for (const walk of walks) walk.end()
    },
  }
}
