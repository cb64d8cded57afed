import { createHash } from 'node:crypto'

/** One line of what happened. */
export interface TraceLine {
  /** Virtual milliseconds. */
  readonly at: number
  /** A node, a client, the log, or `fault`. */
  readonly who: string
  readonly what: string
}

/** All that happened in a run, in order. Two runs with the same hash went the same way. */
export interface Trace {
  readonly lines: readonly TraceLine[]
  add(who: string, what: string): void
  hash(): string
}

export function makeTrace(now: () => number): Trace {
  const lines: TraceLine[] = []
  return {
    lines,
    add: (who, what) => void lines.push({ at: now(), who, what }),
    hash() {
      const hash = createHash('sha256')
      for (const { at, who, what } of lines) hash.update(`${at} ${who} ${what}\n`)
      return hash.digest('hex').slice(0, 16)
    },
  }
}
