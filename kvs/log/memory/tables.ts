import type { EarlierVersion } from '../../core/earlier-version.ts'
import type { LogPoint, Origin, Reached, Write } from '../../core/entry.ts'
import { maxDeadline } from '../../core/limits.ts'
import { codeOf, setsValue } from '../../core/operation/operation.ts'
import type { Position } from '../../core/position.ts'
import type { Random } from '../../lib/random.ts'
import type { DeletedKey, LastOfOrigin, MemberEntry } from '../index.ts'

/** A row of the log. */
export interface StoredEntry {
  readonly sequence: bigint
  /** 1 is a delete and 2 a put, as in Postgres. */
  readonly eventType: number
  readonly key: string
  /** Undefined for a delete. */
  readonly value: Buffer | undefined
  readonly contentType: string | undefined
  /** As `Write.deadline`. */
  readonly deadline: number | undefined
  /** As `Entry.recordedAt`. */
  readonly recordedAt: number
  /** Digest of the log up to and including this entry's batch. */
  readonly digest: Buffer
  /** As `Entry.stamp`. */
  readonly stamp: number
  /** The highest stamp of the log up to here. */
  readonly highestStamp: number
  /** As `Entry.origin`. */
  readonly origin: Origin | undefined
  /** As the write's `after`. */
  readonly after: Position | undefined
  /** As `Entry.earlier`. */
  readonly earlier: EarlierVersion | undefined
  readonly superseded: boolean
  /** Number of the writer that it came from; undefined where no append has written it. */
  readonly writer: number | undefined
  /** Number of the entry among its writer's writes; undefined on all but the last entry of a batch. */
  readonly writeNumber: bigint | undefined
}

export interface WriterRow {
  readonly number: number
  /** The only session that may append for the writer. */
  readonly session: string
  /** The session has applied the entries on the ring through this sequence. */
  readonly ringSeen: bigint
}

/** What was answered under an idempotency key. */
export interface AnswerRow {
  readonly request: Buffer
  /** Sequence of the first entry; undefined where nothing was stored. */
  readonly sequence: bigint | undefined
  /** Sequence of the value that the key had before a single write; undefined where it had none. */
  readonly current: bigint | undefined
  readonly note: string | undefined
}

/** The live keys as of a point in the log. It is never changed: each step makes a new one. */
export interface Checkpoint extends Reached {
  readonly logId: string
  /** How many keys it was saved with. */
  readonly keys: number
  /** Whether it has the deletes of keys that are gone. */
  readonly hasTombstones: boolean
  readonly forgotten: number
  /** The last entry of each key that has a value, and of the others in a checkpoint with tombstones. */
  readonly live: ReadonlyMap<string, StoredEntry>
}

/** All that a log's server keeps. Rows are never changed, so a copy of the collections is a backup. */
export interface Tables {
  readonly logId: string
  /** Digest of the log while it has no entry. */
  readonly firstDigest: Buffer
  /** The entry of a sequence is at the index before it. */
  readonly entries: StoredEntry[]
  readonly writers: Map<string, WriterRow>
  /** The oldest comes first. */
  readonly answers: Map<string, AnswerRow>
  checkpoint: Checkpoint | undefined
  /** As `LogImport.forgotten`. */
  forgotten: number
  /** Sequence of the last entry on the ring; 0n for none. */
  ringSequence: bigint
  writeRule: WriteRule
}

/**
 * Which writes the server does not store: `refused`, since they are what they are; `down`, since it takes none now;
 * undefined where it stores them. A batch is stored or not as a whole. A registration asks with no writes.
 */
export type WriteRule = (writes: readonly Write[]) => 'refused' | 'down' | undefined

export function makeTables(random: Random): Tables {
  return {
    logId: random.uuid().slice(0, 8),
    firstDigest: Buffer.from(random.uuid().slice(0, 8)),
    entries: [],
    writers: new Map(),
    answers: new Map(),
    checkpoint: undefined,
    forgotten: 0,
    ringSequence: 0n,
    writeRule: () => undefined,
  }
}

export function copyTables(tables: Tables): Tables {
  return {
    ...tables,
    entries: [...tables.entries],
    writers: new Map(tables.writers),
    answers: new Map(tables.answers),
  }
}

/** The log's end. Throws `StatementRefused` where no append has written the last entry. */
export function endOf({ entries, firstDigest }: Tables): LogPoint {
  const last = entries.at(-1)
  if (last === undefined) return { sequence: 0n, digest: firstDigest }
  if (last.writeNumber === undefined || last.digest.length === 0) {
    throw new StatementRefused(`no append has written its last entry, ${last.sequence}`, 'broken')
  }
  return { sequence: last.sequence, digest: last.digest }
}

