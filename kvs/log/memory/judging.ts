import type { LogPoint } from '../../core/entry.ts'
import { hasPassed } from '../../core/version.ts'
import type { Decided, Idempotency, Judgement } from '../index.ts'
import { entryAt, keysAfter, type Tables } from './tables.ts'

/** How many answers are kept; older ones are forgotten. */
const mostAnswers = 100_000

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
  const { sequence, current, note } = answer
  const currentEarlier = current === undefined ? undefined : entryAt(tables, current)?.earlier
  return {
    ...{ outcome: 'answered', entry: pointAt(tables, sequence), note },
    ...{ current: pointAt(tables, current), currentEarlier },
  }
}

function judgement(outcome: Judgement['outcome']): Judgement {
  return { outcome, entry: undefined, current: undefined, note: undefined }
}

function pointAt(tables: Tables, sequence: bigint | undefined): LogPoint | undefined {
  if (sequence === undefined) return undefined
  return { sequence, digest: entryAt(tables, sequence)?.digest ?? Buffer.alloc(0) }
}

/** Keeps what was answered under idempotency keys. What was overtaken was not answered: it is decided anew. */
export function keepAnswers({ answers }: Tables, decided: readonly Decided[], judgements: readonly Judgement[]): void {
  for (const [index, { idempotency, current }] of decided.entries()) {
    const { outcome, entry } = judgements[index] ?? judgement('refused')
    if (idempotency === undefined || (outcome !== 'landed' && outcome !== 'refused')) continue
    const { key, note } = idempotency
    const request = Buffer.from(idempotency.request)
    answers.set(key, { request, note, sequence: entry?.sequence, current: current?.sequence })
    const [oldest] = answers.keys()
    if (answers.size > mostAnswers && oldest !== undefined) answers.delete(oldest)
  }
}
