import type { Position } from '../../kvs/core/position.ts'
import type { LoggedEntry } from './facts.ts'

/** One log as it was at each place. Every look-up takes time with the logarithm of the log's length. */
export interface LogStates {
  /** The last entry of a key that has an effect, in what a node has of the log at a position. */
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
  entries.forEach(({ origin, sequence, key, superseded }, place) => {
    const from = origin?.logId ?? logId
    const rising = byOrigin.get(from) ?? { places: [], sequences: [] }
    byOrigin.set(from, rising)
    rising.places.push(place)
    rising.sequences.push(Number(origin?.sequence ?? sequence))
    if (superseded) return
    const places = byKey.get(key) ?? []
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
