import type { Entry, MovedWrite } from '../../core/entry.ts'
import type { Put } from '../../core/operation/put.ts'
import { type Position, positionAt, sequenceIn } from '../../core/position.ts'
import { slotOf } from '../../core/ring/key-slot.ts'
import { ringEntryIn } from '../../core/ring/ring-text.ts'
import { formatRanges, hasSlot, type SlotRanges } from '../../core/ring/slot-ranges.ts'
import { versionAt } from '../../core/version.ts'
import type { AskedAnswers, AskedChanges, AskedKeys, MovedPage, RingService } from '../../kv/index.ts'
import type { Clock } from '../../lib/clock.ts'
import { askedOfLog, type EntryReader, makeHeldSession, type RingLog } from '../../log/index.ts'
import type { OrderedKeys } from '../../order/index.ts'
import type { OwnNode } from '../own-node.ts'
import { conflict, type OwnRing } from '../own-ring.ts'

export interface OffersParts {
  readonly own: OwnRing
  readonly node: OwnNode
  readonly ringLog: RingLog
  readonly clock: Clock
}

/**
 * What a member that gives slots up tells the one that takes them. That is so only as long as the change is not over,
 * by the entries that the answer rests on: afterwards this log's copies are deleted, and who took that for deletes of
 * clients would lose the keys.
 */
export type Offers = Pick<RingService, 'movedKeys' | 'movedChanges' | 'movedAnswers'>

/** The keys of some slots as they were found at a moment. */
interface Offered {
  readonly sequence: bigint
  readonly keys: OrderedKeys
  usedAt: number
}

/** What a page of keys has at most: it is read in one step. */
const mostKeys = 500
const mostBytes = 1024 * 1024
/** How long an answer waits for keys that are looked for, in milliseconds. Whoever asks does not wait for long. */
const searchMs = 1_000
/** How long the keys in order are kept, which the next page needs, in milliseconds. */
const idleMs = 30_000

export function makeOffers(parts: OffersParts): Offers {
  const { own, node, clock } = parts
  const reader = makeSharedReader(parts)
  const offered = new Map<string, Promise<Offered>>()

  /** To find them takes a while: who asks again meanwhile, or soon after, is served by what was found. */
  async function offeredFor(asked: AskedKeys): Promise<Offered> {
    const name = `${asked.ringId} ${asked.version} ${formatRanges(asked.slots)}`
    const finding = offered.get(name) ?? begin(name, asked)
    const found = await finding
    found.usedAt = clock.now()
    return found
  }

  /** Undefined where the promise does not settle within so many milliseconds. */
  async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
    const over = new AbortController()
    const late = clock.sleep(ms, over.signal).then(() => undefined)
    return Promise.race([promise, late]).finally(() => over.abort())
  }

  function begin(name: string, asked: AskedKeys): Promise<Offered> {
    const finding = find(asked)
    offered.set(name, finding)
    finding.then(
      (found) => forgetWhenIdle(name, finding, found),
      () => forget(name, finding),
    )
    return finding
  }

  function forget(name: string, finding: Promise<Offered>): void {
    if (offered.get(name) === finding) offered.delete(name)
  }

  async function find(asked: AskedKeys): Promise<Offered> {
    // Whoever takes the keys goes by the position of the first page, which another node may have told.
    await node.waitForHead()
    const sequence = node.sequence()
    const keys = await node.keysIn(asked.slots, () => requireNotOver(own, asked))
    return { sequence, keys, usedAt: clock.now() }
  }

  function forgetWhenIdle(name: string, finding: Promise<Offered>, found: Offered): void {
    clock
      .after(idleMs, () => {
        if (clock.now() - found.usedAt >= idleMs) forget(name, finding)
        else forgetWhenIdle(name, finding, found)
      })
      .unref()
  }

  return {
    async movedKeys(asked) {
      node.requireReadable()
      requireNotOver(own, asked)
      // A position from before the search is one from before what it finds.
      const before = node.sequence()
      const found = await within(searchMs, offeredFor(asked))
      // Again, and in the same step as the values are read.
      requireNotOver(own, asked)
      if (found === undefined) return nothingYet(positionAt(node.logId(), before), asked)
      const { keys, sequence } = found
      return { position: positionAt(node.logId(), sequence), ...readPage(node, keys, asked.after) }
    },

    async movedChanges(asked) {
      node.requireReadable()
      requireNotOver(own, asked)
      const head = node.sequence()
      const { logId, entries, after } = await reader.read(asked)
      for (const { write } of entries) if (write.kind === 'ring') requireNotOverBy(write.key, asked)
      const last = entries.at(-1)
      const through = last?.sequence ?? after
      return {
        position: positionAt(logId, through),
        items: entries.flatMap((entry) => movedBy(entry, logId, asked.slots)),
        last: through >= head ? undefined : last?.write.key,
      }
    },

    // Answers stay in the log, so that it does not matter when they are read.
    async movedAnswers(asked) {
      node.requireReadable()
      requireNotOver(own, asked)
      return reader.readAnswers(asked)
    },
  }
}

