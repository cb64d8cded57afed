import { earlierIn } from '../../core/earlier-version.ts'
import type { BatchEnd, LogPoint } from '../../core/entry.ts'
import {
  type Batch,
  brokenLog,
  Diverged,
  type Judgement,
  type Landing,
  type Verdict,
  type WriterStatements,
  wholeMilliseconds,
} from '../index.ts'
import { batchColumns, foreignColumns, movedColumns } from './batch-columns.ts'
import { booleanArray, integerArray } from './binary-arrays.ts'
import type { Connection } from './connection.ts'
import { decidedColumns } from './decided-columns.ts'
import { serverSeconds } from './log-end.ts'
import { isBrokenLog, isRingUnseen, isRolledBack, takesNoWrites } from './postgres-errors.ts'
import { secondsOf } from './timestamps.ts'

interface Prepared {
  readonly name: string
  readonly text: string
}

/**
 * One statement and one round trip for a batch. The function locks this writer's row, and goes on only where the
 * session is still the one registered there. Then it locks the log's head until the commit, and reads the log's end
 * under that lock, so sequences are gapless and in commit order. migrations/009_sites.sql has it, and
 * 005_append_only_head.sql why an append changes no row.
 */
const appendWrites = (name: string, rest: { until: string; superseded: string; seen: string }): Prepared => ({
  name,
  text: `
  SELECT outcome, sequence, digest, ${secondsOf('recorded_at')}, stamp, ${serverSeconds}
  FROM append_writes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, ${rest.until}, ${rest.superseded}, ${rest.seen})`,
})

const append = appendWrites('append', { until: '$12', superseded: 'NULL', seen: 'NULL' })

/** It compares with what others committed while it waited for the head's lock, too. */
const appendSpooled = appendWrites('append_spooled', { until: 'NULL', superseded: '$12', seen: '$13' })

/**
 * migrations/008_transactions.sql says what the function does. Digests are looked up only for earlier answers: an entry
 * that lands has the head's, and the node's view has those of current values.
 */
const appendConditional: Prepared = {
  name: 'append_conditional',
  text: `SELECT outcome, sequence, current, note, head, head_digest,
      CASE outcome WHEN 'answered' THEN digest_at(sequence) END,
      CASE outcome WHEN 'answered' THEN digest_at(current) END,
      CASE outcome WHEN 'answered' THEN earlier_version_at(current) END,
      ${secondsOf('recorded_at')}, stamp
    FROM append_conditional(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22
    )`,
}

