import { expect, test } from 'vitest'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { hasSlot, type SlotRanges, slotsWithout } from '../../../kvs/core/ring/slot-ranges.ts'
import type { StoredEntry, WorldLog } from './world-log.ts'
import type { Plants } from './world-parts.ts'
import { runMoves, type ScheduleOptions } from './world-schedule.ts'

/** Runs until something that must not be is found, as expected; undefined where nothing of the kind is. */
async function findViolation(options: Omit<ScheduleOptions, 'seed'>, expected: RegExp): Promise<string | undefined> {
  for (let seed = 1; seed <= 50; seed++) {
    const { world } = await runMoves({ ...options, seed })
    const found = world.violations.find((sentence) => expected.test(sentence))
    if (found !== undefined) return found
  }
  return undefined
}

/** A mover that says that it has stored what it has not, now and then. */
const flipsBeforeDurable: Plants = {
  mover: (mover, log, { random }) => ({
    ...mover,
    async append(moved, ringEntry) {
      if (random.chance(0.8)) return mover.append(moved, ringEntry)
      const { sequence, digest, recordedAt } = log.entries.at(-1) ?? {
        sequence: 0n,
        digest: Buffer.alloc(4),
        recordedAt: 0,
      }
      return { sequence, digest, recordedAt, stamp: 0 }
    },
  }),
}

/** A log that does not know any more that it has given slots up, once its node starts anew. */
const forgetsRefusal: Plants = {
  restart({ entries }) {
    const bound = entries.flatMap((entry) => (entry.kind === 'ring' ? entry : []))
    const owned = bound.map(({ text }) => ringEntryIn(text)?.owns ?? [])
    const at = owned.findLastIndex((owns, index) => slotsWithout(owned[index - 1] ?? [], owns).length > 0)
    const [before, given] = [bound[at - 1], bound[at]]
    if (before === undefined || given === undefined) return entries
    const isForgotten = (entry: StoredEntry) => entry.kind === 'ring' && entry.sequence >= given.sequence
    return entries.map((entry) => (isForgotten(entry) ? { ...entry, kind: 'ring', text: before.text } : entry))
  },
}

/** A page without the key at the very end of what moves. */
const losesBoundaryKey: Plants = {
  member: (client) => ({
    ...client,
    async movedKeys(asked) {
      const page = await client.movedKeys(asked)
      const isLast = (slot: number) => asked.slots.some(({ through }) => through === slot)
      return { ...page, items: page.items.filter(({ write }) => !isLast(slotOf(write.key))) }
    },
  }),
}

/** A giver that deletes what it has given up as soon as it has. */
const deletesTooSoon: Plants = {
  bound(log, { scheduler }) {
    const given = givenUp(log)
    const gone = [...log.held].filter(([key]) => hasSlot(given, slotOf(key)))
    scheduler.lane().after(1, () => {
      log.append(
        gone.map(([key, { tag = '', modifiedAt = 0 }]) => ({ kind: 'delete', key, earlier: { tag, modifiedAt } })),
      )
    })
  },
}

/** What the newest entry on the ring takes from a log that gives slots up. */
function givenUp({ entries, bound }: WorldLog): SlotRanges {
  const [before] = entries.filter(({ kind }) => kind === 'ring').slice(-2)
  const owned = before?.kind === 'ring' ? ringEntryIn(before.text)?.owns : undefined
  return owned === undefined || bound?.ring.next === undefined ? [] : slotsWithout(owned, bound.owns)
}

/** A mover whose writes come to the log again, whoever owns the keys by then. */
const importsTooLong: Plants = {
  mover: (mover, log, { random, scheduler }) => ({
    ...mover,
    async append(moved, ringEntry) {
      const end = await mover.append(moved, ringEntry)
      const again = moved.map(({ write, earlier }) => ({
        ...{ kind: write.kind, key: write.key, deadline: write.deadline, earlier },
        ...(write.kind === 'put' && { value: write.value.toString() }),
      }))
      if (random.chance(0.2)) scheduler.lane().after(random.integer(1, 3_000), () => log.append(again))
      return end
    },
  }),
}

/** A member that is asked to take what was given up, and says at once that it has. */
const claimsToHaveTaken: Plants = {
  member: (client) => ({
    ...client,
    async take(ring, gives) {
      if (gives === undefined) return client.take(ring, gives)
      return { state: 'taken', keys: 0, obstacle: undefined }
    },
  }),
}

/** A member that tells of changes without those that delete a key. */
const hidesDeletes: Plants = {
  member: (client) => ({
    ...client,
    async movedChanges(asked) {
      const page = await client.movedChanges(asked)
      return { ...page, items: page.items.filter(({ write }) => write.kind === 'put') }
    },
  }),
}

/** A value that has moved is a new one, by its tag. */
const tagsAnew: Plants = {
  member: (client) => ({
    ...client,
    async movedKeys(asked) {
      const page = await client.movedKeys(asked)
      return {
        ...page,
        items: page.items.map((item) => ({ ...item, earlier: { ...item.earlier, tag: 'x-1-00000000' } })),
      }
    },
  }),
}

/** A log whose copies nobody deletes. */
const keepsCopies: Plants = {
  mover: (mover, log) => ({
    ...mover,
    async append(moved, ringEntry) {
      if (moved.every(({ write }) => write.kind === 'delete') && log.bound?.ring.next === undefined) return undefined
      return mover.append(moved, ringEntry)
    },
  }),
}

test.each<[string, Omit<ScheduleOptions, 'seed'>, expected: RegExp]>([
  ['a copy is durable only later than it was said to be', { plants: flipsBeforeDurable }, /takes over/],
  ['an old owner forgets its refusal', { plants: forgetsRefusal }, /both own|does not own|takes over/],
  ['who is passed a request trusts the sender', { plants: { trustsSenders: true } }, /does not own it/],
  ['the key at the end of a range is lost', { plants: losesBoundaryKey }, /takes over/],
  ['a giver deletes its copies before the taker owns them', { plants: deletesTooSoon }, /with nothing/],
  ['a taker goes on importing once it owns', { plants: importsTooLong }, /came from another log/],
  ['a taker has less than it says', { plants: claimsToHaveTaken }, /takes over/],
  ['a deleted key comes back', { plants: hidesDeletes }, /instead of nothing/],
  ['a tag changes with the move', { plants: tagsAnew }, /x-1-00000000/],
  ['copies stay', { plants: keepsCopies }, /has key/],
])('it is found where %s', { timeout: 60_000 }, async (_, options, expected) => {
  expect(await findViolation(options, expected)).toBeDefined()
})
