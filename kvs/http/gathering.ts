import { freeBuffer } from '../free-buffer.ts'
import { smallBytes } from '../memory-budget.ts'

/** The pieces of a body, put together as they come: whoever sends many small ones takes no more memory for it. */
export interface Gathering {
  /** Of what has been added. */
  readonly size: number
  /** What it takes with that many more bytes in it. */
  capacityWith(more: number): number
  /** The chunk is not to be used any more. */
  add(chunk: Buffer): void
  /** In memory of just that size, which is the caller's. Nothing can be added afterwards. */
  whole(): Buffer
  free(): void
}

/**
 * Memory is taken for the whole body, but for no more than `smallBytes` before more than that has arrived: so neither does it
 * take much to announce a large one, nor is a large one given up half way for want of room.
 * @param maxBytes which is never exceeded
 * @param declared how large the body is to be; undefined where that is not known
 */
export function makeGathering(maxBytes: number, declared: number | undefined): Gathering {
  let buffer = none
  let size = 0

  function capacityWith(more: number): number {
    const needed = size + more
    if (needed <= buffer.length || size === 0) return Math.max(needed, buffer.length)
    if (declared === undefined) return Math.min(maxBytes, Math.max(needed, 2 * buffer.length))
    return Math.max(needed, Math.min(declared, needed <= smallBytes ? smallBytes : declared))
  }

  function moveTo(capacity: number): void {
    const moved = Buffer.allocUnsafeSlow(capacity)
    buffer.copy(moved, 0, 0, size)
    freeBuffer(buffer)
    buffer = moved
  }

  /** Who has gathered it stays within reach of its connection, up to the next request there, and so would the body. */
  function letGo(): Buffer {
    const gathered = buffer
    buffer = none
    return gathered
  }

  return {
    get size() {
      return size
    },
    capacityWith,
    add(chunk) {
      // The first is the parser's copy of just that, and mostly the whole body.
      if (size === 0) buffer = chunk
      else {
        const capacity = capacityWith(chunk.length)
        if (capacity > buffer.length) moveTo(capacity)
        chunk.copy(buffer, size)
      }
      size += chunk.length
      if (buffer !== chunk) freeBuffer(chunk)
    },
    whole() {
      if (buffer.length !== size || buffer.buffer.byteLength !== size) moveTo(size)
      return letGo()
    },
    free: () => freeBuffer(letGo()),
  }
}

const none: Buffer = Buffer.alloc(0)
