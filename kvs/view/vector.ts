import type { LastSeen, Position } from '../core/position.ts'

/** What a view has of each origin: the highest sequence of each, and the highest stamp. */
export interface Vector {
  /** The vector as a position, with a component for this log from the start. The same object until the next change. */
  readonly position: Position
  /** Highest sequence of a log's entries; 0 where there is none. */
  reached(logId: string): number
  /**
   * The last entry of another log. Its stamp is known once an entry of that log was counted: a position that was loaded
   * has none. That of this log's own entries is never known.
   */
  lastOf(logId: string): LastSeen
  /**
   * Counts an entry.
   * @param sequence its sequence in the log that it was first written in
   * @param origin id of that log; undefined where it is this one
   */
  advance(sequence: number, stamp: number, origin: string | undefined): void
  /** Takes the place of everything that was counted. */
  load(position: Position): void
}

/** One component of the vector. */
interface Component {
  sequence: number
  /** Stamp of the entry there; `unknown` where it was loaded. */
  stamp: number
}

/** No stamp: a number, so that all components are of one shape. */
const unknown = -1

/** @param logId id of the log that is applied; there is no component for it where it is empty */
export function makeVector(logId: string): Vector {
  const others = new Map<string, Component>()
  let own = 0
  let stamp = 0
  /** The origin of the last entry of another log, with its component: entries of one come in runs. */
  let lastOrigin = ''
  let last: Component = { sequence: 0, stamp: unknown }
  /** Undefined until it is asked for. */
  let position: Position | undefined

  function componentOf(origin: string): Component {
    const component = others.get(origin) ?? { sequence: 0, stamp: unknown }
    others.set(origin, component)
    return component
  }

  return {
    get position() {
      position ??= { sequences: toSequences(logId, own, others), stamp }
      return position
    },

    reached: (id) => (id === logId ? own : (others.get(id)?.sequence ?? 0)),

    lastOf(id) {
      if (id === logId) return { sequence: BigInt(own), stamp: undefined }
      const { sequence, stamp } = others.get(id) ?? { sequence: 0, stamp: unknown }
      return { sequence: BigInt(sequence), stamp: stamp === unknown ? undefined : stamp }
    },

    advance(sequence, entryStamp, origin) {
      position = undefined
      if (entryStamp > stamp) stamp = entryStamp
      if (origin === undefined) {
        own = sequence
        return
      }
      if (origin !== lastOrigin) {
        lastOrigin = origin
        last = componentOf(origin)
      }
      last.sequence = sequence
      last.stamp = entryStamp
    },

    load(loaded) {
      others.clear()
      lastOrigin = ''
      for (const [id, sequence] of loaded.sequences) {
        if (id !== logId) componentOf(id).sequence = Number(sequence)
      }
      own = Number(loaded.sequences.get(logId) ?? 0n)
      stamp = loaded.stamp
      position = undefined
    },
  }
}

function toSequences(logId: string, own: number, others: ReadonlyMap<string, Component>): Position['sequences'] {
  const sequences = new Map<string, bigint>()
  if (logId !== '') sequences.set(logId, BigInt(own))
  for (const [id, { sequence }] of others) sequences.set(id, BigInt(sequence))
  return sequences
}
