import type { RingEntry } from '../../../kvs/core/ring/description.ts'
import { formatRanges, slotsInBoth } from '../../../kvs/core/ring/slot-ranges.ts'
import type { RingWorld } from './ring-world.ts'

const isFormed = ({ ring }: RingEntry) => ring.positions.size > 0

/**
 * Of the logs that are in a ring that was formed, no two own a slot. Before that, each member has all to itself, and is
 * asked by its own clients alone.
 */
export function noteTwoOwners(world: Pick<RingWorld, 'addresses' | 'logOf' | 'violations' | 'note'>): void {
  const newest = world.addresses.flatMap((address) => {
    const { bound } = world.logOf(address)
    return bound === undefined ? [] : [{ address, ...bound }]
  })
  const formed = new Set(newest.filter(isFormed).map(({ ring }) => ring.id))
  for (const one of newest) {
    for (const other of newest) {
      if (one.address >= other.address || one.ring.id !== other.ring.id || !formed.has(one.ring.id)) continue
      const both = slotsInBoth(one.owns, other.owns)
      if (both.length === 0) continue
      const sentence = `${one.address} and ${other.address} both own ${formatRanges(both)}`
      world.violations.push(sentence)
      world.note('violation', sentence)
    }
  }
}
