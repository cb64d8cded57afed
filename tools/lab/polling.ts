import { setTimeout as sleep } from 'node:timers/promises'

export interface PollOptions {
  /** Longest time to wait, in milliseconds. */
  readonly boundMs: number
  readonly signal?: AbortSignal | undefined
  /** Pause between two attempts, in milliseconds; 20 by default. */
  readonly everyMs?: number
}

type Condition<T> = () => T | undefined | false | Promise<T | undefined | false>

/**
 * Polls until the condition returns something other than undefined or false, and returns that; undefined if it never
 * does within the bound. Rejects when the condition throws or the signal aborts.
 */
export async function waitFor<T>(
  condition: Condition<T>,
  { boundMs, signal, everyMs = 20 }: PollOptions,
): Promise<T | undefined> {
  const deadline = performance.now() + boundMs
  for (;;) {
    signal?.throwIfAborted()
    const found = await condition()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) return undefined
    await sleep(everyMs, undefined, signal && { signal })
  }
}

/** Like `waitFor`, but rejects with an error that names `what` if the condition never holds within the bound. */
export async function waitUntil<T>(what: string, condition: Condition<T>, options: PollOptions): Promise<T> {
  const found = await waitFor(condition, options)
  if (found === undefined) throw new Error(`waited ${options.boundMs / 1000} s in vain until ${what}`)
  return found
}
