import { createHash } from 'node:crypto'
import type { LogPoint, SpooledWrite, Write } from '../../core/entry.ts'
import type { Batch, Decided, Judgement, Landing, Registration } from '../index.ts'
import { endOf, entryAt, requireTaken, StatementRefused, type StoredEntry, type Tables } from './tables.ts'

/** What an append came to, as `Landing` has it. */
export type Appended = { readonly outcome: 'landed'; readonly end: LogPoint } | { readonly outcome: 'late' | 'fenced' }

/**
 * Commits a batch at the log's end.
 * @param isLate whether its time is over
 */
export function appendWrites(tables: Tables, batch: Batch, writes: readonly Write[], isLate: boolean): Appended {
  const turn = beginAppend(tables, batch)
  if (turn === undefined) return { outcome: 'fenced' }
  if (isLate) return { outcome: 'late' }
  return { outcome: 'landed', end: insert(tables, turn, batch, writes) }
}

/** The same for writes some of which have no effect: those marked so, and those whose key has an entry after `seen`. */
export function appendSpooled(tables: Tables, batch: Batch, spooled: readonly SpooledWrite[], seen: bigint): Appended {
  const turn = beginAppend(tables, batch)
  if (turn === undefined) return { outcome: 'fenced' }
  const overtaken = keysAfter(tables, seen)
  const writes = spooled.map(({ write }) => write)
  const superseded = spooled.map(({ write, superseded }) => superseded || overtaken.has(textOf(write.key)))
  return { outcome: 'landed', end: insert(tables, turn, batch, writes, superseded) }
}

/** Commits those writes whose decision still holds. Undefined where the session is no longer the writer's. */
export function appendConditional(
  tables: Tables,
  batch: Batch,
  decided: readonly Decided[],
  seen: bigint,
): { readonly judgements: readonly Judgement[]; readonly end: LogPoint } | undefined {
  const turn = beginAppend(tables, batch)
  if (turn === undefined) return undefined
  const overtaken = keysAfter(tables, seen)
  const judged = decided.map((one) => ({ ...one, outcome: judge(tables, one, overtaken) }))
  const landing = judged.filter(({ outcome }) => outcome === 'landed')
  const end = insert(tables, turn, batch, writesOf(landing))
  let { sequence } = turn.end
  const judgements = judged.map(({ outcome, idempotency, current }): Judgement => {
    const answer = idempotency && tables.answers.get(idempotency.key)
    if (outcome === 'answered') {
      return { outcome, entry: pointAt(tables, answer?.sequence), current: pointAt(tables, answer?.current) }
    }
    const entry = outcome === 'landed' ? { sequence: ++sequence, digest: end.digest } : undefined
    if (idempotency && (outcome === 'landed' || outcome === 'refused')) {
      keepAnswer(tables, idempotency, entry?.sequence, current?.sequence)
    }
    return { outcome, entry, current: undefined }
  })
  return { judgements, end }
}

const writesOf = (decided: readonly Decided[]) => decided.map(({ write }) => write)

/** What a registration came to, as `Registration` has it. */
export interface Registered {
  readonly writerNumber: number
  readonly committed: { readonly number: bigint; readonly end: LogPoint }
}

/**
 * Makes a session the only one that may append for the writer, in the place of `replaced` and of no other; undefined is none. Returns
 * undefined where somebody else had registered.
 */
export function registerWriter(
  tables: Tables,
  writerId: string,
  session: string,
  replaced: string | undefined,
): Registered | undefined {
  requireTaken(tables, [])
  const { writers, entries } = tables
  const row = writers.get(writerId)
  if (row?.session !== replaced) return undefined
  const writerNumber = row?.number ?? writers.size + 1
  writers.set(writerId, { number: writerNumber, session })
  const { writeNumber = 0n, sequence = 0n, digest = Buffer.alloc(0) } = lastOf(entries, writerNumber) ?? {}
  return { writerNumber, committed: { number: writeNumber, end: { sequence, digest } } }
}

/** A turn to append: the log's end, and the number of who appends there. */
interface Turn {
  readonly writer: number
  readonly end: LogPoint
}

