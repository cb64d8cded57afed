import { freeBuffer } from '../../lib/buffers.ts'
import { smallBytes } from '../../memory/index.ts'

const none: Buffer = Buffer.alloc(0)

/**
 * Collects the pieces of a body in one buffer, so that many small pieces take no more memory than few large ones. It
 * takes memory for the whole body at once, but only `smallBytes` until more than that has arrived: announcing a large
 * body costs little, and a large one is not given up half way for want of room.
 */
export class BodyBuffer {
  size = 0
  private buffer = none
  private readonly maxBytes: number
  private readonly declared: number | undefined

  /**
   * @param maxBytes never exceeded
   * @param declared size that the client announced; undefined where it announced none
   */
  constructor(maxBytes: number, declared: number | undefined) {
    this.maxBytes = maxBytes
    this.declared = declared
  }

  /** How much memory it takes once that many more bytes are in it. */
  capacityWith(more: number): number {
    const { size, buffer, declared, maxBytes } = this
    const needed = size + more
    if (needed <= buffer.length || size === 0) return Math.max(needed, buffer.length)
    if (declared === undefined) return Math.min(maxBytes, Math.max(needed, 2 * buffer.length))
    return Math.max(needed, Math.min(declared, needed <= smallBytes ? smallBytes : declared))
  }

  /** Takes over the chunk, which must not be used any more. */
  add(chunk: Buffer): void {
    // The first is the parser's own copy of just these bytes, and mostly the whole body.
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

  /** Returns the body in memory of just its size, which is the caller's. Nothing can be added afterwards. */
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

  /** The connection keeps this object alive until its next request, and would keep the body too. */
  private letGo(): Buffer {
    const collected = this.buffer
    this.buffer = none
    return collected
  }
}
