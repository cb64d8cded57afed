import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyRange } from '../../../kvs/core/key-range.ts'
import { makeOrderedKeys, type OrderedKeys, type WalkQuery } from '../../../kvs/order/index.ts'
import { makeSeededRandom } from '../../../tools/lab/seeded-random.ts'

const everything: readonly KeyRange[] = [{ from: Buffer.of(), to: undefined }]
const all: WalkQuery = { ranges: everything, limit: undefined, delimiter: undefined }

const add = (set: OrderedKeys, key: string) => set.add(Buffer.from(`..${key}.`), 2, Buffer.byteLength(key))
const remove = (set: OrderedKeys, key: string) => set.remove(Buffer.from(`..${key}.`), 2, Buffer.byteLength(key))
const has = (set: OrderedKeys, key: string) => set.has(Buffer.from(`..${key}.`), 2, Buffer.byteLength(key))

const compare = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other))
const sorted = (keys: Iterable<string>) => [...keys].toSorted(compare)

/** All that a walk gives, taken a few at a time. */
function walked(set: OrderedKeys, query: WalkQuery = all, most = 7): { names: string[]; hasMore: boolean } {
  const snapshot = set.snapshot()
  const walk = snapshot.walk(query)
  const names: string[] = []
  for (let taken = walk.take(most); taken.length > 0; taken = walk.take(most)) {
    expect(taken.length).toBeLessThanOrEqual(most)
    names.push(...taken.map((name) => name.toString()))
  }
  const { hasMore } = walk
  snapshot.close()
  return { names, hasMore }
}

/** What a walk is to give, from the keys in a sorted array. */
function expected(keys: readonly string[], { ranges, limit = Infinity, delimiter }: WalkQuery) {
  const within = keys
    .map((key) => Buffer.from(key))
    .filter((key) => ranges.some(({ from, to }) => key.compare(from) >= 0 && (to === undefined || key.compare(to) < 0)))
  const names = within.map((key) => {
    const at = delimiter === undefined ? -1 : key.indexOf(delimiter.text, delimiter.after)
    return (at < 0 || delimiter === undefined ? key : key.subarray(0, at + delimiter.text.length)).toString()
  })
  const distinct = [...new Set(names)]
  return { names: distinct.slice(0, limit), hasMore: distinct.length > limit }
}

/** Many share their beginning. Code units and bytes have different orders, by the characters beyond the BMP. */
const key = fc.oneof(
  fc.array(fc.constantFrom('a', 'b', '/', '!', 'é', '\uffee', '😀', '/a/', 'aaaaaaaa'), { maxLength: 6 }),
  fc.tuple(fc.constantFrom('x'.repeat(40), 'y'.repeat(1000)), fc.constantFrom('', '/', 'a', 'b', '/a', '/b', '😀')),
)
const keyText = key.map((parts) => parts.join(''))

const ranges = fc.array(keyText, { maxLength: 8 }).chain((keys) => {
  const bounds = sorted(new Set(keys)).map((text) => Buffer.from(text))
  const pairs = bounds.flatMap((from, index) => (index % 2 === 0 ? [{ from, to: bounds[index + 1] }] : []))
  return fc.constant<readonly KeyRange[]>(pairs)
})
const query: fc.Arbitrary<WalkQuery> = fc.record({
  ranges: fc.oneof(fc.constant(everything), ranges),
  limit: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  delimiter: fc.option(
    fc.record({ text: fc.constantFrom('/', 'a', '/a/', '😀').map((text) => Buffer.from(text)), after: fc.nat(4) }),
    { nil: undefined },
  ),
})

const change = fc.tuple(fc.constantFrom('add', 'add', 'remove'), keyText)

