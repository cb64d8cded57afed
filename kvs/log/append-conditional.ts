import { bigintArray, booleanArray, byteaArray, textArray } from './arrays.ts'
import { columns } from './columns.ts'
import type { Decided, Verdict } from './log.ts'

/** migrations/004_conditional_writes.sql says what it does, and 005_append_only_head.sql has it. */
export const appendConditional = {
  name: 'append_conditional',
  text: `SELECT outcome, sequence, current, head, head_digest
    FROM append_conditional($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
}

export type VerdictRow = [
  outcome: Verdict['outcome'],
  sequence: string | null,
  current: string | null,
  head: string,
  headDigest: Buffer,
]

/** The parameters after writer, session, numbers and `seen`. */
export function decidedColumns(decided: readonly Decided[]): unknown[] {
  return [
    ...columns(decided.map(({ write }) => write)),
    booleanArray(decided.map(({ lands }) => lands)),
    bigintArray(decided.map(({ current }) => current)),
    textArray(decided.map(({ idempotency }) => idempotency?.key)),
    byteaArray(decided.map(({ idempotency }) => idempotency?.request)),
  ]
}

export function toVerdict([outcome, sequence, current]: VerdictRow): Verdict {
  return { outcome, sequence: toSequence(sequence), current: toSequence(current) }
}

function toSequence(text: string | null): bigint | undefined {
  return text === null ? undefined : BigInt(text)
}
