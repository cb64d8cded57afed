import type { RingOperation } from './ring-history.ts'

export interface Wait {
  readonly seconds: number
  readonly key: string
  /** When it began, in milliseconds since the drill began. */
  readonly from: number
}

/** An answer by which a client can go on: the key was written or read, or a condition was decided. */
const isAnswered = ({ outcome, status }: RingOperation) => outcome === 'ok' || status === 412

/**
 * The longest time in which somebody asked for a key in vain: that of a request up to its answer, or from the first of
 * several requests without one to the end of the last of them, with no answer to anybody in between. Undefined where
 * nobody asked for anything.
 */
export function longestWait(operations: readonly RingOperation[]): Wait | undefined {
  let longest: Wait | undefined
  const inVainSince = new Map<string, number>()
  for (const operation of operations.toSorted((one, other) => one.returned - other.returned)) {
    const { key, invoked, returned } = operation
    const from = isAnswered(operation) ? invoked : Math.min(invoked, inVainSince.get(key) ?? invoked)
    if (isAnswered(operation)) inVainSince.delete(key)
    else inVainSince.set(key, from)
    const seconds = (returned - from) / 1000
    if (seconds > (longest?.seconds ?? -1)) longest = { seconds, key, from }
  }
  return longest
}
