import { distinctHashes, type HeldPuts } from '../core/held-put.ts'

/**
 * Counts the keys that have a value and of which `isIn` is true, those whose deadline has passed as well. One step is
 * the keys of one hash, and everything else may go on between two: what changes meanwhile may be counted or not, but a
 * key that has a value all the time is counted once.
 * @param puts a view, with ranks or without
 */
export function* countKeysIn(
  puts: Pick<HeldPuts, 'segments' | 'hashesIn' | 'visitKeys'>,
  isIn: (key: string) => boolean,
): Generator<void, number> {
  let count = 0
  const visit = (bytes: Buffer, start: number, length: number) => {
    if (isIn(bytes.toString('utf8', start, start + length))) count++
  }
  for (let segment = 0; segment < puts.segments; segment++) {
    for (const hash of distinctHashes(puts, segment)) yield puts.visitKeys(hash, visit)
  }
  return count
}
