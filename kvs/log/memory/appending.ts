import type { EarlierVersion } from '../../core/earlier-version.ts'
import type { BatchEnd, ForeignEntry, LogPoint, SpooledWrite, Write } from '../../core/entry.ts'
import { codeOf, isExpiry as isExpiryWrite, isMembership, setsValue } from '../../core/operation/operation.ts'
import { maxStamp, outranks } from '../../core/rank.ts'
import {
  type Batch,
  type Decided,
  type Judgement,
  type Landing,
  nextDigest,
  type WriterStatements,
  wholeMilliseconds,
} from '../index.ts'
import { judgeAll, keepAnswers } from './judging.ts'
import {
  endOf,
  entryAt,
  isExpiry,
  isMember,
  keysAfter,
  lastOf,
  positionThrough,
  requireTaken,
  StatementRefused,
  type StoredEntry,
  type Tables,
} from './tables.ts'

/**
 * Commits a batch at the log's end.
 * @param landsUntil the log stores nothing from this second of the server's clock on
 */
export function appendWrites(
  tables: Tables,
  serverSeconds: number,
  batch: Batch,
  writes: readonly Write[],
  landsUntil: number,
): Landing {
  const turn = beginAppend(tables, serverSeconds, batch)
  if (turn === undefined) return { outcome: 'fenced', serverSeconds }
  if (serverSeconds >= landsUntil) return { outcome: 'late', serverSeconds }
  return { outcome: 'landed', end: insert(tables, turn, batch, writes), serverSeconds }
}

/** As `appendWrites`, for writes some of which have no effect: those marked so, and those with a later entry. */
export function appendSpooled(
  tables: Tables,
  serverSeconds: number,
  batch: Batch,
  spooled: readonly SpooledWrite[],
  seen: bigint,
): Landing {
  const turn = beginAppend(tables, serverSeconds, batch)
  if (turn === undefined) return { outcome: 'fenced', serverSeconds }
  const overtaken = keysAfter(tables, seen, isOfAClient)
  const writes = spooled.map(({ write }) => write)
  const superseded = spooled.map(({ write, superseded }) => superseded || overtaken.has(write.key.toWellFormed()))
  return { outcome: 'landed', end: insert(tables, turn, batch, writes, { superseded }), serverSeconds }
}

/** Whether the entry was first written here, for a client: no expiry, and not what a mover has deleted. */
function isOfAClient(entry: StoredEntry): boolean {
  const isMovedDelete = entry.value === undefined && entry.earlier !== undefined
  return !isExpiry(entry) && !isMovedDelete && entry.origin === undefined
}

/** Commits what was decided and still holds. Undefined where the session is no longer the writer's. */
export function appendConditional(
  tables: Tables,
  serverSeconds: number,
  batch: Batch,
  decided: readonly Decided[],
  seen: bigint,
): Awaited<ReturnType<WriterStatements['appendConditional']>> {
  const turn = beginAppend(tables, serverSeconds, batch)
  if (turn === undefined) return undefined
  const judged = judgeAll(tables, decided, seen, turn.recordedAt)
  const landing = decided.map(({ writes }, index) => (judged[index]?.outcome === 'landed' ? writes : []))
  const lapsed = decided.map(({ writes, current }) => writes.map(() => current?.sequence))
  const end = insert(tables, turn, batch, landing.flat(), {
    lapsed: lapsed.filter((_, index) => judged[index]?.outcome === 'landed').flat(),
  })
  let next = turn.end.sequence + 1n
  const judgements = judged.map((judgement, index): Judgement => {
    if (judgement.outcome !== 'landed') return judgement
    const entry = { sequence: next, digest: end.digest }
    next += BigInt(landing[index]?.length ?? 0)
    return { ...judgement, entry }
  })
  keepAnswers(tables, decided, judgements)
  return { judgements, end }
}

/**
 * Takes over entries of other logs as one batch. `repeated`: one of them is there already, comes after a later one of
 * its origin, or is the log's own.
 */
export function appendForeign(
  tables: Tables,
  serverSeconds: number,
  batch: Batch,
  entries: readonly ForeignEntry[],
  seen: bigint,
): Landing<'repeated' | 'fenced'> {
  const turn = beginAppend(tables, serverSeconds, batch)
  if (turn === undefined) return { outcome: 'fenced', serverSeconds }
  const { sequences } = positionThrough(tables)
  const reached = new Map(sequences)
  const isRepeated = entries.some(({ origin }) => {
    if (origin.logId === tables.logId || origin.sequence <= (reached.get(origin.logId) ?? 0n)) return true
    reached.set(origin.logId, origin.sequence)
    return false
  })
  if (isRepeated) return { outcome: 'repeated', serverSeconds }
  // No view has members, so that these are ranked against all there are.
  const later = tables.entries.filter((entry) => !entry.superseded && (entry.sequence > seen || isMember(entry)))
  const superseded = entries.map(
    ({ superseded, write, stamp, origin }) =>
      superseded ||
      later.some(
        (entry) =>
          entry.key === write.key.toWellFormed() &&
          isMember(entry) === isMembership(write) &&
          outranks(rankOf(tables, entry), { stamp, isExpiry: isExpiryWrite(write), origin: origin.logId }),
      ),
  )
  const writes = entries.map(({ write }) => write)
  return {
    outcome: 'landed',
    end: insert(tables, turn, batch, writes, { superseded, foreign: entries }),
    serverSeconds,
  }
}

