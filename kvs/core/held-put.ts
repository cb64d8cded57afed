import type { Rank } from './rank.ts'

/** The put that a key has its value from, as a view holds it. It is the reader's own: nothing changes it later. */
export interface HeldPut {
  readonly key: Buffer
  readonly value: Buffer
  readonly contentType: string | undefined
  /** As `Put.deadline`. */
  readonly deadline: number | undefined
  readonly rank: Rank
}

/**
 * All keys with a value that a site's view holds, those whose deadline has passed as well. They are found by hashes,
 * each in a segment, so that a walk over them can pause anywhere: a key that has a value all the time is met once.
 */
export interface HeldPuts {
  readonly segments: number
  /** A copy of the hashes of a segment's keys. Where two keys share a hash it is there twice. */
  hashesIn(segment: number): Uint32Array
  /** Calls `visit` for each key with this hash, as a window on a buffer that is valid only during the call. */
  visitKeys(hash: number, visit: (bytes: Buffer, start: number, length: number) => void): void
  /** Calls `visit` for each key with this hash. */
  visitPuts(hash: number, visit: (put: HeldPut) => void): void
  /** Undefined where the key has no value. */
  putOf(key: string): HeldPut | undefined
}

/** The hashes of a segment, each once. */
export function distinctHashes(puts: Pick<HeldPuts, 'hashesIn'>, segment: number): Uint32Array {
  const sorted = puts.hashesIn(segment).sort()
  return sorted.filter((hash, index) => index === 0 || hash !== sorted[index - 1])
}
