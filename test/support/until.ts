import { waitUntil } from '../../tools/lab/polling.ts'

/** Polls until the condition gives something; rejects after a generous bound, and names what it waited for. */
export function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  boundMs = 30_000,
): Promise<T> {
  return waitUntil(what, condition, { boundMs, everyMs: 5 })
}
