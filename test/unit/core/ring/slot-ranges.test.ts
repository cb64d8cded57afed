import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  allSlots,
  countSlots,
  formatRanges,
  hasSlot,
  isSameSlots,
  joined,
  type SlotRanges,
  slotsInBoth,
  slotsWithout,
} from '../../../../kvs/core/ring/slot-ranges.ts'
import { everySlot, ranges } from './arbitraries.ts'

/** The slots that are in the ranges, one by one. */
const slotsIn = (of: SlotRanges) =>
  everySlot.filter((slot) => of.some((range) => range.from <= slot && slot <= range.through))

function requireCanonical(of: SlotRanges): void {
  of.forEach(({ from, through }, index) => {
    expect(from).toBeLessThanOrEqual(through)
    expect(from).toBeGreaterThan((of[index - 1]?.through ?? -2) + 1)
  })
}

const both = fc.tuple(ranges, ranges)

test('what is in both is what is in each', () => {
  fc.assert(
    fc.property(both, ([one, other]) => {
      const found = slotsInBoth(one, other)
      requireCanonical(found)
      const inOther = new Set(slotsIn(other))
      expect(slotsIn(found)).toEqual(slotsIn(one).filter((slot) => inOther.has(slot)))
      expect(slotsInBoth(other, one)).toEqual(found)
    }),
    { numRuns: 30 },
  )
})

test('what is in one without the other is in the one and not in the other', () => {
  fc.assert(
    fc.property(both, ([one, other]) => {
      const found = slotsWithout(one, other)
      requireCanonical(found)
      const inOther = new Set(slotsIn(other))
      expect(slotsIn(found)).toEqual(slotsIn(one).filter((slot) => !inOther.has(slot)))
      expect(slotsInBoth(found, other)).toEqual([])
      expect(countSlots(found) + countSlots(slotsInBoth(one, other))).toBe(countSlots(one))
    }),
    { numRuns: 30 },
  )
})

test('all and none are the bounds', () => {
  fc.assert(
    fc.property(ranges, (some) => {
      expect(slotsInBoth(some, allSlots)).toEqual(some)
      expect(slotsInBoth(some, [])).toEqual([])
      expect(slotsWithout(some, allSlots)).toEqual([])
      expect(slotsWithout(some, [])).toEqual(some)
      expect(slotsWithout(allSlots, slotsWithout(allSlots, some))).toEqual(some)
    }),
  )
})

test('a slot is in the ranges that have it', () => {
  fc.assert(
    fc.property(ranges, (some) => {
      expect(everySlot.filter((slot) => hasSlot(some, slot))).toEqual(slotsIn(some))
      expect(countSlots(some)).toBe(slotsIn(some).length)
    }),
    { numRuns: 30 },
  )
})

test('ranges are the same where they have the same slots', () => {
  fc.assert(
    fc.property(both, ([one, other]) => {
      expect(isSameSlots(one, one)).toBe(true)
      const isSame = countSlots(one) === countSlots(other) && countSlots(slotsInBoth(one, other)) === countSlots(one)
      expect(isSameSlots(one, other)).toBe(isSame)
    }),
  )
})

test('ranges without a gap between them become one', () => {
  const range = (from: number, through: number) => ({ from, through })
  expect(joined([range(0, 1), range(2, 2), range(3, 9), range(11, 12)])).toEqual([range(0, 9), range(11, 12)])
  expect(joined([])).toEqual([])
})

test('ranges are written for people', () => {
  expect(formatRanges([])).toBe('')
  expect(formatRanges(allSlots)).toBe('0-9999')
  expect(
    formatRanges([
      { from: 0, through: 0 },
      { from: 8_001, through: 9_999 },
    ]),
  ).toBe('0-0,8001-9999')
})
