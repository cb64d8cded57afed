import type { Entry, SeenValue, SpooledWrite } from '../core/entry.ts'
import { changesNoKey, isExpiry, setsValue } from '../core/operation/operation.ts'
import { versionAt } from '../core/version.ts'
import type { Landed, LandedWrites } from './landed-writes.ts'
import type { NewestWrites } from './newest-writes.ts'
import type { LogPosition } from './spool-storage.ts'

/** The part of a spool's state that says which of its writes are superseded. */
export interface Superseding {
  readonly newest: NewestWrites
  /** Number up to which a key's writes are superseded, for each key whose superseding is not stored yet. */
  readonly superseded: Map<string, bigint>
  /** What a key's writes have for `seen` up to a number, where that is not stored yet. */
  readonly seen: Map<string, SeenSince>
  /** As `Spool.last`. */
  last: bigint
  /** As `Spool.position`. */
  position: LogPosition | undefined
  landed: LandedWrites
  committed: Landed
}

export interface SeenSince {
  readonly through: bigint
  readonly seen: SeenValue
}

/** See `Spool.supersede`. */
export function supersedeKey(state: Superseding, { sequence, origin, earlier, write }: Entry): void {
  if (isExpiry(write)) return
  const { key } = write
  const newest = state.newest.get(key)
  if (newest === undefined || sequence <= (state.position?.sequence ?? 0n)) return
  // What moves between logs, no client has just asked for: a value that was seen already, or the end of a copy.
  if (earlier !== undefined && (!setsValue(write) || earlier.tag === newest.seen?.tag)) return
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

/** See `Spool.noteOwn`. */
export function noteOwn(state: Superseding, { sequence, digest, superseded, write }: Entry): void {
  if (superseded || isExpiry(write) || changesNoKey(write)) return
  const newest = state.newest.get(write.key)
  const { position, last } = state
  if (newest === undefined || position === undefined || sequence <= position.sequence) return
  const tag = setsValue(write) ? versionAt(position.logId, { sequence, digest }).tag : ''
  newest.seen = { tag, deadline: setsValue(write) ? write.deadline : undefined }
  state.seen.set(write.key, { through: last, seen: newest.seen })
}

/** A write that was read from the storage, with what is not stored of it yet. */
export function asKnown({ superseded, seen }: Superseding, spooled: SpooledWrite): SpooledWrite {
  const { number, write } = spooled
  const since = seen.get(write.key)
  return {
    ...spooled,
    superseded: spooled.superseded || number <= (superseded.get(write.key) ?? 0n),
    seen: since !== undefined && number <= since.through ? since.seen : spooled.seen,
  }
}