/** What the log has of each origin through a sequence, its end by default. */
export function positionThrough({ logId, entries }: Tables, through = BigInt(entries.length)): Position {
  const sequences = new Map([[logId, 0n]])
  let stamp = 0
  for (const entry of entries.slice(0, Number(through))) {
    sequences.set(entry.origin?.logId ?? logId, entry.origin?.sequence ?? entry.sequence)
    stamp = Math.max(stamp, entry.stamp)
  }
  return { sequences, stamp }
}

/** Last entry that the log has of each other origin. */
export function lastOfOrigins({ entries }: Tables): LastOfOrigin[] {
  const last = new Map<string, LastOfOrigin>()
  for (const { origin, stamp } of entries) if (origin !== undefined) last.set(origin.logId, { ...origin, stamp })
  return [...last.values()]
}

/** The deletes after a sequence, through another one, with a stamp through `stamp`. */
export function deletesBetween(
  { logId, entries }: Tables,
  after: bigint,
  through: bigint,
  stamp: number,
): DeletedKey[] {
  return entries
    .slice(Number(after), Number(through))
    .filter((entry) => !entry.superseded && entry.eventType === codeOf('delete') && entry.stamp <= stamp)
    .map((entry) => ({
      ...{ key: entry.key, stamp: entry.stamp, isExpiry: isExpiry(entry) },
      origin: entry.origin?.logId ?? logId,
    }))
}

export function entryAt({ entries }: Tables, sequence: bigint): StoredEntry | undefined {
  return entries[Number(sequence) - 1]
}

/** Last entry of a writer's last batch; undefined where it has none. */
export function lastOf({ entries }: Tables, writer: number): StoredEntry | undefined {
  return entries.findLast((entry) => entry.writer === writer && entry.writeNumber !== undefined)
}

/** Keys of the store that have an entry of any effect after a sequence, one that `counts`. */
export function keysAfter(
  { entries }: Tables,
  sequence: bigint,
  counts: (entry: StoredEntry) => boolean = () => true,
): Set<string> {
  const later = entries
    .slice(Number(sequence))
    .filter((entry) => !entry.superseded && entry.eventType <= 2 && counts(entry))
  return new Set(later.map(({ key }) => key))
}

/** Whether the entry is about a member of a group of sites. */
export function isMember({ eventType }: StoredEntry): boolean {
  return eventType === codeOf('join') || eventType === codeOf('leave')
}

/** The newest entry about each site that was added or taken out, by its address. */
export function membersOf({ logId, entries }: Tables): Map<string, MemberEntry> {
  const changes = entries.filter((entry) => isMember(entry) && !entry.superseded)
  return new Map(
    changes.map(({ key, eventType, stamp, origin, sequence }) => [
      key,
      {
        ...{ isMember: eventType === codeOf('join'), stamp, isExpiry: false, origin: origin?.logId ?? logId },
        ...{ sequence, originSequence: origin?.sequence ?? sequence },
      },
    ]),
  )
}

/** Whether the entry records that a key has ended by itself. */
export function isExpiry({ value, deadline }: StoredEntry): boolean {
  return value === undefined && deadline !== undefined
}

/**
 * Throws `StatementRefused` where the server does not store the writes. As in Postgres, no text may have a NUL, and
 * deadlines have their range.
 */
export function requireTaken({ writeRule }: Tables, writes: readonly Write[]): void {
  const hasNul = writes.some((write) => textsOf(write).some((text) => text?.includes('\0')))
  if (hasNul) throw new StatementRefused('a text can’t have a NUL', 'refused')
  const isInRange = writes.every(({ deadline = 0 }) => deadline >= 0 && deadline <= maxDeadline)
  if (!isInRange) throw new StatementRefused('a deadline is out of range', 'refused')
  const reason = writeRule(writes)
  if (reason === 'refused') throw new StatementRefused('the server refuses one of the writes', reason)
  if (reason === 'down') throw new StatementRefused('the server takes no writes now', reason)
}

function textsOf(write: Write): (string | undefined)[] {
  return setsValue(write) ? [write.key, write.contentType] : [write.key]
}

/** The server's own answer that it has rolled a statement back: nothing has changed. */
export class StatementRefused extends Error {
  override readonly name = 'StatementRefused'
  /** `refused`, `down`: as in `WriteRule`. `broken`, `unseen`: as in `WriterStatements.failureOf`. */
  readonly reason: 'refused' | 'down' | 'broken' | 'unseen'
  constructor(message: string, reason: StatementRefused['reason']) {
    super(message)
    this.reason = reason
  }
}
