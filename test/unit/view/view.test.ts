import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EarlierVersion } from '../../../kvs/core/earlier-version.ts'
import type { Found, Write } from '../../../kvs/core/entry.ts'
import { maxDeadline } from '../../../kvs/core/limits.ts'
import { positionAt } from '../../../kvs/core/position.ts'
import { tagOf, versionAt } from '../../../kvs/core/version.ts'
import { OutOfOrder } from '../../../kvs/view/cursor.ts'
import { makeView, type View } from '../../../kvs/view/view.ts'
import { makeSeededRandom } from '../../../tools/lab/seeded-random.ts'
import { entryOf, packed, put, remove, timeAt } from '../../support/entries.ts'

const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', '')
/** Some pass while the entries come, which are a millisecond apart. */
const deadline = fc.constantFrom(undefined, 0, timeAt(2), timeAt(5), timeAt(9), maxDeadline)
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key,
    value: fc
      .oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 2_000, size: 'max' }))
      .map((bytes) => Buffer.from(bytes)),
    contentType: fc.constantFrom(undefined, 'text/html'),
    deadline,
  }),
  fc.record({ kind: fc.constant('delete' as const), key }),
)

const logId = 'cafe0123'

/** Of some logs, this one among them: a key may have moved away and back. */
const earlier: fc.Arbitrary<EarlierVersion> = fc.record({
  tag: fc
    .tuple(fc.constantFrom('beef4567', logId, 'a-1.B_2'), fc.nat(2 ** 48 - 1), fc.integer())
    .map(([id, sequence, mark]) => tagOf(id, sequence, mark | 0)),
  modifiedAt: fc.nat(2 ** 48 - 1),
})
const moving = fc.option(earlier, { nil: undefined, freq: 2 })

/** Of all kinds of first bytes, and none where there is an adopted entry's. */
const digestOf = (n: number) =>
  createHash('sha256')
    .update(`${n}`)
    .digest()
    .subarray(0, n % 7 === 0 ? 0 : 8)

/** Small, so that slabs fill, empty, and are compacted all the time. */
const slabBytes = 4096

test.each(['one by one', 'in bulk'])('any entries read back as a plain map would: %s', (how) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(write, moving), { size: '+1' }), (writes) => {
      const view = makeView({ logId, slabBytes })
      const model = new Map<string, Found & { sequence: bigint }>()
      writes.forEach(([write, earlier], index) => {
        const entry = entryOf(BigInt(index + 1), write, { digest: digestOf(index), earlier })
        const old = model.get(write.key)
        if (how === 'in bulk') view.applyPacked(packed(entry))
        else expect(view.apply(entry)).toBe(old !== undefined && !((old.deadline ?? Infinity) <= entry.recordedAt))
        const { sequence } = entry
        const { tag, modifiedAt } = earlier ?? { ...versionAt(logId, entry), modifiedAt: entry.recordedAt }
        if (write.kind === 'put') {
          const { value, contentType, deadline } = write
          model.set(write.key, { value, contentType, tag, modifiedAt, deadline, sequence })
        } else {
          model.delete(write.key)
        }
      })
      expect(view.size).toBe(model.size)
      expect(view.position.sequence).toBe(BigInt(writes.length))
      for (const [{ key }] of writes) {
        const { sequence, ...found } = model.get(key) ?? {}
        expect(view.get(key)).toEqual(model.has(key) ? found : undefined)
        const { tag, deadline } = found as Partial<Found>
        expect(view.versionOf(key)).toEqual(model.has(key) ? { sequence, tag, deadline } : undefined)
      }
    }),
  )
})

