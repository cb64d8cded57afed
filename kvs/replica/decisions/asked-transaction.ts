import { type Count, countedFrom } from '../../core/counter.ts'
import { KvsError } from '../../core/errors.ts'
import type { Write } from '../../core/operation/operation.ts'
import { formatPosition, mergePositions, nowhere, positionAt } from '../../core/position.ts'
import { holds } from '../../core/precondition.ts'
import {
  ConditionsFailed,
  type FailedCondition,
  isCount,
  OperationFailed,
  type Transaction,
  weightOf,
  weightOfCondition,
} from '../../core/transaction.ts'
import { versionAt } from '../../core/version.ts'
import type { AskedTransaction, Transacted } from '../../kv/index.ts'
import type { Asked, KeyValue, RoundState } from './asked.ts'
import { hashOfTransaction } from './request-hash.ts'
import { noteOf, type Outcome, outcomeIn } from './transaction-note.ts'

/** All of a transaction, or nothing of it. */
export function askedTransaction(transaction: AskedTransaction): Asked<Transacted> {
  const { conditions, operations, idempotencyKey, after } = transaction
  /** As last decided. */
  let decided: Outcome = { values: [], refusal: undefined }

  return {
    weight: sumOf(operations, weightOf) + sumOf(conditions, weightOfCondition),
    size: operations.length,
    versionsOf: conditions.map(({ key }) => key),
    keys: () => keysOf(transaction),
    idempotencyKey,
    hash: () => hashOfTransaction(transaction),
    decide(state) {
      const { writes: asDecided, ...outcome } = decide(transaction, state)
      decided = outcome
      const writes = after === undefined ? asDecided : asDecided.map((write) => ({ ...write, after }))
      return { writes, current: undefined, note: idempotencyKey === undefined ? undefined : noteOf(outcome) }
    },
    answer({ outcome, entry, origin, note }, ownLog) {
      if (outcome === 'reused') throw new KvsError('idempotency_key_reused')
      const { values, refusal } = outcome === 'answered' ? outcomeIn(note, transaction) : decided
      if (refusal !== undefined) throw refusal
      if (entry === undefined) throw new Error('a transaction that was done has no entry')
      const logId = origin ?? ownLog
      const entries = operations.map((_, index) => {
        const version = versionAt(logId, { ...entry, sequence: entry.sequence + BigInt(index) })
        return { ...version, value: values[index] }
      })
      const last = entry.sequence + BigInt(operations.length - 1)
      return { position: formatPosition(mergePositions(positionAt(logId, last), after ?? nowhere)), entries }
    },
  }
}

/** Keys of its conditions and operations. */
export function keysOf({ conditions, operations }: Transaction): readonly string[] {
  return [...conditions, ...operations].map(({ key }) => key)
}

const sumOf = <Item>(items: readonly Item[], of: (item: Item) => number) =>
  items.reduce((sum, item) => sum + of(item), 0)

/** Conditions are held against the state before the transaction; each operation sees those before it. */
function decide(transaction: Transaction, state: RoundState): Outcome & { readonly writes: readonly Write[] } {
  const failed = failedConditions(transaction, state)
  if (failed.length > 0) return { writes: [], values: [], refusal: new ConditionsFailed(failed) }
  const own = new Map<string, Write>()
  const writes: Write[] = []
  const values: (string | undefined)[] = []
  for (const [index, operation] of transaction.operations.entries()) {
    if (isCount(operation)) {
      const result = count(operation, valueBefore(operation.key, own, state))
      if (result instanceof KvsError) return { writes: [], values: [], refusal: new OperationFailed(index, result) }
      values.push(result.value.toString())
      writes.push({ kind: 'put', key: operation.key, ...result })
    } else {
      values.push(undefined)
      writes.push(operation)
    }
    own.set(operation.key, writes[index] as Write)
  }
  return { writes, values, refusal: undefined }
}

function failedConditions({ conditions }: Transaction, state: RoundState): FailedCondition[] {
  return conditions.flatMap(({ key, precondition }, index) => {
    const current = state.versionOf(key)
    return holds(precondition, current) ? [] : [{ index, key, tag: current?.tag }]
  })
}

/** @param own what the transaction itself has written so far */
function valueBefore(key: string, own: ReadonlyMap<string, Write>, state: RoundState): KeyValue | undefined {
  const write = own.get(key)
  return write === undefined ? state.valueOf(key) : state.valueAfter(write)
}

/** The new number, as the value of a key that stays what it was in all else; or why there is none. */
function count(operation: Count, before: KeyValue | undefined): KeyValue | KvsError {
  try {
    const value = Buffer.from(String(countedFrom(before?.value, operation)))
    return { value, contentType: before?.contentType, deadline: before?.deadline }
  } catch (error) {
    if (error instanceof KvsError) return error
    throw error
  }
}
