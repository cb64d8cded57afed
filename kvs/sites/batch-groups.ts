import type { Entry } from '../core/entry.ts'
import { weight } from '../core/operation/operation.ts'

/** Bounds on a group of several batches. */
export interface GroupBounds {
  readonly entries: number
  readonly bytes: number
}

/**
 * Divides whole batches into groups of whole batches, none of several batches beyond the bounds. Another site takes a
 * group over as one batch, so that groups without bounds would grow from site to site.
 */
export function groupBatches(entries: readonly Entry[], most: GroupBounds): Entry[][] {
  const groups: Entry[][] = []
  let [count, bytes] = [0, 0]
  for (const batch of batchesIn(entries)) {
    const batchBytes = batch.reduce((sum, { write }) => sum + weight(write), 0)
    const group = groups.at(-1)
    if (group === undefined || count + batch.length > most.entries || bytes + batchBytes > most.bytes) {
      groups.push(batch)
      ;[count, bytes] = [batch.length, batchBytes]
    } else {
      group.push(...batch)
      count += batch.length
      bytes += batchBytes
    }
  }
  return groups
}

/** The entries of a batch have one digest. Adopted entries have none, and each stands for itself. */
function batchesIn(entries: readonly Entry[]): Entry[][] {
  const batches: Entry[][] = []
  let digest: Buffer | undefined
  for (const entry of entries) {
    const batch = batches.at(-1)
    if (batch !== undefined && digest !== undefined && digest.length > 0 && entry.digest.equals(digest))
      batch.push(entry)
    else batches.push([entry])
    digest = entry.digest
  }
  return batches
}
