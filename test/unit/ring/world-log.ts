import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { hasSlot, type SlotRanges } from '../../../kvs/core/ring/slot-ranges.ts'

/** An entry of a log: one on the ring, or one that gives a key a value or takes it away. */
export type LogEntry =
  | { readonly kind: 'ring'; readonly text: string }
  | { readonly kind: 'put' | 'delete'; readonly key: string }

/** A member's log, which never fails. */
export interface WorldLog {
  readonly entries: LogEntry[]
  /** How many connections have appended an entry on the ring, each of which fences the one before. */
  sessions: number
  /** The slots whose keys it takes, as its newest entry on the ring says; undefined where it has none. */
  readonly owns: SlotRanges | undefined
  keys(): Set<string>
}

export function makeWorldLog(start: readonly LogEntry[] = []): WorldLog {
  const entries = [...start]
  return {
    entries,
    sessions: 0,
    get owns() {
      const newest = entries.findLast(({ kind }) => kind === 'ring')
      return newest?.kind === 'ring' ? ringEntryIn(newest.text)?.owns : undefined
    },
    keys() {
      const keys = new Set<string>()
      for (const entry of entries) {
        if (entry.kind === 'put') keys.add(entry.key)
        if (entry.kind === 'delete') keys.delete(entry.key)
      }
      return keys
    },
  }
}

/** As `RingLog.append` says when an entry is refused. */
export function isOvertaken({ entries }: WorldLog, seen: bigint, vacated: SlotRanges): boolean {
  return entries
    .slice(Number(seen))
    .some((entry) => entry.kind === 'ring' || (entry.kind === 'put' && hasSlot(vacated, slotOf(entry.key))))
}
