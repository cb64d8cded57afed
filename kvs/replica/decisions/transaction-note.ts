import { type ErrorCode, KvsError } from '../../core/errors.ts'
import { ConditionsFailed, OperationFailed, type Transaction } from '../../core/transaction.ts'

/** What became of a transaction, beside its entries. */
export interface Outcome {
  /** The number that each operation has counted to, in decimal digits; undefined for a write. */
  readonly values: readonly (string | undefined)[]
  /** Why nothing was done; undefined where it was. */
  readonly refusal: ConditionsFailed | OperationFailed | undefined
}

/** The outcome as the log keeps it with the answer to an idempotency key. Old notes are read for ever. */
type Note =
  | { readonly values: readonly (string | null)[] }
  /** Place and tag of each condition that did not hold. */
  | { readonly failed: readonly (readonly [index: number, tag: string | null])[] }
  | { readonly code: ErrorCode; readonly index: number; readonly message: string }

export function noteOf({ values, refusal }: Outcome): string {
  return JSON.stringify(contentOf(values, refusal) satisfies Note)
}

function contentOf(values: Outcome['values'], refusal: Outcome['refusal']): Note {
  if (refusal === undefined) return { values: values.map((value) => value ?? null) }
  if (refusal instanceof ConditionsFailed)
    return { failed: refusal.failed.map(({ index, tag }) => [index, tag ?? null]) }
  const { code, index, message } = refusal
  return { code, index, message }
}

/** @param transaction the one that was answered so, which is the same request again */
export function outcomeIn(text: string | undefined, { conditions }: Transaction): Outcome {
  const note: Note = JSON.parse(text ?? '{"values":[]}')
  if ('values' in note) return { values: note.values.map((value) => value ?? undefined), refusal: undefined }
  if ('code' in note)
    return { values: [], refusal: new OperationFailed(note.index, new KvsError(note.code, note.message)) }
  const failed = note.failed.map(([index, tag]) => ({
    index,
    key: conditions[index]?.key ?? '',
    tag: tag ?? undefined,
  }))
  return { values: [], refusal: new ConditionsFailed(failed) }
}
