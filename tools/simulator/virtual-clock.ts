import type { Clock, Timer } from '../../kvs/lib/clock.ts'
import type { Random } from '../../kvs/lib/random.ts'
import type { SeededRandom } from '../lab/seeded-random.ts'
import type { Lane, Scheduler } from './scheduler.ts'

/** The time of one process: that of the scheduler, with a wall clock that can be set. */
export interface VirtualClock extends Clock {
  /** Sets the wall clock this many milliseconds forward, or back. */
  jump(ms: number): void
  /** How far the wall clock was ahead of virtual time, from some virtual time on, by time. */
  readonly settings: readonly { readonly from: number; readonly ahead: number }[]
}

/** When virtual time begins: 2026-01-01, by every wall clock that was never set. */
const epoch = Date.UTC(2026, 0, 1)

export function makeVirtualClock(scheduler: Scheduler, lane: Lane, offset = 0): VirtualClock {
  let ahead = offset
  const settings = [{ from: Number.NEGATIVE_INFINITY, ahead: epoch + ahead }]

  function every(ms: number, act: () => void): Timer {
    let next: Timer
    const again = () => {
      next = lane.after(ms, again)
      act()
    }
    next = lane.after(ms, again)
    const timer: Timer = { cancel: () => next.cancel(), unref: () => timer }
    return timer
  }

  return {
    now: () => scheduler.now,
    wallTime: () => epoch + scheduler.now + ahead,
    after: (ms, act) => lane.after(ms, act),
    every,
    soon: (act) => void lane.after(0, act),
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const timer = lane.after(ms, end)
        signal?.addEventListener('abort', end)
        function end(): void {
          timer.cancel()
          signal?.removeEventListener('abort', end)
          resolve()
        }
      })
    },
    jump(ms) {
      ahead += ms
      settings.push({ from: scheduler.now, ahead: epoch + ahead })
    },
    settings,
  }
}

/** Chance as the service takes it, from a seed. */
export function makeServiceRandom(random: SeededRandom): Random {
  const hex = (digits: number) => Array.from({ length: digits }, () => random.integer(0, 15).toString(16)).join('')
  return {
    fraction: () => random.next(),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  }
}
