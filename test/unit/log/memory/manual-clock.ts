import { setImmediate as turn } from 'node:timers/promises'
import type { Clock, Timer } from '../../../../kvs/lib/clock.ts'

/** A clock that goes on when a test says so. */
export interface ManualClock extends Clock {
  /** Goes on by so many milliseconds, and has all that is due done. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock forward, or back. */
  jump(ms: number): void
}

export function makeManualClock(): ManualClock {
  const timers = new Set<{ readonly at: number; readonly act: () => void }>()
  let now = 0
  let wallOffset = 1_700_000_000_000

  function after(ms: number, act: () => void): Timer {
    const timer = { at: now + ms, act }
    timers.add(timer)
    const handle: Timer = { cancel: () => void timers.delete(timer), unref: () => handle }
    return handle
  }

  return {
    now: () => now,
    wallTime: () => wallOffset + now,
    after,
    every: () => {
      throw new Error('not needed')
    },
    soon: (act) => void after(0, act),
    sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
    async advance(ms) {
      const end = now + ms
      for (;;) {
        await turn()
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)
        if (next === undefined) break
        timers.delete(next)
        now = next.at
        next.act()
      }
      now = end
    },
    jump(ms) {
      wallOffset += ms
    },
  }
}