function rankOf({ logId }: Tables, entry: StoredEntry) {
  return { stamp: entry.stamp, isExpiry: isExpiry(entry), origin: entry.origin?.logId ?? logId }
}

/**
 * A turn to append: the log's end, the number of the writer that appends there, and the time and the stamp of what it
 * appends.
 */
export interface Turn {
  readonly writer: number
  readonly end: LogPoint
  readonly recordedAt: number
  readonly stamp: number
}

/**
 * Undefined where the session is no longer the writer's. Throws where it has not told of an entry on the ring.
 * @param mayBeUnseen as for those who append such entries, or go by one of them in another way
 */
export function beginAppend(
  tables: Tables,
  serverSeconds: number,
  { writerId, session, after, last }: Batch,
  { mayBeUnseen = false } = {},
): Turn | undefined {
  if (last <= after) throw broken(`a batch ends in the number ${last}, and the last one ended in ${after}`)
  const writer = tables.writers.get(writerId)
  if (writer === undefined) throw broken('this node’s row in writers is gone')
  if (writer.session !== session) return undefined
  if (writer.ringSeen < tables.ringSequence && !mayBeUnseen) {
    const flaw = `this node has not seen the entry ${tables.ringSequence}, which is on the ring`
    throw new StatementRefused(flaw, 'unseen')
  }
  const end = endOf(tables)
  const newest = lastOf(tables, writer.number)?.writeNumber ?? 0n
  if (newest !== after) throw broken(`the last write of this node in it has the number ${newest}, and not ${after}`)
  const recordedAt = Math.max(tables.entries.at(-1)?.recordedAt ?? 0, wholeMilliseconds(serverSeconds))
  const stamp = Math.max((tables.entries.at(-1)?.highestStamp ?? 0) + 1, Math.round(serverSeconds * 1e6))
  return { writer: writer.number, end, recordedAt, stamp }
}

function broken(flaw: string): StatementRefused {
  return new StatementRefused(flaw, 'broken')
}

/** Returns the log's new end; the old one where there is nothing to insert. */
export function insert(
  tables: Tables,
  turn: Turn,
  { session, last }: Batch,
  writes: readonly Write[],
  { superseded, lapsed, foreign, earlier }: Extras = {},
): BatchEnd {
  const { writer, end, recordedAt } = turn
  requireTaken(tables, writes)
  if (writes.length === 0) return { ...end, recordedAt, stamp: turn.stamp }
  const digest = nextDigest(end.digest, session, last)
  const floor = Math.max(...writes.map(({ after }) => after?.stamp ?? 0))
  const stamp =
    foreign === undefined
      ? Math.max(turn.stamp, Math.min(floor, maxStamp) + 1)
      : Math.max(turn.stamp, ...foreign.map((entry) => entry.stamp))
  const rows = writes.map((write, index): StoredEntry => {
    return {
      ...contentOf(write),
      deadline: write.deadline,
      recordedAt,
      sequence: end.sequence + BigInt(index + 1),
      digest,
      superseded: superseded?.[index] === true,
      stamp: foreign?.[index]?.stamp ?? (isExpiryWrite(write) ? stampOf(tables, lapsed?.[index]) : undefined) ?? stamp,
      highestStamp: stamp,
      origin: foreign?.[index]?.origin,
      after: write.after,
      earlier: earlier?.[index],
      writer,
      writeNumber: index === writes.length - 1 ? last : undefined,
    }
  })
  tables.entries.push(...rows)
  return { sequence: end.sequence + BigInt(writes.length), digest, recordedAt, stamp }
}

/** What a batch has beside its writes, for each of them in order. */
interface Extras {
  /** Which have no effect. */
  readonly superseded?: readonly boolean[]
  /** The entry that an expiry removes, whose stamp it takes. */
  readonly lapsed?: readonly (bigint | undefined)[]
  /** The entries of other logs that they come from. */
  readonly foreign?: readonly ForeignEntry[]
  /** The versions that keys that move had before. */
  readonly earlier?: readonly EarlierVersion[]
}

function stampOf(tables: Tables, sequence: bigint | undefined): number | undefined {
  return sequence === undefined ? undefined : entryAt(tables, sequence)?.stamp
}

/** Texts are stored as they come back from UTF-8, and a copy of the value: whoever appends may free it afterwards. */
function contentOf(write: Write): Pick<StoredEntry, 'eventType' | 'key' | 'value' | 'contentType'> {
  const key = write.key.toWellFormed()
  const eventType = codeOf(write.kind)
  if (!setsValue(write)) return { eventType, key, value: undefined, contentType: undefined }
  return { eventType, key, value: Buffer.from(write.value), contentType: write.contentType?.toWellFormed() }
}
