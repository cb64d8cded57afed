import type { Clock } from '../../lib/clock.ts'

/** Keeps work from going faster than so many keys a second. */
export interface Pace {
  /** Resolves once the keys that were done may have been done, or as soon as the signal aborts. Never rejects. */
  after(keys: number, signal: AbortSignal): Promise<void>
}

/** @param rate keys a second; Infinity for no bound */
export function makePace(rate: number, clock: Clock): Pace {
  /** When the next keys may be done, by the clock. What was not used is not saved up. */
  let next = clock.now()
  return {
    async after(keys, signal) {
      next = Math.max(next, clock.now()) + (keys / rate) * 1_000
      const ms = next - clock.now()
      if (ms >= 1) await clock.sleep(ms, signal)
    },
  }
}
