import type { Position } from '../../kvs/core/position.ts'
import { outranks } from '../../kvs/core/rank.ts'
import type { LoggedEntry } from './facts.ts'

/** One log as it was at each place. Every look-up takes time with the logarithm of the log's length. */
export interface LogStates {
  /**
   * The last entry of a key that changed something, in what a node has of the log at a position. An older delete after
   * a newer one may count as one that has an effect, where the newer one is forgotten, and changes nothing.
   */
  lastAsOf(key: string, seen: Position): LoggedEntry | undefined
  /** Whether the log was, at some place, at this very position: no entry further, and none less far. */
  wasAt(seen: Position): boolean
}

/** Places, and what is at each, both rising. */
interface Rising {
  readonly places: number[]
  readonly sequences: number[]
}

export function makeLogStates(logId: string, entries: readonly LoggedEntry[]): LogStates {
  const byOrigin = new Map<string, Rising>()
  const byKey = new Map<string, number[]>()
  const rankOf = ({ stamp, deadline, origin }: LoggedEntry) => ({
    ...{ stamp, isExpiry: deadline !== undefined, origin: origin?.logId ?? logId },
  })
  entries.forEach((entry, place) => {
    const { origin, sequence, key, superseded } = entry
    const from = origin?.logId ?? logId
    const rising = byOrigin.get(from) ?? { places: [], sequences: [] }
    byOrigin.set(from, rising)
    rising.places.push(place)
    rising.sequences.push(Number(origin?.sequence ?? sequence))
    const places = byKey.get(key) ?? []
    const before = entries[places.at(-1) ?? -1]
    if (superseded || (before && areDeletes(before, entry) && outranks(rankOf(before), rankOf(entry)))) return
    byKey.set(key, places)
    places.push(place)
  })

  /** How many entries a node has at a position: all before the first one that is beyond it. */
  function lengthAt({ sequences }: Position): number {
    let length = entries.length
    for (const [origin, rising] of byOrigin) {
      const beyond = countUpTo(rising.sequences, Number(sequences.get(origin) ?? 0n))
      length = Math.min(length, rising.places[beyond] ?? length)
    }
    return length
  }

  return {
    lastAsOf(key, seen) {
      const places = byKey.get(key) ?? []
      const place = places[countUpTo(places, lengthAt(seen) - 1) - 1]
      return place === undefined ? undefined : entries[place]
    },

    wasAt(seen) {
      const length = lengthAt(seen)
      return [...seen.sequences].every(([origin, sequence]) => {
        const { places, sequences } = byOrigin.get(origin) ?? { places: [], sequences: [] }
        const last = sequences[countUpTo(places, length - 1) - 1] ?? 0
        // A log may count what it has taken over as its own.
        return Number(sequence) === last || (origin === logId && last < sequence && sequence <= length)
      })
    },
  }
}

function areDeletes(one: LoggedEntry, other: LoggedEntry): boolean {
  return one.eventType === 1 && other.eventType === 1
}

/** How many of these rising numbers are up to a bound. */
function countUpTo(rising: readonly number[], bound: number): number {
  let [low, high] = [0, rising.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rising[middle] ?? 0) <= bound) low = middle + 1
    else high = middle
  }
  return low
}
