import type { Entry } from '../core/entry.ts'
import { changesNoKey, isMembership, setsValue } from '../core/operation/operation.ts'
import type { Progress } from './mirror-progress.ts'

/** @param own gets, for each of this node's own entries, whether it took the place of a value */
export function applyAll(progress: Progress, entries: readonly Entry[], own?: boolean[]): void {
  for (const entry of entries) {
    const replaced = apply(progress, entry)
    if (entry.isOwn) {
      own?.push(replaced)
      progress.onOwn(entry)
    } else if (!entry.superseded && !changesNoKey(entry.write)) progress.onOthers(entry)
  }
}

/** Applies the next entry. Returns whether it took the place of a value. */
export function apply({ view, applied, onKey, onMembership, ring }: Progress, entry: Entry): boolean {
  const { superseded, write } = entry
  const { ending } = view
  // First, so that a node that can’t go by the entry does not count it as applied.
  if (write.kind === 'ring') ring.apply(entry)
  const replaced = view.apply(entry)
  applied.note(entry)
  // A value with a deadline may have lapsed for readers, by their clock, though not for the entry, which is of before.
  const hasKeysAsBefore = replaced && setsValue(write) && write.deadline === undefined && view.ending === ending
  if (isMembership(write)) onMembership()
  else if (!superseded && !hasKeysAsBefore && !changesNoKey(write)) onKey(write.key)
  return replaced
}
