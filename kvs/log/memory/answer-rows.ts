import type { LogPoint } from '../../core/entry.ts'
import { answersPageLimits, type MovedAnswer, type MovedAnswersPage } from '../../core/moved-answer.ts'
import { hasSlot, type SlotRanges } from '../../core/ring/slot-ranges.ts'
import { versionAt } from '../../core/version.ts'
import type { Judgement, WriterStatements } from '../index.ts'
import { type AnswerRow, entryAt, type Tables } from './tables.ts'

/** How many answers are kept; older ones are forgotten. */
const mostAnswers = 100_000

/** Keeps an answer under an idempotency key that has none. */
export function addAnswer(tables: Tables, key: string, row: Omit<AnswerRow, 'number'>): void {
  const { answers } = tables
  answers.set(key, { ...row, number: ++tables.lastAnswer })
  const [oldest] = answers.keys()
  if (answers.size > mostAnswers && oldest !== undefined) answers.delete(oldest)
}

/** What was answered before, as a judgement has it. */
export function pointsOf(
  tables: Tables,
  { sequence, current, moved }: AnswerRow,
): Pick<Judgement, 'entry' | 'origin' | 'current' | 'currentTag'> {
  if (moved !== undefined) {
    return { entry: moved.entry, origin: moved.logId, current: undefined, currentTag: moved.currentTag }
  }
  const currentTag = current === undefined ? undefined : entryAt(tables, current)?.earlier?.tag
  return { entry: pointAt(tables, sequence), origin: undefined, current: pointAt(tables, current), currentTag }
}

function pointAt(tables: Tables, sequence: bigint | undefined): LogPoint | undefined {
  if (sequence === undefined) return undefined
  return { sequence, digest: entryAt(tables, sequence)?.digest ?? Buffer.alloc(0) }
}

/** As `EntryReader.readAnswers`. */
export function readAnswers(tables: Tables, slots: SlotRanges, after: bigint): MovedAnswersPage {
  const answers: MovedAnswer[] = []
  let [through, looked, bytes] = [after, 0, 0]
  let isLast = true
  for (const [key, row] of tables.answers) {
    if (row.number <= after) continue
    isLast = looked < answersPageLimits.answers && bytes < answersPageLimits.bytes
    if (!isLast) break
    looked++
    through = row.number
    if (!hasSlot(slots, row.slot)) continue
    answers.push(movedAnswer(tables, key, row))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(row.note ?? '')
  }
  return { answers, through, isLast: isLast && looked < answersPageLimits.answers }
}

function movedAnswer(tables: Tables, key: string, row: AnswerRow): MovedAnswer {
  const { entry, origin, current, currentTag } = pointsOf(tables, row)
  const { request, slot, note } = row
  const tag = currentTag ?? (current && versionAt(tables.logId, current).tag)
  return { key, request, slot, logId: origin ?? tables.logId, entry, currentTag: tag, note }
}

/** As `WriterStatements.keepAnswers`. */
export function keepMovedAnswers(
  tables: Tables,
  writerId: string,
  session: string,
  moved: readonly MovedAnswer[],
  ringEntry: bigint,
): Awaited<ReturnType<WriterStatements['keepAnswers']>> {
  if (tables.writers.get(writerId)?.session !== session) return 'fenced'
  if (tables.ringSequence !== ringEntry) return 'overtaken'
  for (const { key, request, slot, note, logId, entry, currentTag } of moved) {
    if (tables.answers.has(key)) continue
    const row = { request: Buffer.from(request), slot, note, sequence: undefined, current: undefined }
    addAnswer(tables, key, { ...row, moved: { logId, entry, currentTag } })
  }
  return 'kept'
}
