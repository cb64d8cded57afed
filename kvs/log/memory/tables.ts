import type { LogPoint, Write } from '../../core/entry.ts'
import type { Random } from '../../lib/random.ts'

/** A row of the log. An entry that an append has written has a digest; the last one of its batch has a write number. */
export interface StoredEntry {
  readonly sequence: bigint
  /** 1 is a delete and 2 a put, as in Postgres; any other kind was put there by another hand. */
  readonly eventType: number
  readonly key: string
  /** Undefined for a delete. */
  readonly value: Buffer | undefined
  readonly contentType: string | undefined
  readonly digest: Buffer
  readonly superseded: boolean
  /** Number of the writer that it came from. */
  readonly writer: number | undefined
  /** Number of the entry among its writer's writes; undefined on all but the last entry of a batch. */
  readonly writeNumber: bigint | undefined
}

export interface WriterRow {
  readonly number: number
  /** The only session that may append for the writer. */
  readonly session: string
}

/** What was answered under an idempotency key. */
export interface AnswerRow {
  readonly request: Buffer
  /** Sequence of the entry; undefined where the condition did not hold. */
  readonly sequence: bigint | undefined
  /** Sequence of the value that the key had before. */
  readonly current: bigint | undefined
}

/** The live keys as of a point in the log. It is never changed: each step makes a new one. */
export interface Checkpoint extends LogPoint {
  readonly logId: string
  /** How many keys there must be; other numbers tell of damage. */
  readonly keys: number
  readonly live: ReadonlyMap<string, StoredEntry>
}

/** All that a log's server keeps. Rows are never changed, so a copy of the collections is a backup. */
export interface Tables {
  readonly logId: string
  /** Digest of the log while it has no entry. */
  readonly firstDigest: Buffer
  /** An entry's sequence is its index and one. */
  readonly entries: StoredEntry[]
  readonly writers: Map<string, WriterRow>
  /** The oldest comes first. */
  readonly answers: Map<string, AnswerRow>
  checkpoint: Checkpoint | undefined
  writeRule: WriteRule
}

/**
 * Which writes the server refuses to store, and why; undefined where it takes them. A batch is refused as a whole. A registration asks
 * with no writes.
 */
export type WriteRule = (writes: readonly Write[]) => Exclude<RefusalReason, 'broken'> | undefined

export function makeTables(random: Random): Tables {
  return {
    logId: random.uuid().slice(0, 8),
    firstDigest: Buffer.from(random.uuid().replaceAll('-', ''), 'hex').subarray(0, 8),
    entries: [],
    writers: new Map(),
    answers: new Map(),
    checkpoint: undefined,
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

/** The point after the last entry. Throws `StatementRefused` where no append has written that entry. */
export function endOf({ entries, firstDigest }: Tables): LogPoint {
  const last = entries.at(-1)
  if (last === undefined) return { sequence: 0n, digest: firstDigest }
  if (last.writeNumber === undefined || last.digest.length === 0) {
    throw new StatementRefused(`no append has written its last entry, ${last.sequence}`, 'broken')
  }
  return { sequence: last.sequence, digest: last.digest }
}

export function entryAt({ entries }: Tables, sequence: bigint): StoredEntry | undefined {
  return entries[Number(sequence) - 1]
}

/** Throws `StatementRefused` where the server does not store the writes. Nor does Postgres have a text with a NUL. */
export function requireTaken({ writeRule }: Tables, writes: readonly Write[]): void {
  const isText = ({ key, ...rest }: Write) => !`${key}${'contentType' in rest ? rest.contentType : ''}`.includes('\0')
  if (!writes.every(isText)) throw new StatementRefused('a text can’t have a NUL', 'refused')
  const reason = writeRule(writes)
  if (reason === 'refused') throw new StatementRefused('the server refuses one of the writes', reason)
  if (reason === 'down') throw new StatementRefused('the server takes no writes now', reason)
}

/**
 * Why a statement was refused. `broken`: other hands than an append's have changed the log, so trying again is no use. `down`: the server
 * takes no writes now, whatever they are. `refused`: it takes others than these.
 */
export type RefusalReason = 'broken' | 'down' | 'refused'

/** The server's own answer that it has rolled a statement back: nothing has changed. */
export class StatementRefused extends Error {
  override readonly name = 'StatementRefused'
  readonly reason: RefusalReason
  constructor(message: string, reason: RefusalReason) {
    super(message)
    this.reason = reason
  }
}
