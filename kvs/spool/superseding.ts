import type { Entry } from '../core/entry.ts'
import { isExpiry, setsValue } from '../core/operation/operation.ts'
import type { Landed, LandedWrites } from './landed-writes.ts'
import type { NewestWrites } from './newest-writes.ts'
import type { LogPosition } from './spool-storage.ts'

/** The part of a spool's state that says which of its writes are superseded. */
export interface Superseding {
  readonly newest: NewestWrites
  /** Number up to which a key's writes are superseded, for each key whose superseding is not stored yet. */
  readonly superseded: Map<string, bigint>
  /** As `Spool.last`. */
  last: bigint
  /** As `Spool.position`. */
  position: LogPosition | undefined
  landed: LandedWrites
  committed: Landed
}

/** See `Spool.supersede`. */
export function supersedeKey(state: Superseding, { sequence, origin, earlier, write }: Entry): void {
  // Neither is what a client asked for: a key has ended by itself, or the copy of another log’s key goes.
  if (isExpiry(write) || (earlier !== undefined && !setsValue(write))) return
  const { key } = write
  const newest = state.newest.get(key)
  if (newest === undefined || sequence <= (state.position?.sequence ?? 0n)) return
  if (origin !== undefined) {
    const { number, sequence: end } = state.committed
    if (newest.number <= number && sequence > end) state.newest.delete(key)
    return
  }
  const { number, sequence: end, newest: landedWrites } = state.landed
  const landed = sequence < end ? landedWrites.get(key) : undefined
  if (landed === undefined) state.newest.delete(key)
  else state.newest.set(key, landed)
  if (newest.number <= number) return
  state.superseded.set(key, state.last)
}
