import type { EarlierVersion } from '../../../kvs/core/earlier-version.ts'
import type { BatchEnd, MovedWrite } from '../../../kvs/core/entry.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { formatRingEntry, ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { hasSlot, type SlotRanges, slotsInBoth } from '../../../kvs/core/ring/slot-ranges.ts'
import { versionAt } from '../../../kvs/core/version.ts'
import type { KeyMover, RingLog } from '../../../kvs/log/index.ts'
import { delegate } from './planting.ts'

/** Some batches are said to have been stored, and were not. */
export function flipsBeforeDurable(ringLog: RingLog): RingLog {
  let batches = 0
  let end: BatchEnd | undefined
  return withMover(ringLog, (mover) => ({
    async append(moved, ringEntry) {
      if (end !== undefined && ++batches % 3 === 0) return end
      end = await mover.append(moved, ringEntry)
      return end
    },
  }))
}

/** No batch is stored that has deletes alone. */
export function keepsCopies(ringLog: RingLog): RingLog {
  return withMover(ringLog, (mover) => ({
    async append(moved, ringEntry) {
      return moved.every(({ write }) => write.kind === 'delete') ? undefined : mover.append(moved, ringEntry)
    },
  }))
}

/** As soon as a change is to take keys away, it deletes those that it has. */
export function deletesTooSoon(ringLog: RingLog): RingLog {
  return {
    ...ringLog,
    async append(text, ...rest) {
      const end = await ringLog.append(text, ...rest)
      const { ring, owns = [] } = ringEntryIn(text) ?? {}
      if (end !== undefined && ring?.next !== undefined) {
        await deleteOthers(ringLog, owns, end.sequence).catch(() => undefined)
      }
      return end
    },
  }
}

/** Deletes the keys of other slots that a log has, where nobody else moves keys in it. */
async function deleteOthers(ringLog: RingLog, owns: SlotRanges, ringEntry: bigint): Promise<void> {
  const reader = await ringLog.openReader()
  const held = new Map<string, EarlierVersion>()
  const { sequence: through } = await reader.askHead()
  for (let page = await reader.read(0n, through); page.length > 0; ) {
    for (const entry of page) {
      const { write, superseded, earlier, recordedAt } = entry
      if (superseded || (write.kind !== 'put' && write.kind !== 'delete') || hasSlot(owns, slotOf(write.key))) continue
      const version = earlier ?? { tag: versionAt(reader.logId, entry).tag, modifiedAt: recordedAt }
      if (write.kind === 'put') held.set(write.key, version)
      else held.delete(write.key)
    }
    page = await reader.read(page.at(-1)?.sequence ?? through, through)
  }
  await reader.close()
  const mover = await ringLog.openMover()
  const gone = [...held].map(([key, earlier]) => ({ write: { kind: 'delete', key } as const, earlier }))
  if (gone.length > 0) await mover?.append(gone, ringEntry)
  await mover?.close()
}

/** The entry by which a member is taken out says that the log owns what it had and is to have. */
export function inheritsNothing(ringLog: RingLog): RingLog {
  let had: SlotRanges = []
  return {
    ...ringLog,
    async append(text, ...rest) {
      const entry = ringEntryIn(text)
      if (entry === undefined) return ringLog.append(text, ...rest)
      const isRemoval = entry.ring.lost?.some(({ version }) => version === entry.ring.version)
      const owns = isRemoval ? slotsInBoth(had, entry.owns) : entry.owns
      const end = await ringLog.append(formatRingEntry({ ...entry, owns }), ...rest)
      if (end !== undefined) had = owns
      return end
    },
  }
}

/** Where a member is taken out, it deletes what it held of others' slots before. */
export function clearsInherited(ringLog: RingLog): RingLog {
  let had: SlotRanges = []
  return {
    ...ringLog,
    async append(text, ...rest) {
      const end = await ringLog.append(text, ...rest)
      const { ring, owns = had } = ringEntryIn(text) ?? {}
      if (end === undefined) return end
      const isRemoval = ring?.lost?.some(({ version }) => version === ring.version)
      if (isRemoval) await deleteOthers(ringLog, had, end.sequence).catch(() => undefined)
      had = owns
      return end
    },
  }
}

/** What it has stored last comes once more after the entry by which it owns the keys. */
export function importsTooLong(ringLog: RingLog): RingLog {
  let last: { readonly mover: KeyMover; readonly moved: readonly MovedWrite[] } | undefined
  const importing = withMover(ringLog, (mover) => ({
    async append(moved, ringEntry) {
      const end = await mover.append(moved, ringEntry)
      if (end !== undefined) last = { mover, moved }
      return end
    },
  }))
  return {
    ...importing,
    async append(text, ...rest) {
      const end = await ringLog.append(text, ...rest)
      const isSettled = ringEntryIn(text)?.ring.next === undefined
      if (end !== undefined && isSettled) await last?.mover.append(last.moved, end.sequence).catch(() => undefined)
      return end
    },
  }
}

function withMover(ringLog: RingLog, broken: (mover: KeyMover) => Partial<KeyMover>): RingLog {
  return {
    ...ringLog,
    async openMover() {
      const mover = await ringLog.openMover()
      return mover && delegate(mover, broken(mover))
    },
  }
}
