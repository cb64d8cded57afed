/** A copy that shares memory with nothing else, unless it has its memory for itself already. */
export function owned(buffer: Buffer, start = 0, length = buffer.length): Buffer {
  if (length === buffer.buffer.byteLength) return buffer
  const copy = Buffer.allocUnsafeSlow(length)
  buffer.copy(copy, 0, start, start + length)
  return copy
}
