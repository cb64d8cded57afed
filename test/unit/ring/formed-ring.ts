import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { formatRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeRingWorld, type RingWorld } from './ring-world.ts'

export const [a, b, c, d] = ['10.0.0.3:5000', '10.0.0.4:5000', '10.0.0.5:5000', '10.0.0.6:5000'] as const
export const addresses = [a, b, c, d]
/** The positions of the ring at first. */
export const first = new Map([
  [3000, a],
  [8000, b],
])

/** A world with that ring. */
export async function formed(options: { seed?: number; alias?: readonly [string, string] } = {}): Promise<RingWorld> {
  const world = makeRingWorld({ addresses, ...options })
  await world.settle(world.node(a).replace(first))
  return world
}

/** A key of a slot in the range. */
export function keyIn(from: number, through: number): string {
  for (let number = 0; ; number++) {
    const slot = slotOf(`key${number}`)
    if (slot >= from && slot <= through) return `key${number}`
  }
}

/** What each log owns. */
export const ownedBy = (world: RingWorld) => addresses.map((address) => formatRanges(world.logOf(address).owns ?? []))
export const positionsAt = (world: RingWorld, address: string) => [...(world.node(address).current()?.positions ?? [])]
