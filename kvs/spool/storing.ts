import type { SpooledWrite } from '../core/entry.ts'
import type { LogPosition, SpoolStorage } from './spool-storage.ts'
import type { Superseding } from './superseding.ts'

/** The part of a spool's state that is in its storage, or comes there with the next change. */
export interface Stored extends Superseding {
  readonly storage: SpoolStorage
  /** Number of the last write that was removed; 0n before the first one. */
  removed: bigint
}

/**
 * Makes added writes durable, with all that was removed, superseded and seen since the last change. Rejects as
 * `SpoolStorage.change`.
 */
export async function store(state: Stored, added: readonly SpooledWrite[], position: LogPosition): Promise<void> {
  const { storage, removed, last } = state
  const superseded = [...state.superseded]
  const seen = [...state.seen]
  await storage.change({
    ...{ removed, last, added, superseded, position },
    seen: seen.map(([key, since]) => [key, since.through, since.seen] as const),
  })
  state.position = position
  for (const [key, since] of seen) if (state.seen.get(key) === since) state.seen.delete(key)
  for (const [key, through] of superseded) {
    if (state.superseded.get(key) === through) state.superseded.delete(key)
  }
}
