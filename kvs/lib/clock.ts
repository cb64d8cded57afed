import { setTimeout as delay } from 'node:timers/promises'

/** A timer that was set on a clock. */
export interface Timer {
  /** Keeps the timer from firing again, or at all. Does nothing where it has fired for the last time. */
  cancel(): void
  /** Lets the process end while this timer waits. Returns the timer. */
  unref(): Timer
}

/**
 * Time as the service sees it. Everything below `roles/` is given one instead of asking Node, so that the simulator can
 * run it on virtual time; test/rules/injection.test.ts holds that.
 */
export interface Clock {
  /** Monotonic time in milliseconds. Only differences have a meaning. */
  now(): number
  /** Wall-clock time in milliseconds since 1970. It may jump in either direction. */
  wallTime(): number
  /** Calls `act` once, after `ms` milliseconds. */
  after(ms: number, act: () => void): Timer
  /** Calls `act` again and again, every `ms` milliseconds. */
  every(ms: number, act: () => void): Timer
  /** Calls `act` in a macrotask of its own, after what is ready now. */
  soon(act: () => void): void
  /** Resolves after `ms` milliseconds, or as soon as the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Time as Node has it. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after: (ms, act) => timerOf(setTimeout(act, ms)),
  every: (ms, act) => timerOf(setInterval(act, ms)),
  soon: (act) => void setImmediate(act),
  sleep: (ms, signal) => delay(ms, undefined, signal && { signal }).catch(() => undefined),
}

function timerOf(timeout: NodeJS.Timeout): Timer {
  const timer: Timer = {
    cancel: () => clearTimeout(timeout),
    unref() {
      timeout.unref()
      return timer
    },
  }
  return timer
}
