import { slotCount } from '../../../kvs/core/ring/key-slot.ts'
import { type SlotRanges, slotsWithout } from '../../../kvs/core/ring/slot-ranges.ts'
import type { RingLog, RingLogEntry } from './ring-history.ts'

/** A time through which a log owned a slot. */
export interface Stint {
  /** Index of the log. */
  readonly log: number
  /** Sequence of the entry from which on the log has owned the slot. */
  readonly from: number
  /** Version of the ring that this entry has. */
  readonly version: number
  /** Sequence and version of the entry by which the log has given it up; both Infinity where it owns it still. */
  until: number
  lostIn: number
}

/** Which log owned which slot when, as the entries on the ring say. */
export interface Ownership {
  /** In the order of the versions, and so of time. A log that is alone, before there is a ring, owns nothing here. */
  stintsOf(slot: number): readonly Stint[]
  /** The stint of a log that an entry of it falls into; undefined where the log did not own the slot then. */
  at(log: number, slot: number, sequence: number): Stint | undefined
  /** A sentence for each two logs that have owned a slot at once, and for each version that does not go with others. */
  readonly violations: readonly string[]
}

export function readOwnership(logs: readonly RingLog[]): Ownership {
  const stints: Stint[][] = Array.from({ length: slotCount }, () => [])
  const violations = new Set<string>()
  const ids = new Set<string>()
  logs.forEach(({ member, entries }, log) => {
    let owns: SlotRanges = []
    let version = 0
    for (const { ring: entry, sequence } of entries) {
      if (entry === undefined) continue
      ids.add(entry.ring.id)
      if (entry.ring.version < version) {
        violations.add(`${member} goes back from version ${version} to ${entry.ring.version} with entry ${sequence}`)
      }
      version = entry.ring.version
      // Before the ring is formed, each log has all slots to itself.
      const owned = entry.ring.positions.size > 0 ? entry.owns : []
      for (const slot of slotsIn(slotsWithout(owns, owned))) close(stints[slot], log, sequence, version)
      for (const slot of slotsIn(slotsWithout(owned, owns))) {
        stints[slot]?.push({ log, from: sequence, version, until: Infinity, lostIn: Infinity })
      }
      owns = owned
    }
  })
  if (ids.size > 1) violations.add(`the logs are of ${ids.size} rings: ${[...ids].join(', ')}`)
  for (const ofSlot of stints) {
    ofSlot.sort((one, other) => one.version - other.version)
    ofSlot.forEach((stint, index) => {
      const next = ofSlot[index + 1]
      if (next === undefined || stint.lostIn < next.version) return
      violations.add(twoOwners(logs, stint, next))
    })
  }
  return {
    stintsOf: (slot) => stints[slot] ?? [],
    at: (log, slot, sequence) =>
      stints[slot]?.find((stint) => stint.log === log && stint.from < sequence && sequence < stint.until),
    violations: [...violations],
  }
}

function close(ofSlot: readonly Stint[] | undefined, log: number, sequence: number, version: number): void {
  const open = ofSlot?.findLast((stint) => stint.log === log)
  if (open === undefined) return
  open.until = sequence
  open.lostIn = version
}

function twoOwners(logs: readonly RingLog[], one: Stint, other: Stint): string {
  const named = ({ log, from, version, lostIn }: Stint) => {
    const until = lostIn === Infinity ? 'still' : `until version ${lostIn}`
    return `${logs[log]?.member} (from version ${version}, its entry ${from}, ${until})`
  }
  return `${named(one)} and ${named(other)} own the same slots at once`
}

function* slotsIn(ranges: SlotRanges): Generator<number> {
  for (const { from, through } of ranges) for (let slot = from; slot <= through; slot++) yield slot
}

/** Words for an entry of a log. */
export function placeOf({ member }: RingLog, { kind, key, sequence }: RingLogEntry): string {
  return `the ${kind} of ${JSON.stringify(key)} in the log of ${member} at ${sequence}`
}
