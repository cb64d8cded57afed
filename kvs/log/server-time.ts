import type { Clock } from '../lib/clock.ts'

/** The log server's clock, as this process knows it from the server's answers. The two clocks need not agree. */
export interface ServerTime {
  /**
   * Takes over the server's time from an answer, in seconds. Called for each answer that has it, so that drift stays
   * small.
   */
  note(serverSeconds: number): void
  /**
   * Takes over the time of an entry from an answer, in milliseconds since 1970, for `now` alone. It may be that of an
   * earlier entry, where somebody has set the server's clock back since.
   */
  noteEntry(recordedAt: number): void
  /**
   * The server's time, in seconds, when this process's clock has gone on by `ms` milliseconds from now. An answer takes
   * its time to arrive, so this is never later than what the server's clock says then, unless somebody sets that clock
   * back.
   */
  after(ms: number): number
  /**
   * The server's time now, in whole milliseconds since 1970; undefined before the first answer. It never goes back, and
   * is at least the time in each answer. Where somebody sets the server's clock back, it stands still until that has
   * caught up.
   */
  now(): number | undefined
}

export function makeServerTime(clock: Clock): ServerTime {
  let aheadSeconds = 0
  let latest: number | undefined

  const after = (ms: number) => (clock.now() + ms) / 1000 + aheadSeconds

  return {
    note(serverSeconds) {
      aheadSeconds = serverSeconds - clock.now() / 1000
      latest = Math.max(latest ?? 0, wholeMilliseconds(serverSeconds))
    },
    noteEntry(recordedAt) {
      latest = Math.max(latest ?? 0, recordedAt)
    },
    after,
    now() {
      if (latest !== undefined) latest = Math.max(latest, Math.floor(after(0) * 1_000))
      return latest
    },
  }
}

/**
 * A server's time in whole milliseconds since 1970: what is beyond is cut off, as in all times of entries. Servers give
 * microseconds.
 * @param seconds since 1970, as a double, which has them up to the year 2100
 */
export function wholeMilliseconds(seconds: number): number {
  return Math.floor(Math.round(seconds * 1e6) / 1_000)
}
