import { endOf, growBytes, type PackedKeys, roomFor, startOf, usedBytes } from './packed-keys.ts'

/** Most keys of a block. */
export const maxBlockKeys = 256
/** Most bytes of a block's keys together; offsets have 16 bits. */
export const maxBlockBytes = 32 * 1024

/** A part of a set's keys. No block in a set is empty. */
export interface Block extends PackedKeys {
  readonly ends: Uint16Array
  /** Generation of the set that the block was made in: no snapshot that was taken before sees it. */
  readonly generation: number
}

/** @param bytes room for keys, in bytes */
export function makeBlock(bytes: number, generation: number): Block {
  const ends = new Uint16Array(maxBlockKeys)
  return { bytes: Buffer.allocUnsafeSlow(bytes), ends, count: 0, generation }
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
  if (used + added > block.bytes.length) growBytes(block, used + added)
  next.bytes.copy(block.bytes, used, 0, added)
  for (let index = 0; index < next.count; index++) block.ends[block.count + index] = used + endOf(next, index)
  block.count += next.count
}
