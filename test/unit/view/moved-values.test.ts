import { expect, test } from 'vitest'
import { formatEarlier } from '../../../kvs/core/earlier-version.ts'
import { versionAt } from '../../../kvs/core/version.ts'
import { maxLogs } from '../../../kvs/view/record-layout.ts'
import { ViewFull } from '../../../kvs/view/slabs.ts'
import { makeView } from '../../../kvs/view/view.ts'
import { entryOf, packed, put, remove, timeAt } from '../../support/entries.ts'

const logId = 'cafe0123'
const earlier = { tag: 'beef4567-12-ff00aa01', modifiedAt: 5 }

test('a moved value is shown with its earlier version, and decided on by its own entry', () => {
  const view = makeView({ logId })
  view.apply(entryOf(1n, { ...put('a'), deadline: 7 }, { earlier }))
  expect(view.get('a')).toMatchObject({ ...earlier, deadline: 7 })
  expect(view.versionOf('a')).toEqual({ sequence: 1n, tag: earlier.tag, deadline: 7 })
  view.lapse(7, 10, () => undefined)
  expect(view.lapsed(10)).toEqual([{ key: 'a', sequence: 1n, tag: earlier.tag, deadline: 7 }])
})

test('a later plain write has a version of its own, also where it takes the place of the record', () => {
  const view = makeView({ logId })
  view.applyPacked(packed(entryOf(1n, put('a', ''), { earlier })))
  expect(view.get('a')).toMatchObject(earlier)
  const { liveBytes } = view.memory
  const entry = entryOf(2n, put('a', '8 bytes.'))
  view.applyPacked(packed(entry))
  expect(view.memory.liveBytes).toBe(liveBytes)
  expect(view.get('a')).toMatchObject({ value: Buffer.from('8 bytes.'), modifiedAt: timeAt(2) })
  expect(view.versionOf('a')).toMatchObject(versionAt(logId, entry))
})

test('a checkpoint brings earlier versions, and large values have theirs', () => {
  const view = makeView({ logId })
  view.load(packed(entryOf(1n, put('a', Buffer.alloc(100_000)), { earlier })))
  expect([view.get('a'), view.get('a')?.value.length]).toMatchObject([earlier, 100_000])
})

test('a delete by which a key has moved is as any other', () => {
  const views = [makeView({ logId }), makeView({ logId, ranks: true })]
  for (const view of views) {
    view.apply(entryOf(1n, put('a'), { earlier }))
    expect(view.apply(entryOf(2n, remove('a'), { earlier }))).toBe(true)
    view.applyPacked(packed(entryOf(3n, put('b'), { earlier })))
    view.applyPacked(packed(entryOf(4n, remove('b'), { earlier })))
    expect([view.size, view.get('a'), view.versionOf('b')]).toEqual([0, undefined, undefined])
  }
})

test('keys of 1,024 bytes keep their length and their earlier version', () => {
  const view = makeView({ logId })
  const key = 'k'.repeat(1_024)
  view.apply(entryOf(1n, put(key), { earlier }))
  view.apply(entryOf(2n, put('k'), { earlier }))
  expect([view.get(key), view.get('k'), view.get('k'.repeat(1_023))]).toMatchObject([earlier, earlier, undefined])
})

test('an earlier version that can’t be read has the entry not be applied', () => {
  const view = makeView({ logId })
  for (const text of ['', earlier.tag, `${earlier.tag}@`, 'x@5', `beef4567-${2 ** 48}-ff00aa01@5`]) {
    const entry = { ...packed(entryOf(1n, put('a'))), earlier: text }
    expect(() => view.applyPacked(entry), text).toThrow('earlier version that can’t be read')
  }
  expect([view.size, view.position.sequence]).toEqual([0, 0n])
})

test('values of as many logs as a record can number are told apart, and no more are taken', () => {
  const view = makeView({ logId })
  const apply = (n: number) => {
    const tag = `log${n}-1-00000000`
    view.applyPacked({ ...packed(entryOf(BigInt(n), put(`${n % 2}`))), earlier: formatEarlier({ tag, modifiedAt: n }) })
  }
  for (let n = 1; n < maxLogs; n++) apply(n)
  const last = [maxLogs - 2, maxLogs - 1].map((n) => `log${n}-1-00000000`)
  expect([view.get('0')?.tag, view.get('1')?.tag]).toEqual(last)
  expect(() => apply(maxLogs)).toThrow(ViewFull)
})
