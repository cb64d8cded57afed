import type { Block } from './block.ts'
import { endOf, findKey, insertKey, isAt, type KeyWindow, type PackedKeys, removeKey } from './packed-keys.ts'

/**
 * What leads to the block of a key: a key for each block but the first, packed in one place. 1,000,000 keys have 6,000
 * blocks, whose first keys are all over the memory; a search through them would wait for it a dozen times.
 */
export interface Guide {
  /** Memory that is taken, in bytes. */
  readonly bytes: number
  /** Number of the block that has the key where any has it, and that it is to be added to where none has it. */
  find(key: KeyWindow): number
  /** Adds a block with that number. There must be one before it, unless it is the first of all. */
  add(at: number, block: Block): void
  /** Removes some blocks. */
  remove(at: number, count: number): void
}

/**
 * The key of a block comes after all keys of the block before, and after none of its own: where the first one of these
 * is removed, it stays.
 */
export function makeGuide(): Guide {
  let keys = noKeys()

  return {
    get bytes() {
      return keys.bytes.length + keys.ends.byteLength
    },
    find(key) {
      const index = findKey(keys, key)
      return isAt(keys, index, key) ? index + 1 : index
    },
    add(at, block) {
      if (at === 0) return
      if (keys.count === keys.ends.length) growEnds(keys)
      insertKey(keys, at - 1, { bytes: block.bytes, start: 0, length: endOf(block, 0) })
    },
    remove(at, count) {
      // Without the first block, the next one is the first, and needs no key.
      for (let block = at + count - 1; block >= at && keys.count > 0; block--) removeKey(keys, Math.max(0, block - 1))
      if (keys.count === 0) keys = noKeys()
    },
  }
}

function noKeys(): PackedKeys {
  return { bytes: Buffer.alloc(0), ends: new Uint32Array(0), count: 0 }
}

function growEnds(keys: PackedKeys): void {
  const { ends } = keys
  keys.ends = new Uint32Array(Math.max(16, ends.length * 2))
  keys.ends.set(ends)
}
