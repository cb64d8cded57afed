import { type Clock, systemClock } from './clock.ts'
import { type Random, systemRandom } from './random.ts'

/** Pauses between tries that grow as long as these fail. */
export interface Backoff {
  /** Waits for the next pause, or until the signal aborts. Never rejects. */
  pause(signal: AbortSignal): Promise<void>
  /** Starts over: the next pause is none. */
  reset(): void
}

export interface BackoffOptions {
  readonly firstMs?: number
  readonly maxMs?: number
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * The first pause is none, the second is `firstMs`, and each further one is twice the last, up to `maxMs`. Chance
 * (jitter) takes up to half of a pause away, so that nodes do not all come back at once.
 */
export function makeBackoff(options: BackoffOptions = {}): Backoff {
  const { firstMs = 100, maxMs = 2_000, clock = systemClock, random = systemRandom } = options
  let next = 0
  return {
    async pause(signal) {
      const ms = next * (0.5 + random.fraction() / 2)
      next = next === 0 ? firstMs : Math.min(next * 2, maxMs)
      if (ms > 0) await clock.sleep(ms, signal)
    },
    reset() {
      next = 0
    },
  }
}
