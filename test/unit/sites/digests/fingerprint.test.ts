import { expect, test } from 'vitest'
import type { HeldPut } from '../../../../kvs/core/held-put.ts'
import { bucketCount } from '../../../../kvs/kv/index.ts'
import { bucketOf, checksumOf, makeBucketSums } from '../../../../kvs/sites/digests/fingerprint.ts'
import { murmur3 } from '../../../../kvs/sites/digests/murmur.ts'

const held = (key: string, put: Partial<HeldPut> = {}): HeldPut => ({
  ...{ key: Buffer.from(key), value: Buffer.from('v'), contentType: undefined, deadline: undefined },
  ...{ rank: { stamp: 1_796_000_000_000_001, isExpiry: false, origin: '7d1f22a0' }, ...put },
})

function checksum(put: HeldPut): number {
  const steps = checksumOf(put)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

function textsOf(...puts: readonly HeldPut[]): readonly string[] {
  const sums = makeBucketSums()
  for (const put of puts) sums.add(put, checksum(put))
  return sums.texts()
}

// Vectors of https://en.wikipedia.org/wiki/MurmurHash and of the reference implementation's users
test.each([
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
])('murmur3 is that of the reference: %j with the seed %i', (text, seed, hash) => {
  const bytes = Buffer.from(`..${text}.`)
  expect(murmur3(bytes, 2, Buffer.byteLength(text), seed)).toBe(hash)
})

test('buckets, checksums and digests are the same in every version: they are part of the format', () => {
  const put = held('schlüssel', { value: Buffer.from('wert'), contentType: 'text/plain', deadline: 1_900_000_000_000 })
  expect({ bucket: bucketOf(put.key), checksum: checksum(put) }).toEqual({ bucket: 765, checksum: 1229655646 })
  expect(textsOf(put)[bucketOf(put.key)]).toBe('cae99ed155fb5c25')
})

test('a digest tells any difference of a key, and none of the order', () => {
  const base = [held('a'), held('b'), held('c')]
  const others: readonly HeldPut[] = [
    held('c', { value: Buffer.from('w') }),
    held('c', { contentType: 'text/plain' }),
    held('c', { deadline: 1 }),
    held('c', { rank: { stamp: 1_796_000_000_000_002, isExpiry: false, origin: '7d1f22a0' } }),
    held('c', { rank: { stamp: 1_796_000_000_000_001 + 2 ** 32, isExpiry: false, origin: '7d1f22a0' } }),
    held('c', { rank: { stamp: 1_796_000_000_000_001, isExpiry: false, origin: '7d1f22a1' } }),
  ]
  expect(textsOf(...base.toReversed())).toEqual(textsOf(...base))
  expect(textsOf(...base.slice(1))).not.toEqual(textsOf(...base))
  for (const other of others) expect(textsOf(held('a'), held('b'), other)).not.toEqual(textsOf(...base))
})

test('two keys that have each other’s values are told from before', () => {
  // Of a digest that is linear in its parts, the sums would be the same.
  for (let number = 0; number < 200; number++) {
    const [one, other] = [held('k1', { value: Buffer.from(`${number}`) }), held('k2', { value: Buffer.from('v') })]
    const swapped = [held('k1', { value: other.value }), held('k2', { value: one.value })]
    expect(textsOf(one, other)).not.toEqual(textsOf(...swapped))
  }
})

test('keys spread evenly over the buckets', () => {
  const counts = new Uint32Array(bucketCount)
  for (let number = 0; number < 100_000; number++) {
    const bucket = bucketOf(Buffer.from(`user/${number}`))
    counts[bucket] = (counts[bucket] as number) + 1
  }
  expect(Math.min(...counts)).toBeGreaterThan(50)
  expect(Math.max(...counts)).toBeLessThan(150)
})

test('a large value is read in steps', () => {
  const steps = checksumOf(held('k', { value: Buffer.alloc(1024 * 1024, 7) }))
  let count = 0
  while (!steps.next().done) count++
  expect(count).toBe(15)
})
