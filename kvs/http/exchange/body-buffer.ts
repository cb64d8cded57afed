import { freeBuffer } from '../../lib/buffers.ts'
import { smallBytes } from '../../memory/index.ts'

const none: Buffer = Buffer.alloc(0)

/**
 * The pieces of a body, put together as they come: whoever sends many small ones takes no more memory for it. Memory is taken
 * for the whole body, but for no more than `smallBytes` before more than that has arrived: so neither does it take much to
 * announce a large one, nor is a large one given up half way for want of room.
 */
export class Gathering {
  size = 0
  private buffer = none
  private readonly maxBytes: number
  private readonly declared: number | undefined

  /**
   * @param maxBytes which is never exceeded
   * @param declared how large the body is to be; undefined where that is not known
   */
  constructor(maxBytes: number, declared: number | undefined) {
    this.maxBytes = maxBytes
    this.declared = declared
  }

  /** What it takes with that many more bytes in it. */
  capacityWith(more: number): number {
    const { size, buffer, declared, maxBytes } = this
    const needed = size + more
    if (needed <= buffer.length || size === 0) return Math.max(needed, buffer.length)
    if (declared === undefined) return Math.min(maxBytes, Math.max(needed, 2 * buffer.length))
    return Math.max(needed, Math.min(declared, needed <= smallBytes ? smallBytes : declared))
  }

  /** The chunk is not to be used any more. */
  add(chunk: Buffer): void {
    // The first is the parser's copy of just that, and mostly the whole body.
    if (this.size === 0) {
      this.buffer = chunk
      this.size = chunk.length
      return
    }
    const capacity = this.capacityWith(chunk.length)
    if (capacity > this.buffer.length) this.moveTo(capacity)
    this.size += chunk.copy(this.buffer, this.size)
    freeBuffer(chunk)
  }

  /** In memory of just that size, which is the caller's. Nothing can be added afterwards. */
  whole(): Buffer {
    const { size, buffer } = this
    if (buffer.length !== size || buffer.buffer.byteLength !== size) this.moveTo(size)
    return this.letGo()
  }

  free(): void {
    freeBuffer(this.letGo())
  }

  private moveTo(capacity: number): void {
    const moved = Buffer.allocUnsafeSlow(capacity)
    this.buffer.copy(moved, 0, 0, this.size)
    freeBuffer(this.buffer)
    this.buffer = moved
  }

  /** Who has gathered it stays within reach of its connection, up to the next request there, and so would the body. */
  private letGo(): Buffer {
    const gathered = this.buffer
    this.buffer = none
    return gathered
  }
}
