import type { Hash } from './key-hash.ts'
import type { KeyIndex } from './key-index.ts'
import type { Records } from './records.ts'
import type { Slab, Slabs } from './slabs.ts'

/**
 * Bytes that a step examines for each byte that was written: enough to keep up with slabs of which four fifths are in
 * use.
 */
const examinedPerByte = 8
/** Least number of bytes that a step examines. It takes some microseconds. */
const minExaminedBytes = 2048

/**
 * Reclaims free space that lies in pieces between records, by moving the records that are left in a slab. It works in
 * small steps, so that no write waits for long.
 * @returns a step, to be called after each change with the size of the change in bytes
 */
export function makeCompactor(slabs: Slabs, records: Records, index: KeyIndex, hash: Hash): (bytes: number) => void {
  let slab: Slab | undefined
  /** Address in the slab where the next step continues. */
  let position = 0

  return (bytes) => {
    if (slab === undefined) {
      slab = slabs.mostWasteful()
      if (slab === undefined) return
      position = slab.start
    }
    for (let left = Math.max(minExaminedBytes, examinedPerByte * bytes); left > 0; ) {
      if (slab.isGone() || position >= slab.end) {
        slab = undefined
        return
      }
      const address = position
      const size = records.sizeAt(address)
      left -= size
      position += size / slabs.unit
      const { buffer, start, length } = records.keyAt(address)
      const key = hash(buffer, start, length)
      if (index.has(key, address)) index.move(key, address, records.move(address))
    }
  }
}
