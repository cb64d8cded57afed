import { expect, test } from 'vitest'
import type { HeldPut, HeldPuts } from '../../../../kvs/core/held-put.ts'
import { bucketOf } from '../../../../kvs/sites/digests/fingerprint.ts'
import { collect, sumUp } from '../../../../kvs/sites/digests/walk-puts.ts'

const held = (key: string): HeldPut => ({
  ...{ key: Buffer.from(key), value: Buffer.from('v'), contentType: undefined, deadline: undefined },
  rank: { stamp: 1, isExpiry: false, origin: 'a' },
})

/** Keys of which some have the same hash, in segments. */
function makePuts(segments: readonly Readonly<Record<number, readonly string[]>>[]): HeldPuts {
  const byHash = (hash: number) => segments.flatMap((segment) => segment[hash] ?? [])
  return {
    segments: segments.length,
    hashesIn: (segment) =>
      Uint32Array.from(Object.entries(segments[segment] ?? {}).flatMap(([hash, keys]) => keys.map(() => Number(hash)))),
    visitKeys(hash, visit) {
      for (const key of byHash(hash)) visit(Buffer.from(key), 0, Buffer.byteLength(key))
    },
    visitPuts(hash, visit) {
      for (const key of byHash(hash)) visit(held(key))
    },
    putOf: (key) => (segments.some((segment) => Object.values(segment).flat().includes(key)) ? held(key) : undefined),
  }
}

function resultOf<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

const keys = ['a', 'b', 'c', 'd', 'e', 'f']
const clashing = makePuts([{ 7: ['a', 'b'], 8: ['c'] }, {}, { 9: ['d', 'e', 'f'] }])
const apart = makePuts([{ 1: ['a'], 2: ['b'], 3: ['c'], 4: ['d'], 5: ['e'], 6: ['f'] }])
const buckets = new Set(keys.map((key) => bucketOf(Buffer.from(key))))

test('keys with the same hash count once each', () => {
  const sums = resultOf(sumUp(clashing))
  expect(keys.map((key) => sums.countIn(bucketOf(Buffer.from(key))))).toEqual([1, 1, 1, 1, 1, 1])
  expect(sums.texts()).toEqual(resultOf(sumUp(apart)).texts())
})

test('the keys of some buckets are collected from a segment on, and no more than asked for', () => {
  const { fingerprints, stoppedIn } = resultOf(collect(clashing, buckets, 0, 6))
  expect([fingerprints.map(({ key }) => key).toSorted(), stoppedIn]).toEqual([keys, undefined])
  for (const { key, bucket } of fingerprints) expect(bucket).toBe(bucketOf(Buffer.from(key)))
  for (const from of [1, 2]) {
    const rest = resultOf(collect(clashing, buckets, from, 6))
    expect([rest.fingerprints.map(({ key }) => key), rest.stoppedIn]).toEqual([['d', 'e', 'f'], undefined])
  }
  const some = resultOf(collect(clashing, buckets, 0, 4))
  expect([some.fingerprints.map(({ key }) => key), some.stoppedIn]).toEqual([['a', 'b', 'c', 'd'], 2])
  const one = resultOf(collect(clashing, new Set([bucketOf(Buffer.from('e'))]), 0, 6))
  expect(one.fingerprints.map(({ key }) => key)).toEqual(['e'])
})
