export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}

/** Copies bytes. A loop copies few of them faster than a call into native code does. */
export function copyBytes(from: Buffer, start: number, length: number, to: Buffer, at: number): void {
  if (length <= 32) for (let index = 0; index < length; index++) to[at + index] = from[start + index] as number
  else from.copy(to, at, start, start + length)
}
