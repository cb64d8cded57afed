/** Most keys of a block. */
export const maxBlockKeys = 256
/** Most bytes of a block's keys together; offsets have 16 bits. */
export const maxBlockBytes = 32 * 1024
/** Least room that a block has for more keys, in bytes. */
const leastRoom = 32

/** Keys in byte order, packed one after the other, without gaps. */
export interface Block {
  bytes: Buffer
  /** Offset in `bytes` after each key. */
  readonly ends: Uint16Array
  /** Number of keys. No block in a set is empty. */
  count: number
  /** Generation of the set that the block was made in: no snapshot that was taken before sees it. */
  readonly generation: number
}

/** A key as a window on a buffer. */
export interface KeyWindow {
  readonly bytes: Buffer
  readonly start: number
  readonly length: number
}

/** @param bytes room for keys, in bytes */
export function makeBlock(bytes: number, generation: number): Block {
  const ends = new Uint16Array(maxBlockKeys)
  return { bytes: Buffer.allocUnsafeSlow(bytes), ends, count: 0, generation }
}

/** Offset of a key in the block; that after the last one for `index === count`. */
export function startOf({ ends }: Block, index: number): number {
  return index === 0 ? 0 : (ends[index - 1] as number)
}

export function endOf({ ends }: Block, index: number): number {
  return ends[index] as number
}

/** Size of all keys in bytes. */
export function usedBytes(block: Block): number {
  return startOf(block, block.count)
}

/** Compares a key with one of a block, as `Buffer.compare` does. */
export function compareKey({ bytes, start, length }: KeyWindow, block: Block, index: number): number {
  const other = block.bytes
  const otherStart = startOf(block, index)
  const otherLength = endOf(block, index) - otherStart
  const at = sharedBytes({ bytes, start, length }, 0, other, otherStart, otherLength)
  if (at === length || at === otherLength) return length - otherLength
  return (bytes[start + at] as number) - (other[otherStart + at] as number)
}

/** Number of bytes that two keys begin with alike, of which `from` are known. */
export function sharedBytes(
  { bytes, start, length }: KeyWindow,
  from: number,
  other: Buffer,
  otherStart: number,
  otherLength: number,
): number {
  const most = length < otherLength ? length : otherLength
  let at = from
  while (at < most && bytes[start + at] === other[otherStart + at]) at++
  return at
}

/**
 * Index of the first key in the block that is not before this one; `count` where there is none. What the key shares
 * with both ends of the part that is left, all keys in it begin with, and it is not compared again.
 */
export function findInBlock({ bytes: other, ends, count }: Block, key: KeyWindow): number {
  const { bytes, start, length } = key
  let [low, high, lowShared, highShared] = [0, count, 0, 0]
  while (low < high) {
    const middle = (low + high) >>> 1
    const from = middle === 0 ? 0 : (ends[middle - 1] as number)
    const otherLength = (ends[middle] as number) - from
    const shared = sharedBytes(key, lowShared < highShared ? lowShared : highShared, other, from, otherLength)
    const isAfter =
      shared < length &&
      (shared === otherLength || (bytes[start + shared] as number) > (other[from + shared] as number))
    if (isAfter) {
      low = middle + 1
      lowShared = shared
    } else {
      high = middle
      highShared = shared
    }
  }
  return low
}

/** Inserts a key before the one at `index`. The block must have a place for it. */
export function insertKey(block: Block, index: number, { bytes, start, length }: KeyWindow): void {
  const { ends, count } = block
  const used = usedBytes(block)
  const at = startOf(block, index)
  if (used + length > block.bytes.length) grow(block, used + length)
  if (at < used) block.bytes.copyWithin(at + length, at, used)
  bytes.copy(block.bytes, at, start, start + length)
  for (let later = count; later > index; later--) ends[later] = (ends[later - 1] as number) + length
  ends[index] = at + length
  block.count++
}

export function removeKey(block: Block, index: number): void {
  const { bytes, ends } = block
  const at = startOf(block, index)
  const length = endOf(block, index) - at
  bytes.copyWithin(at, at + length, usedBytes(block))
  block.count--
  for (let later = index; later < block.count; later++) ends[later] = (ends[later + 1] as number) - length
}

/** Copies some keys of a block into one of their own, with a little room for more. */
export function copyKeys(block: Block, from: number, to: number, generation: number): Block {
  const start = startOf(block, from)
  const used = startOf(block, to) - start
  const copy = makeBlock(roomFor(used), generation)
  block.bytes.copy(copy.bytes, 0, start, start + used)
  for (let index = from; index < to; index++) copy.ends[index - from] = endOf(block, index) - start
  copy.count = to - from
  return copy
}

/** Adds the keys of a block that comes right after this one. */
export function appendKeys(block: Block, next: Block): void {
  const used = usedBytes(block)
  const added = usedBytes(next)
  if (used + added > block.bytes.length) grow(block, used + added)
  next.bytes.copy(block.bytes, used, 0, added)
  for (let index = 0; index < next.count; index++) block.ends[block.count + index] = used + endOf(next, index)
  block.count += next.count
}

function grow(block: Block, bytes: number): void {
  const larger = Buffer.allocUnsafeSlow(roomFor(bytes))
  block.bytes.copy(larger, 0, 0, usedBytes(block))
  block.bytes = larger
}

/** An eighth more than is needed, so that not every new key has the block copied. */
function roomFor(bytes: number): number {
  return Math.min(maxBlockBytes, bytes + (bytes >>> 3) + leastRoom)
}
