import fc from 'fast-check'
import type { Positions } from '../../../../kvs/core/ring/description.ts'
import { slotCount } from '../../../../kvs/core/ring/key-slot.ts'
import { joined, type SlotRanges } from '../../../../kvs/core/ring/slot-ranges.ts'

/** Any slot, and those at the ends of the ring more often. */
export const slot = fc.oneof(
  fc.constantFrom(0, 1, slotCount - 2, slotCount - 1),
  fc.integer({ min: 0, max: slotCount - 1 }),
)

/** A few members, some of which have several positions. */
export const positions: fc.Arbitrary<Positions> = fc
  .array(fc.tuple(slot, fc.constantFrom('a:1', 'b:1', 'https://c:1')), { minLength: 1, maxLength: 8 })
  .map((pairs) => new Map(pairs))

/** Sorted ranges with a gap between any two. */
export const ranges: fc.Arbitrary<SlotRanges> = fc.uniqueArray(slot, { maxLength: 8 }).map((bounds) => {
  const sorted = bounds.toSorted((one, other) => one - other)
  const pairs = sorted.flatMap((from, index) => (index % 2 === 0 ? [{ from, through: sorted[index + 1] ?? from }] : []))
  return joined(pairs)
})

export const everySlot = Array.from({ length: slotCount }, (_, slot) => slot)
