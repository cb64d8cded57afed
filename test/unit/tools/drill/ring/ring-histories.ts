import type { Ring } from '../../../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../../../kvs/core/ring/key-slot.ts'
import { allSlots, type SlotRanges } from '../../../../../kvs/core/ring/slot-ranges.ts'
import type {
  Repetition,
  RingAddition,
  RingHistory,
  RingLogEntry,
  RingOperation,
} from '../../../../../tools/drill/ring/ring-history.ts'

export type Side = 0 | 1

const addresses = ['10.0.0.1:5000', '10.0.0.2:5000'] as const
const members = ['node-1', 'node-2'] as const
const ids = ['aaaa0001', 'bbbb0002'] as const
const lowerHalf: SlotRanges = [{ from: 0, through: 4_999 }]
const upperHalf: SlotRanges = [{ from: 5_000, through: 9_999 }]

function keyOf(isLow: boolean, prefix: string): string {
  for (let number = 0; ; number++) {
    const key = `${prefix}${number}`
    if (slotOf(key) < 5_000 === isLow) return key
  }
}

/** Keys that the first member owns at first, one of them a counter, and one that the second member owns all along. */
export const moving = keyOf(true, 'moving')
export const ended = keyOf(true, 'ended')
export const counter = keyOf(true, 'counter/')
export const staying = keyOf(false, 'staying')

/** A ring of two logs that is written by hand, entry by entry, and what clients were told meanwhile. */
export interface Story extends RingHistory {
  readonly operations: RingOperation[]
  readonly additions: RingAddition[]
  readonly repetitions: Repetition[]
  readonly entries: readonly [RingLogEntry[], RingLogEntry[]]
  /** Appends an entry of a client, or one that moves the key where it has an earlier version. */
  append(side: Side, entry: Partial<RingLogEntry> & Pick<RingLogEntry, 'key'>): RingLogEntry
  /** Copies what a key has from one log to the other one. */
  copy(from: Side, key: string): RingLogEntry
  /** Has a log go by a version of the ring. */
  bind(side: Side, ring: Partial<Ring>, owns: SlotRanges): RingLogEntry
  /** An acknowledged operation, after all that were made before it. */
  op(client: number, kind: RingOperation['kind'], rest: Partial<RingOperation>): RingOperation
  /** A PUT that is acknowledged and lands. */
  put(client: number, side: Side, key: string, value: string, rest?: Partial<RingOperation>): RingOperation
  /** An addition that is acknowledged and lands. */
  add(client: number, side: Side, value: string): RingAddition
}

function makeStory(): Story {
  const entries: [RingLogEntry[], RingLogEntry[]] = [[], []]
  const operations: RingOperation[] = []
  const additions: RingAddition[] = []
  const repetitions: Repetition[] = []
  let clock = 0

  function append(side: Side, entry: Partial<RingLogEntry> & Pick<RingLogEntry, 'key'>): RingLogEntry {
    const sequence = entries[side].length + 1
    const appended: RingLogEntry = {
      ...{ sequence, kind: entry.value === undefined ? 'delete' : 'put', value: undefined },
      ...{ tag: `${ids[side]}-${sequence}-0000000${side}`, earlier: undefined, superseded: false },
      ...{ deadline: undefined, recordedAt: 1_000 + clock, ring: undefined },
      ...entry,
    }
    entries[side].push(appended)
    return appended
  }

  function op(client: number, kind: RingOperation['kind'], rest: Partial<RingOperation>): RingOperation {
    const [invoked, returned] = [clock++, clock++]
    const status = kind === 'put' ? 201 : kind === 'get' && rest.value === null ? 404 : 200
    const made: RingOperation = {
      ...{ client, kind, key: moving, node: 'node-1', invoked, returned, outcome: 'ok', status },
      ...rest,
    }
    operations.push(made)
    return made
  }

  return {
    ...{ operations, additions, repetitions, entries, append, op },
    logs: entries.map((ofLog, side) => ({
      ...{ member: members[side] ?? '', address: addresses[side] ?? '', logId: ids[side] ?? '', entries: ofLog },
    })),
    views: [],
    copy(from, key) {
      const { tag, value, recordedAt, deadline } = entries[from].findLast((entry) => entry.key === key) as RingLogEntry
      return append(from === 0 ? 1 : 0, { key, value, deadline, earlier: { tag, modifiedAt: recordedAt } })
    },
    bind(side, ring, owns) {
      const whole: Ring = {
        ...{ id: 'f00d', version: 1, home: addresses[0], next: undefined, standbys: [] },
        ...{ positions: new Map([[4_999, addresses[0]] as const, [9_999, addresses[1]] as const]) },
        ...ring,
      }
      return append(side, { key: '', kind: 'ring', ring: { ring: whole, self: addresses[side], owns } })
    },
    put: (client, side, key, value, rest = {}) =>
      op(client, 'put', { key, value, tag: append(side, { key, value }).tag, ...rest }),
    add(client, side, value) {
      const { tag } = append(side, { key: counter, value })
      const { kind: _, ...rest } = op(client, 'put', { key: counter, value, tag })
      operations.pop()
      const addition = { ...rest, kind: 'put' as const }
      additions.push(addition)
      return addition
    },
  }
}

