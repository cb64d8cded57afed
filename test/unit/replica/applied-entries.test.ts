import { expect, test } from 'vitest'
import type { Entry } from '../../../kvs/core/entry.ts'
import { makeAppliedEntries } from '../../../kvs/replica/applied-entries.ts'
import { entryOf, put } from '../../support/entries.ts'

function makeApplied({ entries = 100, bytes = 1_000_000 } = {}) {
  const applied = makeAppliedEntries({ entries, bytes })
  const note = (from: number, through: number, value = 'v') => {
    for (let at = from; at <= through; at++) applied.note(entryOf(BigInt(at), put(`k${at}`, value)))
  }
  return { ...applied, note }
}

const sequencesOf = (entries: readonly Entry[] | undefined) => entries?.map(({ sequence }) => Number(sequence))

test('a reader gets what was applied since, once', () => {
  const applied = makeApplied()
  applied.note(1, 4)
  const reader = applied.follow(4n)
  applied.note(5, 7)
  expect(sequencesOf(reader.take(4n, 7n))).toEqual([5, 6, 7])
  expect(reader.take(4n, 7n)).toBeUndefined()
  applied.note(8, 8)
  expect(sequencesOf(reader.take(7n, 8n))).toEqual([8])
})

test('what the reader has from elsewhere is left out', () => {
  const applied = makeApplied()
  const reader = applied.follow(4n)
  applied.note(5, 7)
  expect(sequencesOf(reader.take(6n, 7n))).toEqual([7])
  applied.note(8, 9)
  expect(sequencesOf(reader.take(9n, 9n))).toEqual([])
})

test('where something of what is asked for is not held, nothing is taken', () => {
  const applied = makeApplied()
  const reader = applied.follow(4n)
  applied.note(5, 7)
  expect(reader.take(3n, 7n)).toBeUndefined()
  expect(reader.take(4n, 8n)).toBeUndefined()
  expect(sequencesOf(reader.take(4n, 7n))).toEqual([5, 6, 7])
})

test.each([
  ['entries', { entries: 3 }],
  ['bytes', { bytes: 3 * 70 }],
])('what is held is bounded in %s: beyond that the reader begins anew', (_what, most) => {
  const applied = makeApplied(most)
  const reader = applied.follow(0n)
  applied.note(1, 6)
  expect(reader.take(0n, 6n)).toBeUndefined()
  expect(sequencesOf(reader.take(4n, 6n))).toEqual([5, 6])
  applied.note(7, 9)
  expect(sequencesOf(reader.take(6n, 9n))).toEqual([7, 8, 9])
})

test('a value that is larger than all that may be held is not held', () => {
  const applied = makeApplied({ bytes: 1_000 })
  const reader = applied.follow(0n)
  applied.note(1, 1)
  applied.note(2, 2, 'x'.repeat(2_000))
  applied.note(3, 3)
  expect(reader.take(0n, 3n)).toBeUndefined()
  expect(sequencesOf(reader.take(2n, 3n))).toEqual([3])
})

test('each reader has its own, and a closed one gets nothing more', () => {
  const applied = makeApplied()
  const [one, other] = [applied.follow(0n), applied.follow(0n)]
  applied.note(1, 2)
  expect(sequencesOf(one.take(0n, 2n))).toEqual([1, 2])
  one.close()
  applied.note(3, 3)
  expect(sequencesOf(other.take(0n, 3n))).toEqual([1, 2, 3])
  expect(one.take(2n, 3n)).toBeUndefined()
})
