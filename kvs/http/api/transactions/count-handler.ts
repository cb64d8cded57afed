import { ConditionFailed } from '../../../core/errors.ts'
import { ConditionsFailed } from '../../../core/transaction.ts'
import type { AskedTransaction, Kv, TransactedEntry } from '../../../kv/index.ts'
import type { DropBody } from '../../exchange/index.ts'
import type { Dialect } from '../dialect.ts'
import { awaitDependency, awaitWhole, positionAfter } from '../freshness.ts'
import type { Handle } from '../route.ts'
import { answerAtOwner, type Routing } from '../routing.ts'
import { termsOf } from '../write-command.ts'
import { countIn } from './count-query.ts'

export interface CountHandlerOptions {
  readonly dialect: Dialect
  readonly counted: NonNullable<Dialect['counted']>
  readonly store: Pick<Kv, 'transact' | 'dependencyOn' | 'position'>
  readonly dropBody: DropBody
  /** Undefined where there is no ring. */
  readonly routing: Routing | undefined
}

/** Makes the handler that counts on a key's value: a transaction of one operation, which the query names. */
export function makeCountHandler({ dialect, counted, store, dropBody, routing }: CountHandlerOptions): Handle {
  return async (request) => {
    const key = dialect.keyOf(request)
    // The answer tells the value.
    request.caller?.require('read')
    const count = countIn(request.query, key)
    const { precondition, idempotencyKey, minPosition } = termsOf(request)
    const conditions = precondition === undefined ? [] : [{ key, precondition }]
    await awaitWhole(request, dropBody)
    return answerAtOwner(routing, request, [key], async () => {
      const after = await awaitDependency(request, store, minPosition)
      const entry = await transactOne(store, { conditions, operations: [count], idempotencyKey, after })
      request.telemetry.stored = { ...entry, replaced: false }
      return counted(entry, positionAfter(store, key, minPosition))
    })
  }
}

async function transactOne(store: Pick<Kv, 'transact'>, transaction: AskedTransaction): Promise<TransactedEntry> {
  try {
    const { entries } = await store.transact(transaction)
    return entries[0] as TransactedEntry
  } catch (error) {
    throw error instanceof ConditionsFailed ? new ConditionFailed(error.failed[0]?.tag) : error
  }
}
