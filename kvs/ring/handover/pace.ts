import type { Clock } from '../../lib/clock.ts'

/** Keeps work from going faster than so many keys a second. */
export interface Pace {
  /** Resolves once the keys that were done may have been done, or soon after `goesOn` is false. Never rejects. */
  after(keys: number, goesOn: () => boolean): Promise<void>
}

/** The longest sleep before it is looked whether the work goes on, in milliseconds. */
const mostSleepMs = 250

/** @param rate keys a second; Infinity for no bound */
export function makePace(rate: number, clock: Clock): Pace {
  /** When the next keys may be done, by the clock. What was not used is not saved up. */
  let next = clock.now()
  return {
    async after(keys, goesOn) {
      next = Math.max(next, clock.now()) + (keys / rate) * 1_000
      for (let ms = next - clock.now(); ms >= 1 && goesOn(); ms = next - clock.now()) {
        await clock.sleep(Math.min(ms, mostSleepMs))
      }
    },
  }
}