test.each([1, 2, 3])('so do many, over slabs that are compacted; waste is bounded (seed %i)', (seed) => {
  const { integer, chance } = makeSeededRandom(seed, 'view')
  const below = (bound: number) => integer(0, bound - 1)
  const view = makeView({ logId, slabBytes })
  const model = new Map<string, Pick<Found, 'value' | 'deadline' | 'tag' | 'modifiedAt'>>()
  for (let sequence = 1n; sequence <= 60_000n; sequence++) {
    // keys come and go in waves, sizes change from time to time
    const key = `key ${below(sequence % 20_000n < 10_000n ? 3_000 : 500)} ${'é'.repeat(below(3))}`
    if (chance(0.3)) {
      view.apply(entryOf(sequence, remove(key)))
      model.delete(key)
    } else {
      const size = chance(0.001) ? 40_000 : below(sequence % 7_000n < 3_500n ? 40 : 1_000)
      const value = Buffer.alloc(size, String(sequence))
      const deadline = chance(0.3) ? timeAt(sequence) + below(1e6) : undefined
      const earlier = chance(0.3)
        ? { tag: tagOf(`log${below(9)}`, below(1e9), below(1e9)), modifiedAt: below(1e9) }
        : undefined
      const write = { ...put(key, value, chance(0.2) ? 'text/html' : undefined), deadline }
      const entry = entryOf(sequence, write, { earlier })
      view.apply(entry)
      const { tag } = versionAt(logId, entry)
      model.set(key, { value, deadline, ...(earlier ?? { tag, modifiedAt: entry.recordedAt }) })
    }
    const { bytes, liveBytes } = view.memory
    // a fifth may be free between others, and at the end of each slab what the next record did not fit in
    if (bytes > 1.45 * liveBytes + 12 * slabBytes) expect.fail(`${bytes} bytes for ${liveBytes} at ${sequence}`)
  }
  expect(view.size).toBe(model.size)
  for (const [key, { value, ...rest }] of model) {
    const found = view.get(key)
    expect(found?.value.equals(value)).toBe(true)
    expect(found).toMatchObject(rest)
  }
  for (const key of [...model.keys()]) {
    view.apply(entryOf(view.position.sequence + 1n, remove(key)))
    expect(view.get(key)).toBeUndefined()
  }
  expect([view.size, view.memory.liveBytes]).toEqual([0, 0])
})

test.each(['2', '1 1', '1 3', '1 2 1'])('the sequences %s are out of order', (sequences) => {
  const view = makeView({ logId })
  const apply = () => {
    for (const sequence of sequences.split(' ').map(BigInt)) {
      view.apply(entryOf(sequence, remove('a')))
    }
  }
  expect(apply).toThrow(OutOfOrder)
})

test('a value shares memory with nothing else', () => {
  const view = makeView({ logId })
  const chunk = Buffer.from('a large chunk with a value in it')
  const value = chunk.subarray(2, 7)
  view.apply(entryOf(1n, { kind: 'put', key: 'k', value, contentType: undefined }))
  const kept = view.get('k')?.value
  chunk.fill('x')
  view.apply(entryOf(2n, put('k', 'small')))
  expect(kept?.toString()).toBe('large')
})

test('a superseded entry has its place, and no effect', () => {
  const view = makeView({ logId })
  view.apply(entryOf(1n, put('a', '1')))
  view.apply(entryOf(2n, put('a', '2'), { superseded: true }))
  view.apply(entryOf(3n, remove('a'), { superseded: true }))
  expect(view.get('a')).toMatchObject({ value: Buffer.from('1'), tag: 'cafe0123-1-00000000' })
  expect(view.position.sequence).toBe(3n)
})

test.each(['join', 'leave', 'ring'] as const)('an entry of the kind %s has its place, and changes no key', (kind) => {
  const write = { kind, key: 'a', after: positionAt('beef0123', 9n) }
  for (const how of ['one by one', 'in bulk']) {
    const view = makeView({ logId, ranks: true })
    view.apply(entryOf(1n, put('a', '1')))
    if (how === 'in bulk') view.applyPacked(packed(entryOf(2n, write)))
    else expect(view.apply(entryOf(2n, write))).toBe(false)
    expect(view.get('a')).toMatchObject({ value: Buffer.from('1'), tag: 'cafe0123-1-00000000' })
    expect(view.dependencyOf('a')).toBeUndefined()
    expect(view.tombstones).toBe(0)
    expect(view.position.sequence).toBe(2n)
  }
})

test.each([
  ['its own millisecond', 1, false],
  ['the one after it', 2, true],
])('an entry replaces a value whose deadline is not past when the entry is committed: %s', (_, at, replaced) => {
  for (const second of [put('a', 'new'), remove('a'), { ...remove('a'), deadline: 7 }]) {
    const view = makeView({ logId })
    view.apply(entryOf(1n, { ...put('a'), deadline: timeAt(at) }, { recordedAt: timeAt(0) }))
    expect(view.apply(entryOf(2n, second, { recordedAt: timeAt(1) }))).toBe(replaced)
    expect(view.size).toBe(second.kind === 'put' ? 1 : 0)
  }
})