export interface RightStory extends Story {
  /** Entries that faults are planted at. */
  readonly marks: Readonly<Record<'first' | 'second' | 'lateCopy' | 'give' | 'take' | 'swept', RingLogEntry>>
}

/**
 * A right history: the first of two members gives all that it has to the second one, while its key is written once
 * more, and clients go on there, with the tags that they know.
 */
export function rightStory(): RightStory {
  const story = makeStory()
  const { append, copy, bind, put, op, add } = story
  const next = new Map([[9_999, addresses[1]] as const])
  bind(0, {}, lowerHalf)
  bind(1, {}, upperHalf)
  const first = put(1, 0, moving, '1-0')
  put(2, 1, staying, '2-0')
  add(1, 0, '1')
  const refused = op(2, 'put', { value: '2-1', condition: 'absent', status: 412, outcome: 'failed', ...tagOf(first) })

  bind(0, { version: 2, next }, lowerHalf)
  bind(1, { version: 2, next }, upperHalf)
  copy(0, moving)
  copy(0, counter)
  const second = put(1, 0, moving, '1-1', { condition: 2, ifMatch: first.tag ?? '' })
  const lateCopy = copy(0, moving)
  const give = bind(0, { version: 2, next }, [])
  const take = bind(1, { version: 3, positions: next }, allSlots)
  op(2, 'get', { value: '1-1', ...tagOf(second) })
  bind(0, { version: 3, positions: next }, [])

  put(2, 1, moving, '2-2', { condition: 5, ifMatch: second.tag ?? '' })
  add(2, 1, '2')
  op(1, 'delete', {})
  append(1, { key: moving })
  op(2, 'get', { value: null })
  put(1, 1, moving, '1-2', { condition: 'absent' })
  story.repetitions.push({ of: second, node: 'node-2', status: 201, tag: second.tag })
  const at = (tag: string | undefined) => story.entries[0].find((entry) => entry.tag === tag) as RingLogEntry
  append(0, { key: counter, earlier: { tag: at(story.additions[0]?.tag).tag, modifiedAt: 0 } })
  const swept = append(0, { key: moving, earlier: { tag: second.tag ?? '', modifiedAt: 0 } })
  const values = { [moving]: '1-2', [staying]: '2-0' }
  const views = [
    { node: 'node-1', values, own: [] },
    { node: 'node-2', values, own: [moving, counter, staying] },
  ]
  if (refused.tag === undefined) throw new Error('a refusal has the tag of what was there')
  const marks = { first: at(first.tag), second: at(second.tag), lateCopy, give, take, swept }
  return { ...story, views, marks }
}

const tagOf = ({ tag }: RingOperation) => (tag === undefined ? {} : { tag })

/** Changes an entry where it is. */
export function change(story: Story, entry: RingLogEntry, to: Partial<RingLogEntry>): void {
  for (const ofLog of story.entries) {
    const at = ofLog.indexOf(entry)
    if (at !== -1) ofLog[at] = { ...entry, ...to }
  }
}

/** Takes an entry out; the ones after it keep their places. */
export function remove(story: Story, entry: RingLogEntry): void {
  for (const ofLog of story.entries) {
    const at = ofLog.indexOf(entry)
    if (at !== -1) ofLog.splice(at, 1)
  }
}
