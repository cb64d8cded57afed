import { expect, test } from 'vitest'
import { sequenceIn } from '../../../../kvs/core/position.ts'
import { bucketCount } from '../../../../kvs/kv/index.ts'
import { type Compared, compareWith, type Earlier } from '../../../../kvs/sites/digests/comparison.ts'
import { bucketOf } from '../../../../kvs/sites/digests/fingerprint.ts'
import { applyAtBoth, at, type Change, clientTo, makeSite, makeTwo, put, type Site } from './compared-sites.ts'

const nothing: Earlier = { known: new Map(), from: { bucket: 0, segment: 0 } }

const compare = (
  from: Site & { readonly mostKeys?: number },
  to: Site,
  earlier = nothing,
  asked: number[] = [],
): Promise<Compared> => compareWith(from, clientTo(to, asked), earlier, new AbortController().signal)

const keysOf = ({ differing }: Compared) => differing.map(({ key }) => key).toSorted()

test('sites with the same values have equal buckets, and nothing is asked about a key', async () => {
  const { a, b } = makeTwo()
  applyAtBoth(a, b, put('ends', 'x', { deadline: 5_000, contentType: 'text/plain' }), { kind: 'delete', key: 'k7' })
  const asked: number[] = []
  expect((await compare(a, b, nothing, asked)).unequal.size).toBe(0)
  expect((await compare(b, a, nothing, asked)).unequal.size).toBe(0)
  expect(asked).toEqual([])
})

const shared = { stamp: 1_000_000, origin: at(301) }
test.each<[what: string, atA: Change[], atB: Change[], a: string[], b: string[]]>([
  [
    'another value',
    [{ ...shared, origin: undefined, write: put('x', 'one') }],
    [{ ...shared, write: put('x', 'two') }],
    ['x'],
    ['x'],
  ],
  [
    'another type',
    [{ ...shared, origin: undefined, write: put('x') }],
    [{ ...shared, write: put('x', 'v', { contentType: 'a/b' }) }],
    ['x'],
    ['x'],
  ],
  [
    'another deadline',
    [{ ...shared, origin: undefined, write: put('x') }],
    [{ ...shared, write: put('x', 'v', { deadline: 9 }) }],
    ['x'],
    ['x'],
  ],
  ['a value that is not there', [{ write: put('x') }], [{ write: put('y'), origin: at(301) }], ['x'], ['y']],
  ['an older value', [{ write: put('k1', 'new') }], [{ write: put('y'), origin: at(301) }], ['k1'], ['k1', 'y']],
  [
    'a delete that one lacks',
    [{ write: { kind: 'delete', key: 'k1' } }],
    [{ write: put('y'), origin: at(301) }],
    [],
    ['k1', 'y'],
  ],
])('a key that differs is found: %s', async (_, atA, atB, byA, byB) => {
  const { a, b } = makeTwo()
  a.apply(...atA)
  b.apply(...atB)
  expect(keysOf(await compare(a, b))).toEqual(byA)
  expect(keysOf(await compare(b, a))).toEqual(byB)
})

test('what comes over while it is compared is no difference', async () => {
  const { a, b } = makeTwo()
  a.apply({ write: put('k1', 'new') }, { write: { kind: 'delete', key: 'k2' } }, { write: put('k3', 'new') })
  b.whileWaiting(() => {
    b.apply({ write: put('k1', 'new'), stamp: 301_000, origin: at(301) })
    b.apply({ write: { kind: 'delete', key: 'k2' }, stamp: 302_000, origin: at(302) })
    b.apply({ write: put('k3', 'new'), stamp: 303_000, origin: at(303) })
    // The other site has written a key anew, and deleted another one.
    b.apply({ write: put('k4', 'b'), stamp: 400_000 }, { write: { kind: 'delete', key: 'k5' }, stamp: 401_000 })
  })
  a.whileWaiting(() => {
    a.apply({ write: put('k4', 'b'), stamp: 400_000, origin: at(304, 'b') })
    a.apply({ write: { kind: 'delete', key: 'k5' }, stamp: 401_000, origin: at(305, 'b') })
  })
  const { unequal, differing } = await compare(a, b)
  expect([unequal.size, differing]).toEqual([2, []])
  expect(b.waited.every((position) => sequenceIn(position, 'a') === 303n)).toBe(true)
  expect(a.waited.map((position) => sequenceIn(position, 'b'))).toEqual([305n])
})

