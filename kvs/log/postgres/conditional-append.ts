import { type Version, versionAt } from '../../core/version.ts'
import type { Decided, Verdict } from '../index.ts'
import { bigintArray, booleanArray, byteaArray, textArray } from './binary-arrays.ts'
import { columns } from './columns.ts'

/**
 * migrations/004_conditional_writes.sql says what it does, and 005_append_only_head.sql has it. Only of earlier answers are the
 * digests looked up: of what lands it is the head's, and what a condition was decided on is in the node's view.
 */
export const appendConditional = {
  name: 'append_conditional',
  text: `SELECT outcome, sequence, current, head, head_digest,
      CASE outcome WHEN 'answered' THEN digest_at(sequence) END, CASE outcome WHEN 'answered' THEN digest_at(current) END
    FROM append_conditional($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
}

export type VerdictRow = [
  outcome: Verdict['outcome'],
  sequence: string | null,
  current: string | null,
  head: string,
  headDigest: Buffer,
  answeredDigest: Buffer | null,
  answeredCurrentDigest: Buffer | null,
]

/** The parameters after writer, session, numbers and `seen`. */
export function decidedColumns(decided: readonly Decided[]): unknown[] {
  return [
    ...columns(decided.map(({ write }) => write)),
    booleanArray(decided.map(({ lands }) => lands)),
    bigintArray(decided.map(({ current }) => current?.sequence)),
    textArray(decided.map(({ idempotency }) => idempotency?.key)),
    byteaArray(decided.map(({ idempotency }) => idempotency?.request)),
  ]
}

/** @param decided what the row is the verdict on */
export function toVerdict(row: VerdictRow, decided: Decided | undefined, logId: string): Verdict {
  const [outcome, sequence, current, , headDigest, digest, currentDigest] = row
  if (outcome !== 'answered') {
    return { outcome, version: versionIn(logId, sequence, headDigest), current: decided?.current }
  }
  return {
    outcome,
    version: versionIn(logId, sequence, digest),
    current: versionIn(logId, current, currentDigest),
  }
}

/** @param digest null where the log lacks the entry: it has been tampered with, and its answer holds all the same */
function versionIn(logId: string, sequence: string | null, digest: Buffer | null): Version | undefined {
  if (sequence === null) return undefined
  return versionAt(logId, { sequence: BigInt(sequence), digest: digest ?? Buffer.alloc(0) })
}
