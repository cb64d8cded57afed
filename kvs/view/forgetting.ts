import { encodeKey } from '../core/key-bytes.ts'
import { maxKeyBytes } from '../core/limits.ts'
import { outranks, type Rank } from '../core/rank.ts'
import type { PackedMap } from './packed-map.ts'
import type { Ranks } from './ranks.ts'

/** Which deletes a view remembers of keys without a value. */
export interface Forgetting {
  /** Deletes with a stamp through this one are forgotten: `rankOf` does not show them. 0 where all are remembered. */
  readonly through: number
  /**
   * Sets that, at once. What is there of such deletes is hidden, until `sweep` frees it or a lower stamp shows it
   * again; those that are applied from now on leave nothing behind.
   */
  forget(through: number): void
  /** Frees the memory of forgotten deletes, in steps of some microseconds. The view may change between the steps. */
  sweep(): Iterator<undefined>
  /**
   * Has a delete be remembered as the newest entry of its key. It does nothing where the key has a value, or a delete
   * that outranks this one.
   * @throws ViewFull
   */
  remember(key: string, rank: Rank): void
}

export function makeForgetting(values: PackedMap, { tombstones, pack, unpack }: Ranks): Forgetting {
  const encoded = Buffer.alloc(maxKeyBytes)
  return {
    get through() {
      return tombstones.forgotten
    },
    forget: tombstones.forget,
    sweep: tombstones.sweep,
    remember(key, rank) {
      const length = encodeKey(key, encoded)
      if (length < 0 || values.find(encoded, 0, length) !== 0) return
      const before = tombstones.rankOf(encoded, 0, length)
      if (before !== undefined && outranks(unpack(before), rank)) return
      tombstones.set(encoded, 0, length, pack(rank.stamp, rank.isExpiry, rank.origin))
    },
  }
}
