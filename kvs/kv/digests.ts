import type { Position } from '../core/position.ts'

/**
 * Number of buckets that keys are in, by a hash that all sites have in common (kvs/sites/digests/fingerprint.ts). Sites
 * compare the digests of buckets, and then the keys in those that differ.
 */
export const bucketCount = 1_024

/** What tells the value of a key at one site from that at another: who wrote it when, and a checksum of it. */
export interface Fingerprint {
  readonly key: string
  /** Stamp and origin of the put, as in `Rank`. */
  readonly stamp: number
  readonly origin: string
  /** Of value, content type and deadline, 32 bits. */
  readonly checksum: number
}

/** What a node has otherwise than another site. */
export interface Unlike {
  /** Position of the node after it has looked. */
  readonly position: Position
  /** Indices of the fingerprints that are not those of its values, whether these are newer or older, or not there. */
  readonly indices: readonly number[]
}

/** The keys and values of a node, to be compared by another site with its own. */
export interface DigestService {
  /**
   * Digests of all buckets, 16 hexadecimal digits each, of a view that has `seen`. It reads the whole view, in the
   * background. Rejects with `not_ready`, with `behind` where the view does not get there within the wait timeout, with
   * `removed` where the site was taken out of its group, and with `draining`.
   */
  read(seen: Position): Promise<readonly string[]>
  /**
   * Compares values of another site that it had at `seen`. One comparison is under way at a time. Rejects as `read`,
   * and with `overloaded` where too many wait.
   * @param requireWanted throws where nobody waits for the answer any more, which ends the comparison with that
   */
  compare(seen: Position, fingerprints: readonly Fingerprint[], requireWanted?: () => void): Promise<Unlike>
}
