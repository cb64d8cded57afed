import type { LogPoint } from '../../core/entry.ts'
import type { Decided, Judgement } from '../index.ts'
import { entryAt, keysAfter, type Tables } from './tables.ts'

/** How many answers are kept; older ones are forgotten. */
const mostAnswers = 100_000

/** Judges each write against the answers given before and the entries after `seen`. A landed one has no entry yet. */
export function judgeAll(tables: Tables, decided: readonly Decided[], seen: bigint): Judgement[] {
  const overtaken = keysAfter(tables, seen)
  return decided.map(({ write, lands, idempotency }): Judgement => {
    const answer = idempotency && tables.answers.get(idempotency.key)
    if (answer && idempotency) {
      if (!answer.request.equals(idempotency.request)) return judgement('reused')
      const { sequence, current } = answer
      return { outcome: 'answered', entry: pointAt(tables, sequence), current: pointAt(tables, current) }
    }
    if (overtaken.has(write.key.toWellFormed())) return judgement('overtaken')
    return judgement(lands ? 'landed' : 'refused')
  })
}

function judgement(outcome: Judgement['outcome']): Judgement {
  return { outcome, entry: undefined, current: undefined }
}

function pointAt(tables: Tables, sequence: bigint | undefined): LogPoint | undefined {
  if (sequence === undefined) return undefined
  return { sequence, digest: entryAt(tables, sequence)?.digest ?? Buffer.alloc(0) }
}

/** Keeps what was answered under idempotency keys. A write that was overtaken was not answered: it is decided anew. */
export function keepAnswers({ answers }: Tables, decided: readonly Decided[], judgements: readonly Judgement[]): void {
  for (const [index, { idempotency, current }] of decided.entries()) {
    const { outcome, entry } = judgements[index] ?? judgement('refused')
    if (idempotency === undefined || (outcome !== 'landed' && outcome !== 'refused')) continue
    const request = Buffer.from(idempotency.request)
    answers.set(idempotency.key, { request, sequence: entry?.sequence, current: current?.sequence })
    const [oldest] = answers.keys()
    if (answers.size > mostAnswers && oldest !== undefined) answers.delete(oldest)
  }
}