type AskedPart = AskedKeys | AskedChanges | AskedAnswers

/** @throws KvsError ring_conflict */
function requireNotOver({ bound, self }: OwnRing, { ringId, version }: AskedPart): void {
  if (bound === undefined || bound.ring.id !== ringId) conflict(`${self} is not in the ring ${ringId}`)
  if (bound.ring.version > version) conflict(`the change of the ring by its version ${version} is over at ${self}`)
}

/** The same by an entry of the log that this node may not have applied yet. */
function requireNotOverBy(text: string, { ringId, version }: AskedChanges): void {
  const ring = ringEntryIn(text)?.ring
  if (ring?.id === ringId && ring.version <= version) return
  conflict(`the change of the ring by its version ${version} is over`)
}

/** Says that the keys are still looked for: nothing is compared, and the same page is asked for again. */
function nothingYet(position: Position, { after = '' }: AskedKeys): MovedPage {
  return { position, items: [], last: after }
}

function readPage(node: OwnNode, keys: OrderedKeys, after: string | undefined): Pick<MovedPage, 'items' | 'last'> {
  const items: MovedWrite[] = []
  let bytes = 0
  let key = after
  const snapshot = keys.snapshot()
  const walk = snapshot.walk({
    ranges: [{ from: startAfter(after), to: undefined }],
    limit: mostKeys,
    delimiter: undefined,
  })
  for (let [encoded] = walk.take(1); encoded !== undefined; [encoded] = walk.take(1)) {
    key = encoded.toString()
    const item = heldPut(node, key)
    if (item !== undefined) items.push(item)
    bytes += item?.write.value.length ?? 0
    if (bytes >= mostBytes) break
  }
  const last = walk.hasMore ? key : undefined
  snapshot.close()
  return { items, last }
}

/** The first key after another one, in bytes. */
function startAfter(key: string | undefined): Buffer {
  return key === undefined ? Buffer.alloc(0) : Buffer.from(`${key}\0`)
}

/** A put of what a key has; undefined where it has nothing. */
export function heldPut(node: OwnNode, key: string): (MovedWrite & { readonly write: Put }) | undefined {
  const { tag, modifiedAt, value, contentType, deadline } = node.heldValue(key) ?? {}
  if (value === undefined || tag === undefined || modifiedAt === undefined) return undefined
  return { write: { kind: 'put', key, value, contentType, deadline }, earlier: { tag, modifiedAt } }
}

/** What an entry has done to a key of the slots; nothing where it is about something else. */
function movedBy(entry: Entry, logId: string, slots: SlotRanges): MovedWrite[] {
  const { write, superseded, recordedAt } = entry
  if (superseded || (write.kind !== 'put' && write.kind !== 'delete') || !hasSlot(slots, slotOf(write.key))) return []
  const earlier = entry.earlier ?? { tag: versionAt(logId, entry).tag, modifiedAt: recordedAt }
  // The end of a key by itself is a delete as any other elsewhere.
  return [{ write: write.kind === 'put' ? write : { kind: 'delete', key: write.key }, earlier }]
}

/** One connection to the log for all who ask. */
function makeSharedReader({ ringLog, node, clock }: OffersParts) {
  const held = makeHeldSession(() => ringLog.openReader(), clock)
  const use = <T>(act: (reader: EntryReader) => Promise<T>) => askedOfLog(held.use(act))
  return {
    readAnswers: ({ slots, after }: AskedAnswers) => use((reader) => reader.readAnswers(slots, after)),
    read: ({ after: position }: AskedChanges) =>
      use(async (reader) => {
        const { logId } = reader
        if (!position.sequences.has(logId) || logId !== node.logId()) conflict('the log is another one by now')
        const after = sequenceIn(position, logId)
        return { logId, after, entries: await reader.read(after) }
      }),
  }
}
