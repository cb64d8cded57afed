import type { Collector } from './garbage-collector.ts'

/**
 * What memory is held for: `writes`, the values of requests from their first byte until they are stored, or are known not to be;
 * `answers`, the values that clients have asked for and not taken yet.
 */
export const purposes = ['writes', 'answers'] as const

export type Purpose = (typeof purposes)[number]

/** What is no larger finds room where larger ones do not, so that these do not shut it out. */
export const smallBytes = 64 * 1024

/**
 * Of the budget, what is left to writes that are larger, so that they shut out neither small ones nor readers; and what answers can
 * have, so that readers do not shut out writers.
 */
const shares = { large: 3 / 4, answers: 1 / 2 }

/** Garbage collection is asked for whenever this much has come and gone, and may find something to do. */
const leastBetweenLooks = 1024 * 1024

/**
 * One bound on the memory that requests take, whatever they are at: being received, waiting for the log, on the way to it or to
 * the spool, being answered. Bytes are counted once, from the first to arrive until nobody needs them.
 */
export interface MemoryBudget {
  readonly maxBytes: number
  held(purpose: Purpose): number
  /**
   * Counts more bytes for something that is `total` large with them. False, and nothing is counted, where there is no room for
   * them. There always is for one that nothing else of its purpose is beside, however large.
   */
  take(purpose: Purpose, more: number, total?: number): boolean
  give(purpose: Purpose, bytes: number): void
  /** Much has been in memory that does not count, and may be garbage by now. */
  look(): void
}

export function makeMemoryBudget(maxBytes: number, collector?: Collector): MemoryBudget {
  const held = { writes: 0, answers: 0 }
  let sinceLook = 0

  function hasRoom(purpose: Purpose, more: number, total: number): boolean {
    if (held[purpose] === total - more) return true
    const all = held.writes + held.answers + more
    if (purpose === 'answers') return all <= maxBytes && held.answers + more <= maxBytes * shares.answers
    return all <= (total > smallBytes ? maxBytes * shares.large : maxBytes)
  }

  function look(): void {
    sinceLook = 0
    // What answers carry is the view's as a rule, and no memory beside it.
    collector?.look(held.writes)
  }

  function passed(bytes: number): void {
    sinceLook += bytes
    if (sinceLook >= leastBetweenLooks) look()
  }

  return {
    maxBytes,
    held: (purpose) => held[purpose],
    take(purpose, more, total = more) {
      if (!hasRoom(purpose, more, total)) return false
      held[purpose] += more
      passed(more)
      return true
    },
    give(purpose, bytes) {
      held[purpose] -= bytes
      passed(bytes)
    },
    look,
  }
}
