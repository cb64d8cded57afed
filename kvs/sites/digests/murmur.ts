/**
 * MurmurHash3 of 32 bits (https://github.com/aappleby/smhasher, MurmurHash3_x86_32). It is no secret, so that all sites
 * have the same; who chooses keys can have them all collide.
 * @returns an unsigned integer of 32 bits
 */
export function murmur3(bytes: Buffer, start: number, length: number, seed: number): number {
  const whole = start + (length & ~3)
  let hash = seed
  for (let at = start; at < whole; at += 4) {
    hash ^= scrambled(bytes.readInt32LE(at))
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let at = start + length - 1; at >= whole; at--) tail = (tail << 8) | (bytes[at] as number)
  if ((length & 3) > 0) hash ^= scrambled(tail)
  hash ^= length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function scrambled(word: number): number {
  const multiplied = Math.imul(word, 0xcc9e2d51)
  return Math.imul((multiplied << 15) | (multiplied >>> 17), 0x1b873593)
}
