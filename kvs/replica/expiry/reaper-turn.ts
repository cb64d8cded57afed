import type { Random } from '../../lib/random.ts'

/**
 * Whose turn it is to append expiries. There is no lock: the node whose expiries come goes on, and the others wait
 * until there have been lapsed keys for some seconds without any. Chance keeps them from beginning together; two that
 * do are harmless, since the log takes an expiry once, and step back for each other.
 */
export interface ReaperTurn {
  /**
   * Whether it is this node's turn. Asked while there are lapsed keys.
   * @param now monotonic time in milliseconds, as in all functions here
   */
  isOwn(now: number): boolean
  /** Another node has appended an expiry. */
  noteOthers(now: number): void
  /** There is no lapsed key. */
  noteIdle(): void
}

/** How long a node waits for the one whose turn it is, in milliseconds: at least, and at most. */
export const patience = { least: 2_000, most: 6_000 }

export function makeReaperTurn(random: Random): ReaperTurn {
  let isOwn = false
  /** When the turn comes to this node; undefined while nothing is waited for. */
  let comesAt: number | undefined

  const drawFrom = (now: number) => now + patience.least + random.fraction() * (patience.most - patience.least)

  return {
    isOwn(now) {
      comesAt ??= drawFrom(now)
      isOwn ||= now >= comesAt
      return isOwn
    },
    noteOthers(now) {
      isOwn = false
      comesAt = drawFrom(now)
    },
    noteIdle() {
      comesAt = undefined
    },
  }
}