test('a key has the deadline of its last entry, and keeps its value past it until the log has the expiry', () => {
  const view = makeView({ logId })
  view.apply(entryOf(1n, { ...put('a', 'old'), deadline: 0 }))
  expect(view.get('a')).toMatchObject({ value: Buffer.from('old'), modifiedAt: timeAt(1), deadline: 0 })
  expect(view.versionOf('a')).toEqual({ sequence: 1n, tag: 'cafe0123-1-00000000', deadline: 0 })
  view.apply(entryOf(2n, put('a', 'renewed')))
  expect(view.get('a')).toMatchObject({ modifiedAt: timeAt(2), deadline: undefined })
})

test('a checkpoint brings times and deadlines', () => {
  const view = makeView({ logId })
  view.load(packed(entryOf(3n, { ...put('a', Buffer.alloc(100_000)), deadline: maxDeadline })))
  view.loaded({ sequence: 3n, digest: Buffer.alloc(8), position: positionAt(logId, 3n) })
  expect(view.get('a')).toMatchObject({ modifiedAt: timeAt(3), deadline: maxDeadline })
})

test('values and content types past what is packed are kept whole, and let go', () => {
  const view = makeView({ logId, slabBytes: 64 * 1024 })
  const large = Buffer.alloc(100_000, 'large')
  const entries = [
    put('a', large),
    put('b', 'small', 't'.repeat(300)),
    put('a', 'small'),
    put('b', large, 't'),
    remove('b'),
  ]
  const found = entries.map((write, index) => {
    view.apply(entryOf(BigInt(index + 1), write))
    return view.get(write.key)
  })
  expect(found[0]?.value.equals(large)).toBe(true)
  expect(found[1]).toMatchObject({ contentType: 't'.repeat(300), tag: 'cafe0123-2-00000000' })
  expect(found[2]?.value.toString()).toBe('small')
  expect([found[3]?.value.equals(large), found[3]?.contentType]).toEqual([true, 't'])
  expect(found[4]).toBeUndefined()
})

test('sequences of up to 48 bits are kept, and keys that no request can name are not', () => {
  const view = makeView({ logId, gapsUpTo: 2n ** 47n })
  view.apply(entryOf(2n ** 47n, put('a')))
  expect(view.versionOf('a')?.sequence).toBe(2n ** 47n)
  const long = ['x'.repeat(1025), 'é'.repeat(513)]
  for (const [index, key] of long.entries()) view.apply(entryOf(2n ** 47n + BigInt(index + 1), put(key)))
  expect([view.size, view.get(long[0] as string)]).toEqual([1, undefined])
  view.apply(entryOf(2n ** 47n + 3n, put('é'.repeat(512))))
  expect(view.get('é'.repeat(512))?.value.toString()).toBe('v')
})

test('a hundred thousand keys are told apart, and removed from among each other', () => {
  const view = makeView({ logId })
  const count = 100_000
  for (let n = 0; n < count; n++) view.apply(entryOf(BigInt(n + 1), put(`${n}`, `${n}`)))
  for (let n = 0; n < count; n += 2) view.apply(entryOf(view.position.sequence + 1n, remove(`${n}`)))
  expect(view.size).toBe(count / 2)
  for (let n = 0; n < count; n++) {
    const value = view.get(`${n}`)?.value.toString()
    if (value !== (n % 2 === 0 ? undefined : `${n}`)) expect.fail(`${n} has the value ${value}`)
  }
})

test('deadlines pass in their order, once and on time, whatever becomes of their records', () => {
  const { integer, chance } = makeSeededRandom(1, 'deadlines')
  const view = makeView({ logId, slabBytes })
  const model = new Map<string, { deadline: number; sequence: bigint; lapsed: boolean }>()
  let now = 0
  for (let sequence = 1n; sequence <= 30_000n; sequence++) {
    const key = `key ${integer(0, 999)} ${'é'.repeat(integer(0, 2))}`
    if (chance(0.3)) {
      view.apply(entryOf(sequence, remove(key)))
      model.delete(key)
    } else {
      const value = Buffer.alloc(chance(0.001) ? 40_000 : integer(0, 300))
      const deadline = chance(0.5) ? now + integer(0, 3_000) : undefined
      view.apply(entryOf(sequence, { ...put(key, value), deadline }))
      if (deadline === undefined) model.delete(key)
      else model.set(key, { deadline, sequence, lapsed: false })
    }
    if (sequence % 10n !== 0n) continue
    now += 10
    const visited: string[] = []
    const most = chance(0.2) ? 3 : 1_000
    const lapsed = view.lapse(now, most, (bytes, start, length) => {
      visited.push(bytes.toString('utf8', start, start + length))
    })
    const due = [...model.values()].filter((one) => !one.lapsed && one.deadline <= now).map((one) => one.deadline)
    const passed = visited.map((name) => model.get(name)?.deadline)
    expect([lapsed, passed]).toEqual([visited.length, due.sort((one, other) => one - other).slice(0, most)])
    for (const name of visited) Object.assign(model.get(name) ?? {}, { lapsed: true })
    if (sequence % 1_000n !== 0n) continue
    const all = [...model].filter(([, one]) => one.lapsed).map(([key, { sequence }]) => `${key}: ${sequence}`)
    expect(
      view
        .lapsed(1_000)
        .map(({ key, sequence }) => `${key}: ${sequence}`)
        .sort(),
    ).toEqual(all.sort())
    expect(view.deadlines).toEqual({ pending: model.size - all.length, lapsed: all.length })
    const toCome = [...model.values()].filter((one) => !one.lapsed).map((one) => one.deadline)
    expect(view.nextDeadline).toBe(toCome.length === 0 ? undefined : Math.min(...toCome))
  }
})

