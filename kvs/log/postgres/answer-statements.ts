import { answersPageLimits, type MovedAnswer, type MovedAnswersPage } from '../../core/moved-answer.ts'
import type { SlotRanges } from '../../core/ring/slot-ranges.ts'
import { versionAt } from '../../core/version.ts'
import type { WriterStatements } from '../index.ts'
import { bigintArray, byteaArray, integerArray, textArray } from './binary-arrays.ts'
import type { Connection } from './connection.ts'

/**
 * The next answers after a number, bounded in count and bytes. Of those of other slots it returns the last one alone,
 * by which the next page knows where to begin. What another log has answered has its columns in the row; all else is in
 * the entries.
 */
const pageOfAnswers = `
  WITH looked AS (
    SELECT *, EXISTS (
      SELECT FROM unnest($2::integer[], $3::integer[]) AS asked (from_slot, through_slot) WHERE slot BETWEEN from_slot AND through_slot
    ) AS moves
    FROM answers WHERE number > $1 ORDER BY number LIMIT $4
  ), weighed AS (
    SELECT *, coalesce(sum(CASE WHEN moves THEN octet_length(idempotency_key) + coalesce(octet_length(note), 0) END)
      OVER (ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
    FROM looked
  ), page AS (
    SELECT * FROM weighed WHERE before < $5
  )
  SELECT page.number, moves, idempotency_key, request, slot, page.origin, page.sequence, coalesce(page.digest, entry.digest), note,
    coalesce(current_tag, split_part(held.earlier_version, '@', 1)), current, held.digest,
    (SELECT count(*) < $4 AND count(*) = count(*) FILTER (WHERE before < $5) FROM weighed)
  FROM page
  LEFT JOIN transactions AS entry ON entry.sequence = page.sequence AND page.origin IS NULL
  LEFT JOIN transactions AS held ON held.sequence = page.current
  WHERE moves OR page.number = (SELECT max(number) FROM page)
  ORDER BY page.number`

type AnswerRow = [
  number: string,
  moves: boolean,
  key: string,
  request: Buffer,
  slot: number,
  origin: string | null,
  sequence: string | null,
  digest: Buffer | null,
  note: string | null,
  currentTag: string | null,
  current: string | null,
  currentDigest: Buffer | null,
  isLast: boolean,
]

/** As `EntryReader.readAnswers`. @param logId that of the connection's log */
export async function readAnswers(
  connection: Connection,
  logId: string,
  slots: SlotRanges,
  after: bigint,
): Promise<MovedAnswersPage> {
  const ranges = [slots.map(({ from }) => from), slots.map(({ through }) => through)].map(integerArray)
  const { rows } = await connection.query<AnswerRow>({
    text: pageOfAnswers,
    values: [after, ...ranges, answersPageLimits.answers, answersPageLimits.bytes],
  })
  const last = rows.at(-1)
  const answers = rows.filter(([, moves]) => moves).map((row) => answerOf(row, logId))
  if (last === undefined) return { answers, through: after, isLast: true }
  return { answers, through: BigInt(last[0]), isLast: last[12] }
}

function answerOf(row: AnswerRow, logId: string): MovedAnswer {
  const [, , key, request, slot, origin, sequence, digest, note, currentTag, current, currentDigest] = row
  const held = current === null ? undefined : pointAt(current, currentDigest)
  return {
    ...{ key, request, slot, logId: origin ?? logId, note: note ?? undefined },
    entry: sequence === null ? undefined : pointAt(sequence, digest),
    currentTag: currentTag ?? (held && versionAt(logId, held).tag),
  }
}

/** The digest is null where the log lacks the entry, since somebody changed it. */
function pointAt(sequence: string, digest: Buffer | null) {
  return { sequence: BigInt(sequence), digest: digest ?? Buffer.alloc(0) }
}

/**
 * As `WriterStatements.keepAnswers`; migrations/014_moved_answers.sql says what the function does.
 * @param timeoutMs how long the answer may take before the connection counts as lost
 */
export async function keepAnswers(
  connection: Connection,
  timeoutMs: number,
  ...[writerId, session, answers, ringEntry]: Parameters<WriterStatements['keepAnswers']>
): ReturnType<WriterStatements['keepAnswers']> {
  const columns = [
    textArray(answers.map(({ key }) => key)),
    byteaArray(answers.map(({ request }) => request)),
    integerArray(answers.map(({ slot }) => slot)),
    textArray(answers.map(({ logId }) => logId)),
    bigintArray(answers.map(({ entry }) => entry?.sequence)),
    byteaArray(answers.map(({ entry }) => entry?.digest)),
    textArray(answers.map(({ currentTag }) => currentTag)),
    textArray(answers.map(({ note }) => note)),
  ]
  const { rows } = await connection.query<[Awaited<ReturnType<WriterStatements['keepAnswers']>>]>(
    {
      text: 'SELECT keep_answers($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
      values: [writerId, session, ringEntry, ...columns],
    },
    timeoutMs,
  )
  const [row] = rows
  if (row === undefined) throw new Error('keep_answers returned no row')
  return row[0]
}
