import type { EarlierVersion } from '../../../kvs/core/earlier-version.ts'
import type { BatchEnd, Entry, Found } from '../../../kvs/core/entry.ts'
import type { RingEntry } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { hasSlot, type SlotRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import { versionAt } from '../../../kvs/core/version.ts'

/** An entry of a log: one on the ring, or one that gives a key a value or takes it away. */
export type LogEntry = RingLogEntry | KeyEntry

export interface RingLogEntry {
  readonly kind: 'ring'
  readonly text: string
}

export interface KeyEntry {
  readonly kind: 'put' | 'delete'
  readonly key: string
  /** Of a put. Undefined stands for an empty one. */
  readonly value?: string | undefined
  /** As `Put.deadline`. */
  readonly deadline?: number | undefined
  /** As `Entry.earlier`. */
  readonly earlier?: EarlierVersion | undefined
}

/** An entry with its place. */
export type StoredEntry = LogEntry & Pick<Entry, 'sequence' | 'digest' | 'recordedAt'>

/** What keys have, in a log or at a node. */
export type HeldValues = Map<string, Found>

/** A member's log, which never fails, and refuses what a real one refuses. */
export interface WorldLog {
  readonly id: string
  readonly entries: readonly StoredEntry[]
  readonly held: ReadonlyMap<string, Found>
  /** The newest entry on the ring, and its sequence; undefined and 0n where there is none. */
  readonly bound: RingEntry | undefined
  readonly boundAt: bigint
  /** The slots whose keys it takes, as its newest entry on the ring says; undefined where it has none. */
  readonly owns: SlotRanges | undefined
  /** How many connections have appended an entry on the ring, each of which fences the one before. */
  sessions: number
  /** The same for those that move keys. */
  movers: number
  /** Whether one of those is open; it ends with its node. */
  isMoverOpen: () => boolean
  keys(): Set<string>
  append(entries: readonly LogEntry[]): BatchEnd
}

interface WorldLogOptions {
  readonly id: string
  /** What the log has when it begins; stored entries keep their times and digests. */
  readonly start?: readonly LogEntry[]
  /** Time of the log's server, in milliseconds since 1970. */
  readonly now: () => number
  /** Called after each entry that is appended later. */
  readonly onEntry: (entry: StoredEntry) => void
}

export function makeWorldLog({ id, start = [], now, onEntry }: WorldLogOptions): WorldLog {
  const entries: StoredEntry[] = []
  const held: HeldValues = new Map()
  let bound: RingEntry | undefined
  let boundAt = 0n

  function add(entry: LogEntry): StoredEntry {
    const known: Partial<StoredEntry> = entry
    const { recordedAt = now(), digest = nextDigest(entries.at(-1)?.digest, entry) } = known
    const stored: StoredEntry = { ...entry, sequence: BigInt(entries.length + 1), digest, recordedAt }
    entries.push(stored)
    applyEntry(held, id, stored)
    if (stored.kind === 'ring') {
      bound = ringEntryIn(stored.text)
      boundAt = stored.sequence
    }
    return stored
  }

  for (const entry of start) add(entry)
  return {
    ...{ id, entries, held, sessions: 0, movers: 0, isMoverOpen: () => false },
    get bound() {
      return bound
    },
    get boundAt() {
      return boundAt
    },
    get owns() {
      return bound?.owns
    },
    keys: () => new Set(held.keys()),
    append(batch) {
      for (const entry of batch) onEntry(add(entry))
      return batchEnd(entries.at(-1) as StoredEntry)
    },
  }
}

/** Takes an entry into what a log holds. A value that has moved keeps its tag and its time. */
export function applyEntry(held: HeldValues, logId: string, entry: StoredEntry): void {
  if (entry.kind === 'ring') return
  if (entry.kind === 'delete') return void held.delete(entry.key)
  const { tag, modifiedAt } = entry.earlier ?? { tag: versionAt(logId, entry).tag, modifiedAt: entry.recordedAt }
  const value = Buffer.from(entry.value ?? '')
  held.set(entry.key, { value, contentType: undefined, tag, modifiedAt, deadline: entry.deadline })
}

/** An entry as a reader of the log has it. */
export function readEntry(entry: StoredEntry): Entry {
  const { sequence, digest, recordedAt } = entry
  const place = { sequence, digest, recordedAt, stamp: recordedAt * 1_000, origin: undefined, isOwn: false }
  if (entry.kind === 'ring') return { ...place, superseded: false, write: { kind: 'ring', key: entry.text } }
  const { kind, key, value = '', deadline, earlier } = entry
  const written = { ...place, superseded: false, ...(earlier && { earlier }) }
  if (kind === 'delete') return { ...written, write: { kind, key, deadline } }
  return { ...written, write: { kind, key, value: Buffer.from(value), contentType: undefined, deadline } }
}

function batchEnd({ sequence, digest, recordedAt }: StoredEntry): BatchEnd {
  return { sequence, digest, recordedAt, stamp: recordedAt * 1_000 }
}

/** FNV-1a over what came before and the entry. */
function nextDigest(before: Buffer | undefined, entry: LogEntry): Buffer {
  const what = entry.kind === 'ring' ? entry.text : `${entry.key} ${entry.value} ${entry.deadline}`
  let state = before?.readUInt32BE() ?? 0x811c9dc5
  for (const byte of Buffer.from(`${entry.kind} ${what}`)) state = Math.imul(state ^ byte, 0x01000193)
  const digest = Buffer.alloc(4)
  digest.writeUInt32BE(state >>> 0)
  return digest
}

/** As `RingLog.append` says when an entry is refused. */
export function isOvertaken({ entries }: WorldLog, seen: bigint, vacated: SlotRanges): boolean {
  return entries
    .slice(Number(seen))
    .some((entry) => entry.kind === 'ring' || (entry.kind === 'put' && hasSlot(vacated, slotOf(entry.key))))
}
