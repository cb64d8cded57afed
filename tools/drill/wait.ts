import { setTimeout as sleep } from 'node:timers/promises'

export interface Patience {
  readonly boundMs: number
  readonly signal?: AbortSignal | undefined
  /** Between two looks. */
  readonly everyMs?: number
}

/** Looks until the condition gives something; undefined where it has not within the bound. Rejects when aborted. */
export async function waitFor<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  { boundMs, signal, everyMs = 20 }: Patience,
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

/** As `waitFor`, where not to find it is an error. */
export async function waitUntil<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  patience: Patience,
): Promise<T> {
  const found = await waitFor(condition, patience)
  if (found === undefined) throw new Error(`waited ${patience.boundMs / 1000} s in vain until ${what}`)
  return found
}
