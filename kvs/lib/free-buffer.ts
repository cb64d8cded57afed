/** What is smaller is left to the garbage collector: V8 runs it often enough for that, by the objects beside the bytes. */
const leastBytes = 4 * 1024

/**
 * Gives a buffer's memory back at once, where the garbage collector would let dozens of megabytes of the kind come together.
 * The buffer is empty afterwards: only for whoever has made it, or was handed it for good, and knows that nobody else reads it.
 * Does nothing to a window on memory that others have windows on.
 */
export function freeBuffer({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < leastBytes || byteLength !== buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