test('a comparison has bounds: the next one begins where it ends, so that all have their turn', async () => {
  const [a, b] = [makeSite('a'), makeSite('b')]
  applyAtBoth(a, b, ...Array.from({ length: 12_000 }, (_, index) => put(`k${index}`)))
  a.apply(...Array.from({ length: 12_000 }, (_, index) => ({ write: put(`k${index}`, 'new') })))
  b.apply({ write: put('k0'), origin: at(24_000) })
  const found: string[] = []
  let from = { bucket: 1_000, segment: 0 }
  for (let turn = 0; turn < 16; turn++) {
    const asked: number[] = []
    const compared = await compare(a, b, { ...nothing, from }, asked)
    expect(compared.unequal.size).toBe(1_024)
    expect(compared.whole.size).toBe(64)
    expect(compared.next).toEqual({ bucket: (from.bucket + 64) % bucketCount, segment: 0 })
    expect(Math.max(...asked)).toBeLessThanOrEqual(500)
    from = compared.next
    found.push(...keysOf(compared))
  }
  expect([found.length, new Set(found).size]).toEqual([12_000, 12_000])
})

test('a bucket with more keys than the bound is compared in parts, and its known keys each time', async () => {
  const [a, b] = [{ ...makeSite('a'), mostKeys: 200 }, makeSite('b')]
  const keys: string[] = []
  for (let index = 0; keys.length < 480; index++) if (bucketOf(Buffer.from(`${index}`)) === 5) keys.push(`${index}`)
  applyAtBoth(a, b, ...keys.map((key) => put(key)))
  a.apply(...keys.map((key) => ({ write: put(key, 'new') })))
  b.apply({ write: put('other'), origin: at(960) })
  const found = new Set<string>()
  let from = { bucket: 5, segment: 0 }
  for (let turn = 0; turn < 3; turn++) {
    const { next, whole, ...compared } = await compare(a, b, { ...nothing, from })
    expect([...whole]).not.toContain(5)
    expect(compared.differing.length).toBeLessThanOrEqual(200)
    for (const key of keysOf({ next, whole, ...compared })) found.add(key)
    from = next
  }
  expect(from).toEqual({ bucket: 6, segment: 0 })
  expect(found.size).toBe(480)

  const [mended, wrong, gone] = keys as [string, string, string]
  const { sequence } = a.view.position
  a.apply({ write: put(mended, 'mended') }, { write: { kind: 'delete', key: gone } })
  b.apply({ write: put(mended, 'mended'), stamp: Number(sequence + 1n) * 1_000, origin: at(Number(sequence + 1n)) })
  b.apply({ write: put('another'), origin: at(Number(sequence + 2n)) })
  const known = new Map([[5, [mended, wrong, gone]]])
  const compared = await compare(a, b, { known, from: { bucket: 5, segment: 1_000_000 } })
  expect([[...compared.alike].toSorted(), keysOf(compared)]).toEqual([[mended, gone].toSorted(), [wrong]])
  // A key that is known and has its turn as well is asked about once.
  const again = new Map([[5, keysOf(await compare(a, b)).slice(0, 3)]])
  const twice = keysOf(await compare(a, b, { ...nothing, known: again }))
  expect(new Set(twice).size).toBe(twice.length)
})

test('a bucket in which keys differed is looked into each time, whoever has their turn', async () => {
  const [a, b] = [makeSite('a'), makeSite('b')]
  applyAtBoth(a, b, ...Array.from({ length: 12_000 }, (_, index) => put(`k${index}`)))
  a.apply(...Array.from({ length: 12_000 }, (_, index) => ({ write: put(`k${index}`, 'new') })))
  b.apply({ write: put('k0'), origin: at(24_000) })
  const bucket = bucketOf(Buffer.from('k7'))
  const known = new Map([[bucket, ['k7']]])
  const from = { bucket: (bucket + 200) % bucketCount, segment: 0 }
  const compared = await compare(a, b, { known, from })
  expect(keysOf(compared)).toContain('k7')
  expect([compared.whole.size, compared.whole.has(bucket)]).toEqual([64, true])
})

test('both views are read at the same time', async () => {
  const { a, b } = makeTwo()
  const asked = Promise.withResolvers<void>()
  const own = { ...a.own, sumUp: () => asked.promise.then(() => a.own.sumUp()) }
  const client = clientTo(b)
  const askDigests: typeof client.askDigests = (...more) => {
    asked.resolve()
    return client.askDigests(...more)
  }
  const { signal } = new AbortController()
  const compared = await compareWith({ site: a.site, own }, { ...client, askDigests }, nothing, signal)
  expect(compared.unequal.size).toBe(0)
})

test('the view is read once at a time, and those who ask meanwhile share the next reading', async () => {
  const { b } = makeTwo()
  const all = await Promise.all(Array.from({ length: 20 }, () => b.own.read(b.view.seen)))
  expect(new Set(all.map((texts) => texts.join())).size).toBe(1)
  expect(b.readings.readings).toBeLessThanOrEqual(2)
  expect(b.readings.mostAtOnce).toBe(0)
})