test('keys come in the order of their bytes, in ranges, up to a limit, subtrees once, and are counted', () => {
  fc.assert(
    fc.property(fc.array(change, { size: '+2' }), query, fc.integer({ min: 1, max: 9 }), (changes, query, most) => {
      const set = makeOrderedKeys()
      const model = new Set<string>()
      for (const [what, key] of changes) {
        if (what === 'add') add(set, key)
        else remove(set, key)
        if (what === 'add') model.add(key)
        else model.delete(key)
      }
      expect(set.size).toBe(model.size)
      expect(walked(set, query, most)).toEqual(expected(sorted(model), query))
      const { names } = expected(sorted(model), { ...all, ranges: query.ranges })
      expect(set.count(query.ranges)).toBe(names.length)
      for (const [, key] of changes) expect(has(set, key)).toBe(model.has(key))
    }),
  )
})

interface Campaign {
  /** How far apart keys are, which decides how many blocks there are. */
  readonly keys: number
  readonly longest: number
}

/** Adds and removes many keys, in waves, so that blocks are split and merged. */
function* churn(set: OrderedKeys, model: Set<string>, seed: number, { keys, longest }: Campaign) {
  const random = makeSeededRandom(seed, 'order')
  let next = 0
  for (let step = 0; step < 12_000; step++) {
    const isGrowing = step % 6_000 < 4_000
    const number = random.chance(0.3) ? next++ % keys : random.integer(0, keys - 1)
    const key = `k${number}${'x'.repeat((number * 37) % longest)}`
    if (random.chance(isGrowing ? 0.2 : 0.9)) {
      remove(set, key)
      model.delete(key)
    } else {
      add(set, key)
      model.add(key)
    }
    yield step
  }
}

const campaigns: readonly (Campaign & { readonly what: string })[] = [
  { what: 'short keys', keys: 5_000, longest: 3 },
  { what: 'long ones', keys: 3_000, longest: 1_000 },
]

describe.each(campaigns)('many $what', (campaign) => {
  test('are those of a sorted array, with pages and counts from anywhere', () => {
    const set = makeOrderedKeys()
    const model = new Set<string>()
    for (const step of churn(set, model, 1, campaign)) {
      if (step % 500 !== 0) continue
      const keys = sorted(model)
      expect(walked(set, all, 1_000)).toEqual({ names: keys, hasMore: false })
      for (const from of keys.filter((_, index) => index % 97 === 0)) {
        const ranges = [{ from: Buffer.from(from), to: Buffer.from('k7') }]
        expect(walked(set, { ...all, ranges, limit: 10 })).toEqual(expected(keys, { ...all, ranges, limit: 10 }))
        expect(set.count(ranges)).toBe(expected(keys, { ...all, ranges }).names.length)
      }
    }
  })

  test('a snapshot stays what it was, whatever comes later, and however many others there are', () => {
    const set = makeOrderedKeys()
    const model = new Set<string>()
    const open: { keys: string[]; names: string[]; take(): boolean; close(): void }[] = []
    for (const step of churn(set, model, 2, campaign)) {
      if (step % 700 === 0) {
        const snapshot = set.snapshot()
        const walk = snapshot.walk(all)
        const names: string[] = []
        const take = () => {
          const taken = walk.take(150)
          names.push(...taken.map((name) => name.toString()))
          return taken.length > 0
        }
        open.push({ keys: sorted(model), names, take, close: snapshot.close })
      }
      if (step % 300 === 0) for (const { take } of open) take()
      if (step % 2_500 === 0 && open.length > 3) open.splice(1, 1)[0]?.close()
    }
    expect(open.length).toBeGreaterThan(3)
    for (const { keys, names, take, close } of open) {
      while (take());
      close()
      expect(names).toEqual(keys)
    }
    expect(walked(set)).toEqual({ names: sorted(model), hasMore: false })
  })

  test('leave no memory behind once they are removed, and little beside them', () => {
    const set = makeOrderedKeys()
    const model = new Set<string>()
    for (const _ of churn(set, model, 3, campaign));
    const bytes = [...model].reduce((sum, key) => sum + key.length, 0)
    expect(set.bytes).toBeLessThan(2.5 * bytes + 16 * model.size + 1_000)
    for (const key of model) remove(set, key)
    expect([set.size, set.bytes]).toEqual([0, 0])
  })
})

