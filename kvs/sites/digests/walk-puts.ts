import { distinctHashes, type HeldPut, type HeldPuts } from '../../core/held-put.ts'
import type { Fingerprint } from '../../kv/index.ts'
import { type BucketSums, bucketOf, checksumOf, fingerprintOf, makeBucketSums } from './fingerprint.ts'

/** Digests of all keys. What changes meanwhile may be in them or not. */
export function* sumUp(puts: HeldPuts): Generator<void, BucketSums> {
  const sums = makeBucketSums()
  const found: HeldPut[] = []
  const visit = (put: HeldPut) => void found.push(put)
  for (let segment = 0; segment < puts.segments; segment++) {
    for (const hash of distinctHashes(puts, segment)) {
      puts.visitPuts(hash, visit)
      for (const put of found) sums.add(put, yield* checksumOf(put))
      found.length = 0
      yield
    }
  }
  return sums
}

/** Keys of some buckets, with the bucket of each. */
export interface Collected {
  readonly fingerprints: readonly (Fingerprint & { readonly bucket: number })[]
  /** Segment before whose end there were too many; undefined where these are all from the first segment on. */
  readonly stoppedIn: number | undefined
}

/** Finds at most so many keys of the buckets, from a segment on. */
export function* collect(
  puts: HeldPuts,
  buckets: ReadonlySet<number>,
  from: number,
  most: number,
): Generator<void, Collected> {
  const fingerprints: (Fingerprint & { readonly bucket: number })[] = []
  const keys: string[] = []
  const visit = (bytes: Buffer, start: number, length: number) => {
    if (buckets.has(bucketOf(bytes, start, length))) keys.push(bytes.toString('utf8', start, start + length))
  }
  for (let segment = from; segment < puts.segments; segment++) {
    for (const hash of distinctHashes(puts, segment)) {
      puts.visitKeys(hash, visit)
      for (const key of keys.splice(0)) {
        const put = puts.putOf(key)
        if (put === undefined) continue
        if (fingerprints.length >= most) return { fingerprints, stoppedIn: segment }
        fingerprints.push({ ...(yield* fingerprintOf(put)), bucket: bucketOf(put.key) })
      }
      yield
    }
  }
  return { fingerprints, stoppedIn: undefined }
}

/** What the view has by now of some keys; undefined for a key without a value. */
export function* lookUp(
  puts: HeldPuts,
  keys: readonly string[],
): Generator<void, readonly (Fingerprint | undefined)[]> {
  const found: (Fingerprint | undefined)[] = []
  for (const key of keys) {
    const put = puts.putOf(key)
    found.push(put && (yield* fingerprintOf(put)))
    yield
  }
  return found
}
