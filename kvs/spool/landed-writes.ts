import type { SeenValue, Write } from '../core/entry.ts'
import { batchLimits } from '../core/limits.ts'
import type { SpoolStorage } from './spool-storage.ts'

/** The last write of a batch that was spooled in doubt, and that has landed by its append all the same. */
export interface Landed {
  readonly number: bigint
  readonly sequence: bigint
}

/** `write` is undefined when values are not kept. */
export interface NewestWrite {
  readonly number: bigint
  readonly write: Write | undefined
  /** As `SpooledWrite.seen`. */
  seen: SeenValue | undefined
}

/** What the log has of the spool, with the newest write of each key. */
export interface LandedWrites extends Landed {
  readonly newest: ReadonlyMap<string, NewestWrite>
}

export const nothingLanded: LandedWrites = { number: 0n, sequence: 0n, newest: new Map() }

/**
 * Reads the writes after `removed` that the log has. A newer write of their key may be superseded while they are not.
 * Rejects with a `SpoolStorageError`.
 */
export async function readLanded(
  storage: SpoolStorage,
  removed: bigint,
  landed: Landed,
  keepsValues: boolean,
): Promise<LandedWrites> {
  const newest = new Map<string, NewestWrite>()
  for (let after = removed; after < landed.number; ) {
    const page = await storage.read({ after, through: landed.number, ...batchLimits })
    for (const { number, superseded, write, seen } of page) {
      if (!superseded) newest.set(write.key, { number, write: keepsValues ? write : undefined, seen })
    }
    after = page.at(-1)?.number ?? landed.number
  }
  return { ...landed, newest }
}
