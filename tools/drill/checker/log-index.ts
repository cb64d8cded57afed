import type { LogEntry, Operation } from '../history.ts'
import { firstAfter } from './slots.ts'

/** The log's state at any of its positions. Superseded entries have no effect. */
export interface LogIndex {
  /** Last sequence; 0 for an empty log. */
  readonly end: number
  at(sequence: number): LogEntry | undefined
  /** Finds the entry, superseded or not, that put a value. */
  ofValue(value: string | null | undefined): LogEntry | undefined
  /** Finds the entry that a key's state at a position comes from; undefined before its first entry. */
  asOf(key: string, position: number): LogEntry | undefined
  /** Finds the first effective entry of a key after a position that is as wanted. */
  next(key: string, position: number, wanted?: (entry: LogEntry) => boolean): LogEntry | undefined
  /** Lists all entries of a key, superseded ones included. */
  allOf(key: string): readonly LogEntry[]
}

export function indexLog(log: readonly LogEntry[]): LogIndex {
  const bySequence = new Map(log.map((entry) => [entry.sequence, entry]))
  const byValue = new Map(log.flatMap((entry) => (entry.value === undefined ? [] : [[entry.value, entry] as const])))
  const all = Map.groupBy(log, (entry) => entry.key)
  const effective = new Map(
    [...all].map(([key, entries]) => {
      const kept = entries.filter((entry) => !entry.superseded)
      return [key, { entries: kept, sequences: kept.map(({ sequence }) => sequence) }]
    }),
  )
  const nothing = { entries: [], sequences: [] }

  return {
    end: log.at(-1)?.sequence ?? 0,
    at: (sequence) => bySequence.get(sequence),
    ofValue: (value) => (typeof value === 'string' ? byValue.get(value) : undefined),
    asOf(key, position) {
      const { entries, sequences } = effective.get(key) ?? nothing
      return entries[firstAfter(sequences, position) - 1]
    },
    next(key, position, wanted = () => true) {
      const { entries, sequences } = effective.get(key) ?? nothing
      for (let at = firstAfter(sequences, position); at < entries.length; at++) {
        const entry = entries[at]
        if (entry && wanted(entry)) return entry
      }
      return undefined
    },
    allOf: (key) => all.get(key) ?? [],
  }
}

/** Returns the sequence of the value that a key has after an entry; undefined if it has none. */
export function currentAfter(entry: LogEntry | undefined): number | undefined {
  return entry?.kind === 'put' ? entry.sequence : undefined
}

/**
 * The highest of the numbers that operations had told by some time: of those that had returned before it; 0 where none
 * had. What returns at the same time may have overlapped.
 */
export function makeFloor(operations: readonly Operation[], numberOf: (operation: Operation) => number) {
  const returned = operations.toSorted((a, b) => a.returned - b.returned)
  const times = returned.map((operation) => operation.returned)
  const highest: number[] = [0]
  for (const operation of returned) highest.push(Math.max(highest.at(-1) ?? 0, numberOf(operation)))
  return (time: number): number => highest[firstBefore(times, time)] ?? 0
}

/** Counts the numbers that are less. */
function firstBefore(ascending: readonly number[], value: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] ?? value) < value) low = middle + 1
    else high = middle
  }
  return low
}
