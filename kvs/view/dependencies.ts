import type { PackedEntry } from '../core/entry.ts'
import { effectOf } from '../core/operation/operation.ts'
import { mergePositions, type Position, parsePosition } from '../core/position.ts'

/**
 * The positions that keys depend on and that are not covered yet. Each waits for one log at a time, so that an entry
 * touches only those that it brings on.
 */
export interface Dependencies {
  /** Number of keys with one. */
  readonly size: number
  /** All of them merged; undefined where there is none. The same object until they change. */
  readonly merged: Position | undefined
  /** That of a key; undefined where it has none. */
  of(key: string): Position | undefined
  /**
   * Takes the place of the key's dependency, and is kept unless it is covered.
   * @param after that of the key's newest entry; undefined where it has none
   */
  set(key: string, after: Position | undefined): void
  /** Drops those that are covered now that more of a log is reached. */
  advance(logId: string): void
}

interface Dependency {
  readonly after: Position
  /** The log it waits for. */
  readonly logId: string
  /** The sequence there that it waits for. */
  readonly sequence: number
}

/** The keys that wait for one log. */
interface Waiting {
  /** The sequences that they wait for, the lowest last. */
  readonly sequences: number[]
  readonly keys: Map<number, Set<string>>
}

/** @param reached highest sequence that is covered of a log; 0 for none */
export function makeDependencies(reached: (logId: string) => number): Dependencies {
  const dependencies = new Map<string, Dependency>()
  const waiting = new Map<string, Waiting>()
  /** Undefined until it is asked for. */
  let merged: Position | undefined

  function drop(key: string): void {
    const dependency = dependencies.get(key)
    if (dependency === undefined) return
    dependencies.delete(key)
    merged = undefined
    stopWaiting(waiting, key, dependency)
  }

  function set(key: string, after: Position | undefined): void {
    if (dependencies.size > 0) drop(key)
    const dependency = after && firstUncovered(after, reached)
    if (dependency === undefined) return
    dependencies.set(key, dependency)
    merged = undefined
    startWaiting(waiting, key, dependency)
  }

  return {
    get size() {
      return dependencies.size
    },
    get merged() {
      if (dependencies.size > 0) merged ??= [...dependencies.values()].map(({ after }) => after).reduce(mergePositions)
      return merged
    },
    of: (key) => dependencies.get(key)?.after,
    set,

    advance(logId) {
      const ofLog = waiting.get(logId)
      if (ofLog === undefined) return
      const sequence = reached(logId)
      for (let next = ofLog.sequences.at(-1); next !== undefined && next <= sequence; next = ofLog.sequences.at(-1)) {
        for (const key of [...(ofLog.keys.get(next) ?? [])]) set(key, dependencies.get(key)?.after)
      }
    },
  }
}

/** The dependency on a position, which waits for one of its logs; undefined where all are covered. */
function firstUncovered(after: Position, reached: (logId: string) => number): Dependency | undefined {
  for (const [logId, sequence] of after.sequences) {
    if (sequence > reached(logId)) return { after, logId, sequence: Number(sequence) }
  }
  return undefined
}

function startWaiting(waiting: Map<string, Waiting>, key: string, { logId, sequence }: Dependency): void {
  const ofLog = waiting.get(logId) ?? { sequences: [], keys: new Map() }
  waiting.set(logId, ofLog)
  const keys = ofLog.keys.get(sequence)
  if (keys !== undefined) {
    keys.add(key)
    return
  }
  ofLog.keys.set(sequence, new Set([key]))
  ofLog.sequences.splice(placeOf(ofLog.sequences, sequence), 0, sequence)
}

function stopWaiting(waiting: Map<string, Waiting>, key: string, { logId, sequence }: Dependency): void {
  const ofLog = waiting.get(logId)
  const keys = ofLog?.keys.get(sequence)
  if (ofLog === undefined || keys === undefined) return
  keys.delete(key)
  if (keys.size > 0) return
  ofLog.keys.delete(sequence)
  ofLog.sequences.splice(placeOf(ofLog.sequences, sequence), 1)
  if (ofLog.sequences.length === 0) waiting.delete(logId)
}

/** Index of a sequence among descending ones; where it is not there, the one at which it belongs. */
function placeOf(sequences: readonly number[], sequence: number): number {
  let [low, high] = [0, sequences.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sequences[middle] as number) > sequence) low = middle + 1
    else high = middle
  }
  return low
}

/** Sets what the key depends on by its newest entry. */
export function setDependency(dependencies: Dependencies, entry: PackedEntry): void {
  const { after, bytes, keyStart, keyLength, kind } = entry
  if ((after === undefined && dependencies.size === 0) || effectOf(kind) === 'none') return
  const key = bytes.toString('utf8', keyStart, keyStart + keyLength)
  dependencies.set(key, after === undefined ? undefined : parsePosition(after))
}
