import { slotCount } from './key-slot.ts'
import { joined, type SlotRanges } from './slot-ranges.ts'

/** Addresses of members, `host:port` or `https://host:port`, by their positions; a member may have several. */
export type Positions = ReadonlyMap<number, string>

/**
 * The ring's description. Of one ring the higher version is the newer one, and there are no two of a version: each is
 * an entry in the log of the member that is `home` in the version before it.
 */
export interface Ring {
  /** Drawn when the ring is formed, so that no version of another ring is taken for one of this. */
  readonly id: string
  /** From 1 on. */
  readonly version: number
  /** Address of the member in whose log the next version is decided. */
  readonly home: string
  /** Who owns what, once no change is under way. Empty where the ring is not formed yet, or was given up. */
  readonly positions: Positions
  /** What a change leads to that is under way; undefined for none. */
  readonly next: Positions | undefined
  /** Addresses that own nothing, and know the ring all the same, sorted. */
  readonly standbys: readonly string[]
  /** Those of `next` and `standbys` that the change brings into the ring; undefined where none is under way. */
  readonly joining?: readonly string[] | undefined
  /** Which members were taken out without their keys, in the order in which that was done; undefined for none. */
  readonly lost?: readonly LostMember[] | undefined
}

/** A member that an administrator has taken out without its keys, since its log was lost. */
export interface LostMember {
  readonly address: string
  /** The newest version that was known then. There may be later ones, which nobody knew who went on. */
  readonly after: number
  /** The version that took it out. */
  readonly version: number
}

/** A member's own word on what it owns, as its log has it. */
export interface RingEntry {
  readonly ring: Ring
  /** The member's address in the ring. */
  readonly self: string
  /** The slots whose keys this log takes from here on, and no others. */
  readonly owns: SlotRanges
  /** Slots of others whose keys stay in this log, since nobody may have taken them over; undefined for none. */
  readonly keeps?: SlotRanges
}

/** The member that a slot belongs to: that of the first position at or after it, else of the lowest position. */
export function ownerOf(positions: Positions, slot: number): string | undefined {
  const sorted = sortedPositions(positions)
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < slot) low = middle + 1
    else high = middle
  }
  const found = sorted[low] ?? sorted[0]
  return found === undefined ? undefined : positions.get(found)
}

/** The slots that belong to a member. */
export function slotsOfMember(positions: Positions, address: string): SlotRanges {
  const sorted = sortedPositions(positions)
  const last = sorted.at(-1)
  if (last === undefined) return []
  const ranges = sorted.flatMap((position, index) =>
    positions.get(position) === address ? [{ from: (sorted[index - 1] ?? -1) + 1, through: position }] : [],
  )
  const wrapped = positions.get(sorted[0] as number) === address && last < slotCount - 1
  return joined(wrapped ? [...ranges, { from: last + 1, through: slotCount - 1 }] : ranges)
}

/** All addresses that a ring names. */
export function addressesIn({ positions, next, standbys }: Ring): readonly string[] {
  return [...new Set([...positions.values(), ...(next?.values() ?? []), ...standbys])]
}

/** Each member once, by its lowest position. */
export function membersOf(positions: Positions): readonly string[] {
  return [...new Set(sortedPositions(positions).map((position) => positions.get(position) as string))]
}

export function sortedPositions(positions: Positions): readonly number[] {
  const known = sortedOf.get(positions)
  if (known !== undefined) return known
  const sorted = [...positions.keys()].sort((one, other) => one - other)
  sortedOf.set(positions, sorted)
  return sorted
}

/** A ring's positions never change. */
const sortedOf = new WeakMap<Positions, readonly number[]>()

export function isSamePositions(one: Positions, other: Positions): boolean {
  return one.size === other.size && [...one].every(([position, address]) => other.get(position) === address)
}
