import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  isSamePositions,
  membersOf,
  ownerOf,
  type Positions,
  slotsOfMember,
  sortedPositions,
} from '../../../../kvs/core/ring/description.ts'
import { countSlots, hasSlot } from '../../../../kvs/core/ring/slot-ranges.ts'
import { everySlot, positions } from './arbitraries.ts'

const three: Positions = new Map([
  [6_000, 'b:1'],
  [3_000, 'a:1'],
  [8_000, 'c:1'],
])

test.each([
  [0, 'a:1'],
  [2_999, 'a:1'],
  [3_000, 'a:1'],
  [3_001, 'b:1'],
  [6_000, 'b:1'],
  [6_001, 'c:1'],
  [8_000, 'c:1'],
  [8_001, 'a:1'],
  [9_999, 'a:1'],
])('slot %i belongs to the first position at or after it, else to the lowest: %s', (slot, owner) => {
  expect(ownerOf(three, slot)).toBe(owner)
})

test('a member has the ranges before its positions, and the one that wraps around', () => {
  const ranges = ['a:1', 'b:1', 'c:1'].map((address) => slotsOfMember(three, address))
  expect(ranges).toEqual([
    [
      { from: 0, through: 3_000 },
      { from: 8_001, through: 9_999 },
    ],
    [{ from: 3_001, through: 6_000 }],
    [{ from: 6_001, through: 8_000 }],
  ])
})

test('ranges that touch are one', () => {
  const twice: Positions = new Map([
    [10, 'a:1'],
    [20, 'a:1'],
    [30, 'b:1'],
  ])
  expect(slotsOfMember(twice, 'a:1')).toEqual([
    { from: 0, through: 20 },
    { from: 31, through: 9_999 },
  ])
  expect(slotsOfMember(new Map([[0, 'a:1']]), 'a:1')).toEqual([{ from: 0, through: 9_999 }])
  expect(slotsOfMember(new Map([[9_999, 'a:1']]), 'a:1')).toEqual([{ from: 0, through: 9_999 }])
})

test('a ring without positions owns nothing', () => {
  expect(ownerOf(new Map(), 0)).toBeUndefined()
  expect(slotsOfMember(new Map(), 'a:1')).toEqual([])
  expect(slotsOfMember(three, 'another:1')).toEqual([])
  expect(membersOf(new Map())).toEqual([])
})

test('a member has the slots whose owner it is, and each slot has one owner', () => {
  fc.assert(
    fc.property(positions, (ring) => {
      const owned = membersOf(ring).map((address) => ({ address, slots: slotsOfMember(ring, address) }))
      for (const slot of everySlot) {
        const owners = owned.filter(({ slots }) => hasSlot(slots, slot)).map(({ address }) => address)
        if (owners.length !== 1 || owners[0] !== ownerOf(ring, slot)) expect.fail(`slot ${slot} is of ${owners}`)
      }
      expect(owned.reduce((sum, { slots }) => sum + countSlots(slots), 0)).toBe(everySlot.length)
    }),
    { numRuns: 30 },
  )
})

test('each member is named once, by its lowest position', () => {
  expect(
    membersOf(
      new Map([
        [30, 'a:1'],
        [20, 'b:1'],
        [10, 'a:1'],
        [40, 'c:1'],
      ]),
    ),
  ).toEqual(['a:1', 'b:1', 'c:1'])
  expect(sortedPositions(three)).toEqual([3_000, 6_000, 8_000])
})

test('positions are the same in any order', () => {
  fc.assert(
    fc.property(positions, positions, (one, other) => {
      expect(isSamePositions(one, new Map([...one].toReversed()))).toBe(true)
      const byPosition = (of: Positions) => JSON.stringify([...of].toSorted(([a], [b]) => a - b))
      expect(isSamePositions(one, other)).toBe(byPosition(one) === byPosition(other))
    }),
  )
  expect(isSamePositions(three, new Map([...three].slice(1)))).toBe(false)
  expect(isSamePositions(new Map([...three].slice(1)), three)).toBe(false)
})
