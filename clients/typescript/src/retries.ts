import { asUndecided, KvsError } from './errors.ts'

export interface RetryOptions {
  /** Most times that a request is sent. */
  readonly attempts?: number
  /** Longest wait for one answer in milliseconds; after it the request is sent again. */
  readonly attemptTimeoutMs?: number
  /** First pause between two attempts in milliseconds; each further one is twice the last. */
  readonly firstDelayMs?: number
  /** Longest pause in milliseconds, apart from one that the service asks for. */
  readonly maxDelayMs?: number
}

export type RetryPolicy = Required<RetryOptions>

/** An append to the log is answered within 10 seconds (KVS_APPEND_TIMEOUT), and forwarded within 15. */
export const defaultPolicy: RetryPolicy = {
  attempts: 5,
  attemptTimeoutMs: 16_000,
  firstDelayMs: 100,
  maxDelayMs: 5_000,
}

/** @throws TypeError where an option is none that can be */
export function policyOf(options: RetryOptions = {}): RetryPolicy {
  const policy = { ...defaultPolicy, ...options }
  for (const name of ['attempts', 'attemptTimeoutMs'] as const) requirePositive(`retry.${name}`, policy[name])
  for (const name of ['firstDelayMs', 'maxDelayMs'] as const) {
    if (policy[name] !== 0) requirePositive(`retry.${name}`, policy[name])
  }
  return policy
}

/** @throws TypeError */
export function requirePositive(name: string, value: number): void {
  if (typeof value !== 'number' || !(value > 0)) throw new TypeError(`${name} is ${value}; it has to be more than 0`)
}

/** Time and chance, as a client takes them from its surroundings. */
export interface Surroundings {
  /** Milliseconds from some moment on; never goes back. */
  now(): number
  /** From 0 on, and less than 1. */
  random(): number
  /** Rejects with the signal's reason once it aborts. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>
}

export const surroundings: Surroundings = {
  now: () => performance.now(),
  random: () => Math.random(),
  sleep,
}

export interface Terms {
  /** Longest time for all attempts in milliseconds. */
  readonly timeoutMs: number
  /** Whether it does no harm where the request is done twice. */
  readonly isRepeatable: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * Has a request sent until it is answered, as often as its terms and the policy allow. Rejects with the last attempt's
 * error, which is undecided where that of any attempt was: at once where another attempt would not help, or would begin
 * too late.
 * @param attempt sends the request, and waits at most so many milliseconds
 */
export async function withRetries<T>(
  attempt: (timeoutMs: number) => Promise<T>,
  { timeoutMs, isRepeatable, signal }: Terms,
  policy: RetryPolicy,
  { now, random, sleep }: Surroundings = surroundings,
): Promise<T> {
  const end = now() + timeoutMs
  const attempts = isRepeatable ? policy.attempts : 1
  let mayBeDone = false
  for (let count = 1; ; count++) {
    signal?.throwIfAborted()
    const left = end - now()
    try {
      return await attempt(count < attempts ? Math.min(left, policy.attemptTimeoutMs) : left)
    } catch (error) {
      if (!(error instanceof KvsError)) throw error
      const last = mayBeDone ? asUndecided(error) : error
      if (count >= attempts || !mayPass(error)) throw last
      const pause = pauseAfter(error, count, policy, random())
      if (now() + pause >= end) throw last
      mayBeDone ||= error.isUndecided
      await sleep(pause, signal)
    }
  }
}

/** Whether the same request may get another answer a moment later. */
function mayPass(error: KvsError): boolean {
  if (error.status === undefined) return error.code === 'unreachable' || error.code === 'timeout'
  return [429, 502, 503, 504].includes(error.status)
}

/**
 * As long as the service asks for, and a backoff on top. Chance (jitter) takes up to half of that away, so that clients
 * do not all come back at once.
 */
function pauseAfter({ retryAfter = 0 }: KvsError, count: number, policy: RetryPolicy, chance: number): number {
  const backoff = Math.min(policy.firstDelayMs * 2 ** (count - 1), policy.maxDelayMs)
  return retryAfter * 1_000 + backoff * (1 - chance / 2)
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
  })
}
