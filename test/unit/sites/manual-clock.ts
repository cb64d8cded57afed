import type { Clock, Timer } from '../../../kvs/lib/clock.ts'

/** Time that passes where a test says so. */
export function makeManualClock() {
  let now = 0
  let timers: { readonly at: number; readonly every: number | undefined; readonly act: () => void }[] = []

  function add(ms: number, act: () => void, every?: number): Timer {
    const own = { at: now + ms, every, act }
    timers.push(own)
    const timer: Timer = {
      cancel() {
        timers = timers.filter(({ act: other }) => other !== act)
      },
      unref: () => timer,
    }
    return timer
  }

  const clock: { -readonly [Name in keyof Clock]: Clock[Name] } = {
    now: () => now,
    wallTime: () => now,
    after: (ms, act) => add(ms, () => act()),
    every: (ms, act) => add(ms, () => act(), ms),
    soon: (act) => void setImmediate(act),
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const timer = add(ms, () => resolve())
        signal?.addEventListener('abort', () => {
          timer.cancel()
          resolve()
        })
      })
    },
  }
  return {
    clock,
    get waiting() {
      return timers.length
    },
    /** Time without its timers, as while something is computed. */
    skip(ms: number) {
      now += ms
    },
    /** Lets time pass in steps, with all that follows from each. */
    async pass(ms: number, step = 10) {
      for (const end = now + ms; now < end; ) {
        now = Math.min(end, now + step)
        const due = timers.filter(({ at }) => at <= now)
        timers = timers.filter(({ at }) => at > now)
        for (const { act, every } of due) {
          if (every !== undefined) timers.push({ at: now + every, every, act })
          act()
        }
        for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
      }
    },
  }
}
