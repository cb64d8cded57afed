import type { ForeignEntry } from '../core/entry.ts'
import { isExpiry, isMembership } from '../core/operation/operation.ts'
import { outranks, type Rank } from '../core/rank.ts'

/**
 * Marks the entries that are older than the newest one of their key, by what a view has and by those before them.
 * @param rankOf rank of the newest entry of a key, as the view has it
 */
export function rankEntries(
  entries: readonly ForeignEntry[],
  rankOf: (key: string) => Rank | undefined,
): ForeignEntry[] {
  const [keys, members] = [new Map<string, Rank>(), new Map<string, Rank>()]
  return entries.map((entry) => {
    if (entry.superseded) return entry
    const { key } = entry.write
    const rank = { stamp: entry.stamp, isExpiry: isExpiry(entry.write), origin: entry.origin.logId }
    const isMember = isMembership(entry.write)
    const newest = isMember ? members : keys
    // The log ranks members against all that it has of them.
    const before = newest.get(key) ?? (isMember ? undefined : rankOf(key))
    if (before !== undefined && outranks(before, rank)) return { ...entry, superseded: true }
    newest.set(key, rank)
    return entry
  })
}
