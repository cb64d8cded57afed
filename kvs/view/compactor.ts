import type { Hash } from './hash.ts'
import type { KeyIndex } from './key-index.ts'
import type { Records } from './records.ts'
import type { Slab, Slabs } from './slabs.ts'

/**
 * Gets space back that is free in pieces between others, by moving what a slab still holds. A step looks at this many
 * times the bytes that a write has brought, so that it keeps up where four fifths of the slab are in use, and at this
 * many at the least: some microseconds.
 */
const workPerByte = 8
const leastWork = 2048

/** To be called after each change, with the size of what changed. */
export function makeCompactor(slabs: Slabs, records: Records, index: KeyIndex, hash: Hash): (bytes: number) => void {
  let slab: Slab | undefined
  let at = 0

  return (bytes) => {
    if (slab === undefined) {
      slab = slabs.mostWasteful()
      if (slab === undefined) return
      at = slab.start
    }
    for (let left = Math.max(leastWork, workPerByte * bytes); left > 0; ) {
      if (slab.isGone() || at >= slab.end) {
        slab = undefined
        return
      }
      const address = at
      const size = records.sizeAt(address)
      left -= size
      at += size / slabs.unit
      const { buffer, start, length } = records.keyAt(address)
      const key = hash(buffer, start, length)
      if (index.has(key, address)) index.move(key, address, records.move(address))
    }
  }
}
