import { KvsError } from './errors.ts'
import type { Answer } from './exchange.ts'
import { jsonIn } from './lists.ts'
import { bytesOf, copiesIn, type Lifetime, lifetimeIn, toBase64 } from './values.ts'

/** A condition on a key as it is before the transaction. */
export interface Condition {
  readonly key: string
  /** The value's ETag with its quotes; `*` for any value; null where the key is to have none. */
  readonly etag: string | null
}

export interface PutOperation extends Lifetime {
  /** The key. */
  readonly put: string
  readonly value: string | Uint8Array
  readonly contentType?: string | undefined
}

export interface DeleteOperation {
  /** The key. */
  readonly delete: string
}

/** Each key is that of a counter; `by` is an integer from -2^63 through 2^63 - 1. */
export type CountOperation =
  | { readonly add: string; readonly by: number | bigint }
  | { readonly min: string; readonly by: number | bigint }
  | { readonly max: string; readonly by: number | bigint }

export type Operation = PutOperation | DeleteOperation | CountOperation

export interface Transaction {
  /** Nothing is done unless all of these hold. */
  readonly if?: readonly Condition[] | undefined
  /** Done in order, all or nothing. */
  readonly do: readonly Operation[]
}

export interface OperationResult {
  readonly key: string
  /** ETag of the key's new value, with its quotes; undefined where the operation deleted it. */
  readonly etag: string | undefined
  /** Of a counter: its new value. */
  readonly value: bigint | undefined
}

export interface Committed {
  readonly position: string
  /** One for each operation, in order. */
  readonly results: readonly OperationResult[]
  /** As in `Written`. */
  readonly copies: number | undefined
}

/** Body of a transaction's request. @throws TypeError */
export function transactionBody({ if: conditions = [], do: operations }: Transaction): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ if: conditions, do: operations.map(wireOperation) }))
}

function wireOperation(operation: Operation): object {
  if ('put' in operation) {
    const { put, value, contentType } = operation
    const content = typeof value === 'string' ? { value } : { base64: toBase64(bytesOf(value)) }
    return { put, ...content, contentType, ...lifetimeIn(operation) }
  }
  if ('delete' in operation) return { delete: operation.delete }
  return { ...operation, by: integerText(operation.by) }
}

/**
 * A number as text: JSON's readers may round it.
 * @throws TypeError
 */
export function integerText(by: number | bigint): string {
  if (typeof by === 'bigint' || Number.isSafeInteger(by)) return String(by)
  throw new TypeError(`by is to be an integer, as a bigint where it is beyond 2^53, and is ${by}`)
}

export function committedIn(answer: Answer): Committed {
  const parsed = jsonIn(answer) as Partial<{ position: string; results: WireResult[] }> | null
  if (typeof parsed?.position === 'string' && Array.isArray(parsed.results)) {
    return { position: parsed.position, results: parsed.results.map(resultOf), copies: copiesIn(answer.headers) }
  }
  throw new KvsError('bad_answer', 'a transaction is to be answered with position and results', {
    status: answer.status,
  })
}

interface WireResult {
  readonly key: string
  readonly etag?: string | null
  readonly value?: string | number
}

function resultOf({ key, etag, value }: WireResult): OperationResult {
  return { key, etag: etag ?? undefined, value: value === undefined ? undefined : BigInt(value) }
}
