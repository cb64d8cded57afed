import { hasPassed } from '../../core/version.ts'
import { type Decided, type Idempotency, type Judgement, slotOfAnswer } from '../index.ts'
import { addAnswer, pointsOf } from './answer-rows.ts'
import { keysAfter, type Tables } from './tables.ts'

/**
 * Judges each decision against the answers given before, the entries after `seen`, the time of the batch, and what
 * became of those that it builds on. A landed one has no entry yet.
 */
export function judgeAll(tables: Tables, decided: readonly Decided[], seen: bigint, recordedAt: number): Judgement[] {
  const overtaken = keysAfter(tables, seen)
  const judgements: Judgement[] = []
  for (const { writes, reads, builtOn, holdsUntil, idempotency } of decided) {
    const isOvertaken =
      hasPassed(holdsUntil, recordedAt) ||
      reads.some((key) => overtaken.has(key.toWellFormed())) ||
      builtOn.some((place) => judgements[place]?.outcome !== 'landed')
    judgements.push(
      answered(tables, idempotency) ?? judgement(isOvertaken ? 'overtaken' : writes.length > 0 ? 'landed' : 'refused'),
    )
  }
  return judgements
}

/** Undefined where nothing was answered under the key. */
function answered(tables: Tables, idempotency: Idempotency | undefined): Judgement | undefined {
  const answer = idempotency && tables.answers.get(idempotency.key)
  if (answer === undefined || idempotency === undefined) return undefined
  if (!answer.request.equals(idempotency.request)) return judgement('reused')
  return { outcome: 'answered', ...pointsOf(tables, answer), note: answer.note }
}

function judgement(outcome: Judgement['outcome']): Judgement {
  return { outcome, entry: undefined, current: undefined, note: undefined }
}

/** Keeps what was answered under idempotency keys. What was overtaken was not answered: it is decided anew. */
export function keepAnswers(tables: Tables, decided: readonly Decided[], judgements: readonly Judgement[]): void {
  for (const [index, one] of decided.entries()) {
    const { idempotency, current } = one
    const { outcome, entry } = judgements[index] ?? judgement('refused')
    if (idempotency === undefined || (outcome !== 'landed' && outcome !== 'refused')) continue
    const { key, note } = idempotency
    const request = Buffer.from(idempotency.request)
    const slot = slotOfAnswer(one) ?? 0
    addAnswer(tables, key, { request, slot, note, sequence: entry?.sequence, current: current?.sequence })
  }
}
