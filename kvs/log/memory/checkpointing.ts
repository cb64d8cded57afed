import { effectOf, kindOfCode } from '../../core/operation/operation.ts'
import { type Checkpoint, entryAt, positionThrough, type StoredEntry, type Tables } from './tables.ts'

/**
 * Folds the log's next entries, `most` of them, into the checkpoint, or into a new one where none is valid. Where these
 * end inside of a batch, all of that is folded. One that has tombstones keeps them until they may be forgotten; one
 * without is begun anew for them.
 */
export function advanceCheckpoint(tables: Tables, most = Infinity, tombstones = false): void {
  const found = readCheckpoint(tables)
  const before = found?.hasTombstones === true || !tombstones ? found : undefined
  const hasTombstones = before?.hasTombstones ?? tombstones
  const start = Number(before?.sequence ?? 0n)
  const folded = tables.entries.slice(start, endOfBatch(tables, start + most))
  const last = folded.at(-1) ?? before
  if (last === undefined) return
  const live = new Map(before?.live)
  for (const entry of folded) fold(live, entry)
  const { forgotten } = tables
  const isKept = ({ value, stamp, after }: StoredEntry) =>
    value !== undefined || (hasTombstones && (stamp > forgotten || after !== undefined))
  for (const [key, entry] of live) if (!isKept(entry)) live.delete(key)
  const { sequence, digest } = last
  const position = positionThrough(tables, sequence)
  tables.checkpoint = {
    logId: tables.logId,
    sequence,
    digest,
    position,
    forgotten,
    keys: live.size,
    hasTombstones,
    live,
  }
}

/** How many entries the log has through the end of the batch that the entry at `index - 1` came with. */
function endOfBatch({ entries }: Tables, index: number): number {
  const digest = entries[index - 1]?.digest
  let end = Math.min(index, entries.length)
  while (digest !== undefined && entries[end]?.digest.equals(digest)) end++
  return end
}

function fold(live: Map<string, StoredEntry>, entry: StoredEntry): void {
  const kind = kindOfCode(entry.eventType, entry.value !== undefined)
  if (kind === undefined) throw new Error(`entry ${entry.sequence} is of an unknown kind`)
  if (entry.superseded || effectOf(kind) === 'none') return
  live.set(entry.key, entry)
}

/** Undefined where there is none, or none that was made from this log's history. */
export function readCheckpoint(tables: Tables): Checkpoint | undefined {
  const { checkpoint, logId } = tables
  if (checkpoint === undefined || checkpoint.logId !== logId) return undefined
  return entryAt(tables, checkpoint.sequence)?.digest.equals(checkpoint.digest) ? checkpoint : undefined
}

/** Loses a key of the checkpoint. */
export function damageCheckpoint(tables: Tables): void {
  const { checkpoint } = tables
  if (checkpoint !== undefined) tables.checkpoint = { ...checkpoint, live: new Map([...checkpoint.live].slice(1)) }
}

/** Whether the checkpoint has as many keys as it was saved with. */
export function isWhole({ keys, live }: Checkpoint): boolean {
  return live.size === keys
}
