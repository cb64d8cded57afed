import type { Decided } from '../index.ts'
import { batchColumns } from './batch-columns.ts'
import { bigintArray, byteaArray, integerArray, textArray, timestampArray } from './binary-arrays.ts'

/**
 * The parameters of `append_conditional` after writer, session, numbers and `seen`. Places count from 1, as Postgres
 * does.
 */
export function decidedColumns(decided: readonly Decided[]): unknown[] {
  const reads = pairsOf(decided, ({ reads }) => reads)
  const builtOn = pairsOf(decided, ({ builtOn }) => builtOn)
  return [
    ...batchColumns(decided.flatMap(({ writes }) => writes)),
    integerArray(decided.map(({ writes }) => writes.length)),
    integerArray(reads.map(({ place }) => place)),
    textArray(reads.map(({ item }) => item)),
    timesOf(decided),
    integerArray(builtOn.map(({ place }) => place)),
    integerArray(builtOn.map(({ item }) => item + 1)),
    bigintArray(decided.map(({ current }) => current?.sequence)),
    textArray(decided.map(({ idempotency }) => idempotency?.key)),
    byteaArray(decided.map(({ idempotency }) => idempotency?.request)),
    textArray(decided.map(({ idempotency }) => idempotency?.note)),
  ]
}

/** Null where none of them ends at a time. */
function timesOf(decided: readonly Decided[]): Buffer | null {
  const hasSome = decided.some(({ holdsUntil }) => holdsUntil !== undefined)
  return hasSome ? timestampArray(decided.map(({ holdsUntil }) => holdsUntil)) : null
}

/** Each item of each decision, with the place of that. */
function pairsOf<Item>(decided: readonly Decided[], itemsOf: (decided: Decided) => readonly Item[]) {
  return decided.flatMap((one, index) => itemsOf(one).map((item) => ({ place: index + 1, item })))
}
