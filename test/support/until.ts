import { setTimeout as sleep } from 'node:timers/promises'

/** Polls until the condition gives something; rejects after a generous bound, naming what it waited for. */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  boundMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + boundMs
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`waited ${boundMs} ms in vain until ${what}`)
    await sleep(5)
  }
}
