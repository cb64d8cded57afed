import { maxKeyBytes } from './limits.ts'

/**
 * Encodes a key in UTF-8 into a buffer of `maxKeyBytes`. Returns its length in bytes; -1 when the key is longer than
 * that.
 */
export function encodeKey(key: string, to: Buffer): number {
  const { length } = key
  if (length > maxKeyBytes) return -1
  for (let at = 0; at < length; at++) {
    const code = key.charCodeAt(at)
    if (code > 0x7f) return Buffer.byteLength(key) > maxKeyBytes ? -1 : to.write(key)
    to[at] = code
  }
  return length
}
