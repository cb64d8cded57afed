import { distinctHashes, type HeldPuts } from '../core/held-put.ts'

type Keys = Pick<HeldPuts, 'segments' | 'hashesIn' | 'visitKeys'>
type Visit = Parameters<Keys['visitKeys']>[1]

/** Counts the keys that `visitKeysIn` visits. */
export function* countKeysIn(puts: Keys, isIn: (key: string) => boolean): Generator<void, number> {
  let count = 0
  yield* visitKeysIn(puts, isIn, () => count++)
  return count
}

/**
 * Visits the keys that have a value and of which `isIn` is true, those whose deadline has passed as well. One step is
 * the keys of one hash, and everything else may go on between two: what changes meanwhile may be visited or not, but a
 * key that has a value all the time is visited once.
 * @param puts a view, with ranks or without
 * @param visitKey takes a key as a window on a buffer, which is valid only during the call
 */
export function* visitKeysIn(puts: Keys, isIn: (key: string) => boolean, visitKey: Visit): Generator<void> {
  const visit: Visit = (bytes, start, length) => {
    if (isIn(bytes.toString('utf8', start, start + length))) visitKey(bytes, start, length)
  }
  for (let segment = 0; segment < puts.segments; segment++) {
    for (const hash of distinctHashes(puts, segment)) yield puts.visitKeys(hash, visit)
  }
}
