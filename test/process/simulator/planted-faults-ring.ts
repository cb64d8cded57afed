import type { MovedWrite } from '../../../kvs/core/entry.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { slotsWithout } from '../../../kvs/core/ring/slot-ranges.ts'
import type { MemoryServer, StoredEntry } from '../../../kvs/log/memory/index.ts'
import type { RingGuard } from '../../../kvs/replica/index.ts'
import type { MemberClient, TakesSpooled } from '../../../kvs/ring/index.ts'
import {
  clearsInherited,
  deletesTooSoon,
  flipsBeforeDurable,
  importsTooLong,
  inheritsNothing,
  keepsCopies,
} from './broken-ring-logs.ts'
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
    sentence: /takes over .* instead of|is not linearizable/,
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
  {
    name: 'owns no more than before where a member is taken out as lost',
    plants: { ringLog: inheritsNothing },
    sentence: /the members own \d+ slots in the end/,
  },
  {
    name: 'clears away as copies what it owns since a member was lost',
    plants: { ringLog: clearsInherited },
    sentence: /which owns it, came from another log/,
  },
]

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

function withItems<Page extends { readonly items: readonly MovedWrite[] }>(
  page: Page,
  keeps: (item: MovedWrite) => boolean,
): Page {
  return { ...page, items: page.items.filter(keeps) }
}
