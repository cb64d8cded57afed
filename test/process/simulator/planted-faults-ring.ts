import type { EarlierVersion } from '../../../kvs/core/earlier-version.ts'
import type { BatchEnd, MovedWrite } from '../../../kvs/core/entry.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { hasSlot, type SlotRanges, slotsWithout } from '../../../kvs/core/ring/slot-ranges.ts'
import { versionAt } from '../../../kvs/core/version.ts'
import type { KeyMover, RingLog } from '../../../kvs/log/index.ts'
import type { MemoryServer, StoredEntry } from '../../../kvs/log/memory/index.ts'
import type { RingGuard } from '../../../kvs/replica/index.ts'
import type { MemberClient, TakesSpooled } from '../../../kvs/ring/index.ts'
import type { PlantedFault } from './planted-faults.ts'
import { delegate } from './planting.ts'

/** What a member of a ring does wrong. */
export const plantedFaultsOfRings: readonly PlantedFault[] = [
  {
    name: 'takes a copy for durable before it is',
    plants: { ringLog: flipsBeforeDurable },
    sentence: /takes over .* instead of/,
  },
  {
    name: 'forgets at a start that it has given slots up',
    plants: { restart: forgetsRefusal },
    sentence: /both own|in a log that does not own it|takes over/,
  },
  {
    name: 'trusts whoever passes a request on by an old version',
    plants: { guard: trustsSenders },
    sentence: /in a log that does not own it/,
  },
  {
    name: 'drops a spooled write that is to be passed on',
    plants: { passOn: () => async () => undefined },
    sentence: /was spooled and is lost/,
  },
  {
    name: 'passes a spooled write on under another key each time',
    plants: { spooled: passesOnAnew },
    sentence: /was done \d times/,
  },
  {
    name: 'loses the key at the end of a range',
    plants: { member: losesBoundaryKey },
    sentence: /takes over .* with .* instead of/,
  },
  {
    name: 'leaves the answers to idempotency keys behind',
    plants: { member: leavesAnswers },
    sentence: /was done \d times|was refused, and is entry|is not linearizable/,
  },
  {
    name: 'says to have taken what it has not',
    plants: { member: claimsToHaveTaken },
    sentence: /takes over .* instead of/,
  },
  {
    name: 'tells of changes without deletes',
    plants: { member: hidesDeletes },
    sentence: /takes over .* instead of nothing/,
  },
  {
    name: 'gives a value that moves another tag',
    plants: { member: tagsAnew },
    sentence: /x-1-00000000/,
  },
  {
    name: 'never deletes its copies',
    plants: { ringLog: keepsCopies },
    sentence: /still has \d+ copies/,
  },
  {
    name: 'deletes what it gives before another one owns it',
    plants: { ringLog: deletesTooSoon },
    sentence: /takes over .* with nothing instead of/,
  },
  {
    name: 'goes on importing once it owns',
    plants: { ringLog: importsTooLong },
    sentence: /which owns it, came from another log/,
  },
]

/** Some batches are said to have been stored, and were not. */
function flipsBeforeDurable(ringLog: RingLog): RingLog {
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

/** Whoever begins on the log finds the last entry by which it gave something up as the one before had it. */
function forgetsRefusal(server: MemoryServer): void {
  const copy = server.copy()
  const bound = copy.tables.entries.filter(({ eventType }) => eventType === 5)
  const owned = bound.map(({ key }) => ringEntryIn(key)?.owns ?? [])
  const at = owned.findLastIndex((owns, index) => slotsWithout(owned[index - 1] ?? [], owns).length > 0)
  const [before, given] = [bound[at - 1], bound[at]]
  if (before === undefined || given === undefined) return
  const forgotten = (entry: StoredEntry) =>
    entry.eventType === 5 && entry.sequence >= given.sequence ? { ...entry, key: before.key } : entry
  const checkpoint = undefined
  server.restore({ tables: { ...copy.tables, checkpoint, entries: copy.tables.entries.map(forgotten) } })
}

/** The sender knows who owns the key. */
function trustsSenders(guard: RingGuard): RingGuard {
  return delegate(guard, { requireOwned: () => undefined })
}

function passesOnAnew(takes: TakesSpooled): TakesSpooled {
  let passed = 0
  return (passedOn, version) => {
    const idempotencyKey = `${passedOn.idempotencyKey}-${++passed}`
    return takes({ ...passedOn, idempotencyKey, seen: undefined }, version)
  }
}

function losesBoundaryKey(client: MemberClient): MemberClient {
  return {
    ...client,
    async movedKeys(asked) {
      const isLast = (slot: number) => asked.slots.some(({ through }) => through === slot)
      return withItems(await client.movedKeys(asked), ({ write }) => !isLast(slotOf(write.key)))
    },
  }
}

function leavesAnswers(client: MemberClient): MemberClient {
  return { ...client, movedAnswers: async ({ after }) => ({ answers: [], through: after, isLast: true }) }
}

/** Once the others have given, it says that all is there. */
function claimsToHaveTaken(client: MemberClient): MemberClient {
  return {
    ...client,
    async take(ring, gives) {
      if (gives === undefined) return client.take(ring, gives)
      return { state: 'taken', keys: 0, obstacle: undefined }
    },
  }
}

function hidesDeletes(client: MemberClient): MemberClient {
  return {
    ...client,
    movedChanges: async (asked) => withItems(await client.movedChanges(asked), ({ write }) => write.kind === 'put'),
  }
}

function tagsAnew(client: MemberClient): MemberClient {
  return {
    ...client,
    async movedKeys(asked) {
      const page = await client.movedKeys(asked)
      const items = page.items.map((item) => ({ ...item, earlier: { ...item.earlier, tag: 'x-1-00000000' } }))
      return { ...page, items }
    },
  }
}

/** No batch is stored that has deletes alone. */
function keepsCopies(ringLog: RingLog): RingLog {
  return withMover(ringLog, (mover) => ({
    async append(moved, ringEntry) {
      return moved.every(({ write }) => write.kind === 'delete') ? undefined : mover.append(moved, ringEntry)
    },
  }))
}

/** As soon as a change is to take keys away, it deletes those that it has. */
function deletesTooSoon(ringLog: RingLog): RingLog {
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

/** What it has stored last comes once more after the entry by which it owns the keys. */
function importsTooLong(ringLog: RingLog): RingLog {
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

function withItems<Page extends { readonly items: readonly MovedWrite[] }>(
  page: Page,
  keeps: (item: MovedWrite) => boolean,
): Page {
  return { ...page, items: page.items.filter(keeps) }
}