/** migrations/009_sites.sql says what the function does. */
const appendForeign: Prepared = {
  name: 'append_foreign',
  text: `
  SELECT outcome, sequence, digest, ${secondsOf('recorded_at')}, stamp, ${serverSeconds}
  FROM append_foreign($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
}

/** migrations/012_ring.sql says what the function does. */
const appendRing: Prepared = {
  name: 'append_ring',
  text: `
  SELECT outcome, sequence, digest, ${secondsOf('recorded_at')}, stamp, ${serverSeconds}
  FROM append_ring($1, $2, $3, $4, $5, $6, $7, $8)`,
}

/** migrations/013_moved_keys.sql says what the function does. */
const appendMoved: Prepared = {
  name: 'append_moved',
  text: `
  SELECT outcome, sequence, digest, ${secondsOf('recorded_at')}, stamp, ${serverSeconds}
  FROM append_moved($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
}

const sessionOf = 'SELECT session FROM writers WHERE id = $1'

/**
 * No row comes back where another session was registered since `sessionOf`, so that a registration that is late does
 * nothing.
 */
const registration = `
  SELECT last_write, last_sequence, last_digest, number, ${serverSeconds} FROM register_writer($1, $2, $3)
  WHERE number IS NOT NULL`

type LandingRow<Otherwise> =
  | [outcome: 'landed', sequence: string, digest: Buffer, recordedSeconds: number, stamp: string, serverSeconds: number]
  | [outcome: Otherwise, sequence: null, digest: null, recordedSeconds: null, stamp: null, serverSeconds: number]

type RegistrationRow = [
  lastWrite: string,
  lastSequence: string,
  lastDigest: Buffer,
  writerNumber: number,
  serverSeconds: number,
]

type JudgementRow = [
  outcome: Verdict['outcome'],
  sequence: string | null,
  current: string | null,
  note: string | null,
  head: string,
  headDigest: Buffer,
  answeredDigest: Buffer | null,
  answeredCurrentDigest: Buffer | null,
  answeredCurrentEarlier: string | null,
  recordedSeconds: number,
  stamp: string,
]

/** @param timeoutMs how long the answer to an append may take before the connection counts as lost */
export function makeWriterStatements(connection: Connection, timeoutMs: number): WriterStatements {
  async function run<Row extends unknown[]>(statement: Prepared, batch: Batch, rest: unknown[]): Promise<Row[]> {
    const values = [batch.writerId, batch.session, batch.after, batch.last, ...rest]
    const { rows } = await connection.query<Row>({ ...statement, values }, timeoutMs)
    return rows
  }

  return {
    async readSession(writerId) {
      const { rows } = await connection.query<[string]>({ text: sessionOf, values: [writerId] })
      return rows[0]?.[0]
    },
    async register(writerId, session, replaced) {
      const values = [writerId, session, replaced ?? null]
      const { rows } = await connection.query<RegistrationRow>({ text: registration, values }).catch((error) => {
        throw isNumberTaken(error)
          ? new Diverged(brokenLog('it has given this node’s number to another one'), { cause: error })
          : error
      })
      const [row] = rows
      if (!row) return undefined
      const [lastWrite, lastSequence, lastDigest, writerNumber, serverSeconds] = row
      const committed = { number: BigInt(lastWrite), end: pointAt(lastSequence, lastDigest) }
      return { writerNumber, committed, serverSeconds }
    },
    async append(batch, writes, landsUntil) {
      return landingOf(await run(append, batch, [...batchColumns(writes), landsUntil]))
    },
    async appendSpooled(batch, spooled, seen) {
      const superseded = booleanArray(spooled.map((write) => write.superseded))
      return landingOf(
        await run(appendSpooled, batch, [...batchColumns(spooled.map(({ write }) => write)), superseded, seen]),
      )
    },
    async appendConditional(batch, decided, seen) {
      const rows = await run<JudgementRow>(appendConditional, batch, [seen, ...decidedColumns(decided)])
      const [first] = rows
      return first && { judgements: rows.map(judgementOf), end: endAt(first[4], first[5], first[9], first[10]) }
    },
    async appendForeign(batch, entries, seen) {
      return landingOf(await run(appendForeign, batch, [seen, ...foreignColumns(entries)]))
    },
    async appendRing(batch, text, seen, vacated) {
      const ranges = [vacated.map(({ from }) => from), vacated.map(({ through }) => through)]
      return landingOf(await run(appendRing, batch, [text, seen, ...ranges.map(integerArray)]))
    },
    async appendMoved(batch, moved, ringEntry) {
      return landingOf(await run(appendMoved, batch, [ringEntry, ...movedColumns(moved)]))
    },
    async seeRing(writerId, session, through) {
      await connection.query({ text: 'SELECT note_ring_seen($1, $2, $3)', values: [writerId, session, through] })
    },
    failureOf(error) {
      if (!isRolledBack(error)) return 'unknown'
      if (isBrokenLog(error)) return 'broken'
      if (isRingUnseen(error)) return 'unseen'
      return takesNoWrites(error) ? 'down' : 'refused'
    },
  }
}

function landingOf<Otherwise>([row]: LandingRow<Otherwise>[]): Landing<Otherwise> {
  if (row === undefined) throw new Error('an append returned no row')
  const [outcome, sequence, digest, recordedSeconds, stamp, serverSeconds] = row
  return outcome === 'landed' && sequence !== null
    ? { outcome, end: endAt(sequence, digest, recordedSeconds, stamp), serverSeconds }
    : { outcome: outcome as Otherwise, serverSeconds }
}

function judgementOf(row: JudgementRow): Judgement {
  const [outcome, sequence, current, note, , headDigest, answeredDigest, currentDigest, currentEarlier] = row
  const isAnswered = outcome === 'answered'
  return {
    outcome,
    entry: sequence === null ? undefined : pointAt(sequence, isAnswered ? answeredDigest : headDigest),
    current: !isAnswered || current === null ? undefined : pointAt(current, currentDigest),
    currentEarlier: currentEarlier === null ? undefined : earlierIn(currentEarlier),
    note: note ?? undefined,
  }
}

function endAt(sequence: string, digest: Buffer, recordedSeconds: number, stamp: string): BatchEnd {
  return { ...pointAt(sequence, digest), recordedAt: wholeMilliseconds(recordedSeconds), stamp: Number(stamp) }
}

/**
 * @param digest null where the log lacks the entry: somebody changed the log, and an earlier answer holds all the same
 */
function pointAt(sequence: string, digest: Buffer | null): LogPoint {
  return { sequence: BigInt(sequence), digest: digest ?? Buffer.alloc(0) }
}

/** 23505, unique_violation: `writers.number` is an identity column, which somebody set back. */
function isNumberTaken(error: unknown): boolean {
  return isRolledBack(error) && error.code === '23505'
}
