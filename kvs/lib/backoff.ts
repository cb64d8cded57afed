import { type Clock, systemClock } from './clock.ts'
import { type Random, systemRandom } from './random.ts'

/**
 * Growing pauses between tries: none at first, then each up to twice the last, to `maxMs`, and shortened by chance so
 * that nodes spread out.
 */
export function makeBackoff({
  firstMs = 100,
  maxMs = 2_000,
  clock = systemClock,
  random = systemRandom,
}: {
  firstMs?: number
  maxMs?: number
  clock?: Clock
  random?: Random
} = {}) {
  let next = 0
  return {
    /** Waits for the next pause, or until the signal aborts; never rejects. */
    async pause(signal: AbortSignal): Promise<void> {
      const ms = next * (0.5 + random.fraction() / 2)
      next = next === 0 ? firstMs : Math.min(next * 2, maxMs)
      if (ms > 0) await clock.sleep(ms, signal)
    },
    reset(): void {
      next = 0
    },
  }
}
