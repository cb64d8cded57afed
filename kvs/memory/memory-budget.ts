import type { Collector } from './garbage-collector.ts'

/**
 * What memory is held for. `writes`: values of requests, from their first byte until they are stored or known not to
 * be. `answers`: values that clients have asked for and not received yet.
 */
export const purposes = ['writes', 'answers'] as const

export type Purpose = (typeof purposes)[number]

/** Up to this size, in bytes, a value may use the part of the budget that is reserved for small ones. */
export const smallBytes = 64 * 1024

/**
 * Fractions of the budget. `large` is for all but small writes, so that they shut out neither small writes nor readers.
 * `answers` is for answers, so that readers do not shut out writers.
 */
const shares = { large: 3 / 4, answers: 1 / 2 }

/** The collector is asked again after this many bytes were taken or given back. */
const bytesBetweenCollections = 1024 * 1024

/**
 * One bound on the memory of all requests, whatever they do: arriving, waiting for the log, on the way to the log or
 * the spool, being answered. A byte is counted once, from its arrival until nobody needs it. This is the service's
 * backpressure on memory.
 */
export interface MemoryBudget {
  readonly maxBytes: number
  /** Bytes that are held for a purpose. */
  held(purpose: Purpose): number
  /**
   * Counts `more` bytes for a value that has `total` bytes with them. Returns false and counts nothing if there is no
   * room. A value of any size has room if no other value of its purpose is held.
   */
  take(purpose: Purpose, more: number, total?: number): boolean
  give(purpose: Purpose, bytes: number): void
  /** Lets the collector free memory that this budget does not count, such as that of a batch from the spool. */
  collectGarbage(): void
}

/** @param collector asked to free memory as bytes come and go; undefined for never */
export function makeMemoryBudget(maxBytes: number, collector?: Collector): MemoryBudget {
  const held = { writes: 0, answers: 0 }
  let bytesSinceCollection = 0

  function hasRoom(purpose: Purpose, more: number, total: number): boolean {
    if (held[purpose] === total - more) return true
    const all = held.writes + held.answers + more
    if (purpose === 'answers') return all <= maxBytes && held.answers + more <= maxBytes * shares.answers
    return all <= (total > smallBytes ? maxBytes * shares.large : maxBytes)
  }

  function collectGarbage(): void {
    bytesSinceCollection = 0
    // The memory of answers usually belongs to the view, so it is not passed as held.
    collector?.collectIfNeeded(held.writes)
  }

  function countTraffic(bytes: number): void {
    bytesSinceCollection += bytes
    if (bytesSinceCollection >= bytesBetweenCollections) collectGarbage()
  }

  return {
    maxBytes,
    held: (purpose) => held[purpose],
    take(purpose, more, total = more) {
      if (!hasRoom(purpose, more, total)) return false
      held[purpose] += more
      countTraffic(more)
      return true
    },
    give(purpose, bytes) {
      held[purpose] -= bytes
      countTraffic(bytes)
    },
    collectGarbage,
  }
}
