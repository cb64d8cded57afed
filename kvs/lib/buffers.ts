/**
 * Smaller buffers are left to the garbage collector. V8 runs it often enough for those, by the objects beside the
 * bytes.
 */
const leastFreedBytes = 4 * 1024

/**
 * Gives a buffer's memory back at once. The garbage collector would let dozens of megabytes of it come together first.
 * The buffer is empty afterwards: call this only where the buffer was made here, or handed over for good, and nobody
 * else reads it. Does nothing to a window on memory that other buffers share.
 */
export function freeBuffer({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < leastFreedBytes || byteLength !== buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Returns the buffer itself where it has its memory for itself, or else a copy of the given part that has. */
export function owned(buffer: Buffer, start = 0, length = buffer.length): Buffer {
  if (length === buffer.buffer.byteLength) return buffer
  const copy = Buffer.allocUnsafeSlow(length)
  buffer.copy(copy, 0, start, start + length)
  return copy
}
