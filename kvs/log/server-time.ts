import type { Clock } from '../lib/clock.ts'

/** The log server's clock, as this process knows it from the server's answers. The two clocks need not agree. */
export interface ServerTime {
  /**
   * Takes over the server's time from an answer, in seconds. Called for each answer that has it, so that drift stays
   * small.
   */
  note(serverSeconds: number): void
  /**
   * The server's time, in seconds, when this process's clock has gone on by `ms` milliseconds from now. An answer takes
   * its time to arrive, so this is never later than what the server's clock says then, unless somebody sets that clock
   * back.
   */
  after(ms: number): number
}

export function makeServerTime(clock: Clock): ServerTime {
  let aheadSeconds = 0
  return {
    note(serverSeconds) {
      aheadSeconds = serverSeconds - clock.now() / 1000
    },
    after: (ms) => (clock.now() + ms) / 1000 + aheadSeconds,
  }
}