/** Undefined where the session is no longer the writer's. */
function beginAppend(tables: Tables, { writerId, session, after, last }: Batch): Turn | undefined {
  const writer = tables.writers.get(writerId)
  if (last <= after) throw broken(`a batch ends in the number ${last}, and the last one ended in ${after}`)
  if (writer === undefined) throw broken('this node’s row in writers is gone')
  if (writer.session !== session) return undefined
  const end = endOf(tables)
  const newest = lastOf(tables.entries, writer.number)?.writeNumber ?? 0n
  if (newest !== after) throw broken(`the last write of this node in it has the number ${newest}, and not ${after}`)
  return { writer: writer.number, end }
}

function broken(flaw: string): StatementRefused {
  return new StatementRefused(flaw, 'broken')
}

function lastOf(entries: readonly StoredEntry[], writer: number): StoredEntry | undefined {
  return entries.findLast((entry) => entry.writer === writer && entry.writeNumber !== undefined)
}

/** Keys that have an entry of any effect after a sequence. */
function keysAfter({ entries }: Tables, seen: bigint): Set<string> {
  const later = entries.slice(Number(seen)).filter(({ superseded }) => !superseded)
  return new Set(later.map(({ key }) => key))
}

/** The digest covers the session, which is random, so no two histories have the same. `next_digest` in migrations/ is the same rule. */
export function nextDigest(digest: Buffer, session: string, last: bigint): Buffer {
  const number = Buffer.alloc(8)
  number.writeBigInt64BE(last)
  const hash = createHash('sha256').update(digest)
  return hash
    .update(Buffer.from(session.replaceAll('-', ''), 'hex'))
    .update(number)
    .digest()
    .subarray(0, 8)
}

/** Returns the log's end, which stays where it was where there is nothing to insert. */
function insert(
  tables: Tables,
  { writer, end }: Turn,
  { session, last }: Batch,
  writes: readonly Write[],
  superseded: readonly boolean[] = [],
): LogPoint {
  requireTaken(tables, writes)
  if (writes.length === 0) return end
  const digest = nextDigest(end.digest, session, last)
  const rows = writes.map((write, index): StoredEntry => {
    const isPut = write.kind === 'put'
    return {
      sequence: end.sequence + BigInt(index + 1),
      eventType: isPut ? 2 : 1,
      key: textOf(write.key),
      // A copy: whoever appends may free the buffer afterwards.
      value: isPut ? Buffer.from(write.value) : undefined,
      contentType: isPut && write.contentType !== undefined ? textOf(write.contentType) : undefined,
      digest,
      superseded: superseded[index] === true,
      writer,
      writeNumber: index === writes.length - 1 ? last : undefined,
    }
  })
  tables.entries.push(...rows)
  return { sequence: end.sequence + BigInt(writes.length), digest }
}

/** A text as it comes back from UTF-8. */
function textOf(text: string): string {
  return text.toWellFormed()
}

function judge(
  { answers }: Tables,
  { write, lands, idempotency }: Decided,
  overtaken: ReadonlySet<string>,
): Judgement['outcome'] {
  const answer = idempotency && answers.get(idempotency.key)
  if (answer) return answer.request.equals(idempotency.request) ? 'answered' : 'reused'
  if (overtaken.has(textOf(write.key))) return 'overtaken'
  return lands ? 'landed' : 'refused'
}

const mostAnswers = 100_000

function keepAnswer(
  { answers }: Tables,
  { key, request }: { readonly key: string; readonly request: Buffer },
  sequence: bigint | undefined,
  current: bigint | undefined,
): void {
  answers.set(key, { request: Buffer.from(request), sequence, current })
  const [oldest] = answers.keys()
  if (answers.size > mostAnswers && oldest !== undefined) answers.delete(oldest)
}

function pointAt(tables: Tables, sequence: bigint | undefined): LogPoint | undefined {
  if (sequence === undefined) return undefined
  return { sequence, digest: entryAt(tables, sequence)?.digest ?? Buffer.alloc(0) }
}