test('a key that has lapsed is listed with its version, and shown as it is until something removes it', () => {
  const view = makeView({ logId })
  view.apply(entryOf(1n, { ...put('a'), deadline: 5 }, { digest: digestOf(1) }))
  view.applyPacked(packed(entryOf(2n, { ...put('b'), deadline: 7 })))
  expect(view.lapse(5, 10, () => undefined)).toBe(1)
  expect(view.lapsed(10)).toEqual([
    { key: 'a', deadline: 5, ...versionAt(logId, entryOf(1n, put('a'), { digest: digestOf(1) })) },
  ])
  expect(view.get('a')?.deadline).toBe(5)
  view.apply(entryOf(3n, put('a')))
  expect([view.lapsed(10), view.deadlines, view.nextDeadline]).toEqual([[], { pending: 1, lapsed: 0 }, 7])
})

/** Visits the keys by their hashes, a segment's copied at a time, with `between` called before each hash. */
function visited(view: View, between: () => void = () => undefined): string[] {
  const keys: string[] = []
  let count = 0
  for (let segment = 0; segment < view.segments; segment++) {
    for (const hash of view.hashesIn(segment)) {
      between()
      view.visitKeys(hash, (bytes, start, length) => keys.push(bytes.toString('utf8', start, start + length)))
      const key = keys.at(-1)
      if (key !== undefined && keys.length > count && !view.has(key, undefined)) expect.fail(`${key} is gone`)
      count = keys.length
    }
  }
  return keys
}

test('all keys are visited by their hashes, each once', () => {
  const view = makeView({ logId, slabBytes })
  const keys = Array.from({ length: 5_000 }, (_, n) => `${n} ${'é'.repeat(n % 3)}`)
  keys.forEach((key, index) => {
    view.apply(entryOf(BigInt(index + 1), put(key)))
  })
  expect(visited(view).toSorted()).toEqual(keys.toSorted())
  expect([view.has(keys[7] as string, undefined), view.has('7', undefined)]).toEqual([true, false])
})

test('a key that stays is visited whatever happens to others meanwhile, and one that is gone is not', () => {
  const { integer } = makeSeededRandom(1, 'visits')
  const view = makeView({ logId, slabBytes })
  const apply = (write: Write) => view.apply(entryOf(view.position.sequence + 1n, write))
  for (let n = 0; n < 3_000; n++) apply(put(`stays ${n}`, 'v'.repeat(n % 50)))
  for (let n = 0; n < 3_000; n++) apply(put(`goes ${n}`, 'v'.repeat(n % 50)))
  const keys = visited(view, () => {
    const n = integer(0, 2_999)
    apply(put(`stays ${n}`, 'w'.repeat(integer(0, 200)))) // moves its record, and others' by compaction
    apply(put(`new ${n}`)) // grows segments
    apply(remove(`goes ${n}`))
  })
  const staying = keys.filter((key) => key.startsWith('stays'))
  expect(staying.toSorted()).toEqual(Array.from({ length: 3_000 }, (_, n) => `stays ${n}`).toSorted())
})

test.each([false, true])('an entry on the ring changes no key, also where its text is one; with ranks: %s', (ranks) => {
  const view = makeView({ logId, ranks })
  view.apply(entryOf(1n, put('a')))
  view.apply(entryOf(2n, { kind: 'ring', key: 'a' }))
  view.applyPacked(packed(entryOf(3n, { kind: 'ring', key: 'a' })))
  expect([view.has('a', undefined), view.tombstones, view.position.sequence]).toEqual([true, 0, 3n])
})