test('keys that come in order, or in the other, leave blocks that are full', () => {
  const keys = Array.from({ length: 20_000 }, (_, n) => `${100_000 + n}`)
  const ascending = makeOrderedKeys()
  for (const key of keys) add(ascending, key)
  expect(ascending.bytes / keys.length).toBeLessThan(10)
  const inGap = makeOrderedKeys()
  for (const key of [...keys.slice(0, 5_000), ...keys.slice(5_000).toReversed()]) add(inGap, key)
  expect(inGap.bytes / keys.length).toBeLessThan(16)
  expect(walked(inGap, all, 1_000).names).toEqual(keys)
})

test('few keys that are left among many are in few blocks', () => {
  const set = makeOrderedKeys()
  const keys = Array.from({ length: 20_000 }, (_, n) => `${100_000 + n}`)
  for (const key of keys) add(set, key)
  for (const [n, key] of keys.entries()) if (n % 64 !== 0) remove(set, key)
  const left = keys.filter((_, n) => n % 64 === 0)
  expect(walked(set, all, 100).names).toEqual(left)
  expect(set.bytes).toBeLessThan(40_000)
})

test('a subtree is given once, however many ranges it is cut into', () => {
  const set = makeOrderedKeys()
  for (const key of ['a', 'b/1', 'b/2', 'b/3', 'b/4', 'c/1', 'd']) add(set, key)
  const bounds = ['a', 'b/2', 'b/3', 'b/4', 'b/5', 'd'].map((text) => Buffer.from(text))
  const ranges = [0, 2, 4].map((n) => ({ from: bounds[n] as Buffer, to: bounds[n + 1] }))
  const delimiter = { text: Buffer.from('/'), after: 0 }
  expect(walked(set, { ranges, limit: undefined, delimiter })).toEqual({ names: ['a', 'b/', 'c/'], hasMore: false })
  expect(walked(set, { ranges, limit: 2, delimiter })).toEqual({ names: ['a', 'b/'], hasMore: true })
})

test('the first keys are kept, and snapshots keep theirs', () => {
  const keys = sorted(Array.from({ length: 1_000 }, (_, n) => `${n}`))
  const set = makeOrderedKeys()
  for (const key of keys) add(set, key)
  const snapshot = set.snapshot()
  for (const count of [1_000, 700, 256, 255, 1]) {
    expect(set.keepFirst(count)?.toString()).toBe(keys[count - 1])
    expect([set.size, walked(set).names]).toEqual([count, keys.slice(0, count)])
  }
  expect(set.keepFirst(5)?.toString()).toBe(keys[0])
  expect([set.keepFirst(0), set.size]).toEqual([undefined, 0])
  expect(snapshot.walk(all).take(2_000).length).toBe(1_000)
})

test('a walk gives nothing any more once its snapshot is closed, or where it was', () => {
  const set = makeOrderedKeys()
  for (const key of ['a', 'b', 'c']) add(set, key)
  const snapshot = set.snapshot()
  const walk = snapshot.walk(all)
  expect(walk.take(1).map(String)).toEqual(['a'])
  snapshot.close()
  snapshot.close()
  expect([walk.take(1), walk.hasMore, snapshot.walk(all).take(1)]).toEqual([[], false, []])
})

test('blocks change in place again once no snapshot is open', () => {
  const set = makeOrderedKeys()
  for (const key of ['a', 'b', 'c']) add(set, key)
  const first = set.snapshot()
  const second = set.snapshot()
  first.close()
  first.close()
  remove(set, 'b')
  expect(second.walk(all).take(9).map(String)).toEqual(['a', 'b', 'c'])
})
