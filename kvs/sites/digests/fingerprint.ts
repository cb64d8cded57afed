import { crc32 } from 'node:zlib'
import type { HeldPut } from '../../core/held-put.ts'
import { bucketCount, type Fingerprint } from '../../kv/index.ts'
import { murmur3 } from './murmur.ts'

/*
 * All sites have to come to the same numbers, of whatever version they are. So these are part of the format that
 * `digestsType` names:
 *
 *     bucket       murmur3 of the key's UTF-8 with the seed 0, modulo `bucketCount`
 *     checksum     CRC-32 of the value, and then of the text `\nDEADLINE\nTYPE`, where what is absent is empty
 *     digest       the sum of the key digests in the bucket, each half modulo 2^32; low half: seed 1, high half: seed 2
 *     key digest   murmur3 of the key's UTF-8, the stamp (64 bits), the checksum (32 bits), and the origin's UTF-8;
 *                  integers with the low byte first
 */
const bucketSeed = 0
const lowSeed = 1
const highSeed = 2

/** What is read of a value before other work gets its turn, in bytes. */
const pieceBytes = 64 * 1024

export function bucketOf(key: Buffer, start = 0, length = key.length): number {
  return murmur3(key, start, length, bucketSeed) % bucketCount
}

/** Checksum of what readers get. A step reads so little that it takes some microseconds. */
export function* checksumOf({ value, contentType = '', deadline }: HeldPut): Generator<void, number> {
  let sum = 0
  for (let at = 0; at < value.length; at += pieceBytes) {
    if (at > 0) yield
    sum = crc32(value.subarray(at, at + pieceBytes), sum)
  }
  return crc32(`\n${deadline ?? ''}\n${contentType}`, sum)
}

/** In steps, as `checksumOf`. */
export function* fingerprintOf(put: HeldPut): Generator<void, Fingerprint> {
  const checksum = yield* checksumOf(put)
  return { key: put.key.toString(), stamp: put.rank.stamp, origin: put.rank.origin, checksum }
}

export function isAlike(one: Fingerprint, other: Fingerprint | undefined): boolean {
  return (
    other !== undefined &&
    one.stamp === other.stamp &&
    one.origin === other.origin &&
    one.checksum === other.checksum &&
    one.key === other.key
  )
}

/** Digests of all buckets, with the number of keys in each. */
export interface BucketSums {
  add(put: HeldPut, checksum: number): void
  countIn(bucket: number): number
  /** As `DigestService.read` has them. */
  texts(): readonly string[]
}

export function makeBucketSums(): BucketSums {
  const low = new Uint32Array(bucketCount)
  const high = new Uint32Array(bucketCount)
  const counts = new Uint32Array(bucketCount)
  const origins = new Map<string, Buffer>()
  let scratch = Buffer.alloc(2 * 1024)

  function bytesOf(origin: string): Buffer {
    const bytes = origins.get(origin) ?? Buffer.from(origin)
    origins.set(origin, bytes)
    return bytes
  }

  return {
    add({ key, rank }, checksum) {
      const origin = bytesOf(rank.origin)
      const length = key.length + 12 + origin.length
      if (length > scratch.length) scratch = Buffer.alloc(length)
      let at = key.copy(scratch)
      at = scratch.writeUInt32LE(rank.stamp % 2 ** 32, at)
      at = scratch.writeUInt32LE(Math.floor(rank.stamp / 2 ** 32), at)
      at = scratch.writeUInt32LE(checksum, at)
      origin.copy(scratch, at)
      const bucket = bucketOf(key)
      // Typed arrays take what is stored modulo 2^32.
      low[bucket] = (low[bucket] as number) + murmur3(scratch, 0, length, lowSeed)
      high[bucket] = (high[bucket] as number) + murmur3(scratch, 0, length, highSeed)
      counts[bucket] = (counts[bucket] as number) + 1
    },
    countIn: (bucket) => counts[bucket] as number,
    texts: () => Array.from(low, (sum, bucket) => hex(high[bucket] as number) + hex(sum)),
  }
}

const hex = (word: number) => word.toString(16).padStart(8, '0')
