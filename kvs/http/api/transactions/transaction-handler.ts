import { KvsError } from '../../../core/errors.ts'
import type { Position } from '../../../core/position.ts'
import { ConditionsFailed, OperationFailed, type Transaction } from '../../../core/transaction.ts'
import type { Kv, Transacted } from '../../../kv/index.ts'
import { jsonReply, noteWait, type ReceiveBody, type Reply, type Request } from '../../exchange/index.ts'
import { positionHeader } from '../error-headers.ts'
import { joinPositions, positionIn } from '../freshness.ts'
import type { Handle } from '../route.ts'
import { answerAtOwner, type Routing } from '../routing.ts'
import { type WriteTerms, writeTermsOf } from '../write-command.ts'
import { requireAccess } from './transaction-access.ts'
import { type AskedBody, transactionIn } from './transaction-body.ts'

/** The only path that transactions are posted to. */
export const transactionPath = '/v1/:'

export interface TransactionHandlerOptions {
  readonly store: Pick<Kv, 'transact' | 'dependencyOn' | 'position' | 'now'>
  /** Receives bodies of up to `maxTransactionBody`. */
  readonly receiveBody: ReceiveBody
  /** Largest size of one value, in bytes. */
  readonly maxValueBytes: number
  /** Undefined where there is no ring. */
  readonly routing?: Routing | undefined
}

/** Makes the handler of `POST /v1/:`, which does all of a transaction, or nothing. */
export function makeTransactionHandler(options: TransactionHandlerOptions): Handle {
  const { store, receiveBody, maxValueBytes, routing } = options

  async function transact(request: Request, body: AskedBody, terms: WriteTerms): Promise<Reply> {
    const { idempotencyKey, minPosition } = terms
    let after: Position | undefined
    if (minPosition !== undefined) {
      noteWait(request, 'position')
      after = await store.dependencyOn(positionIn(minPosition))
    }
    noteWait(request, 'log')
    const transaction = withDeadlines(body, store.now)
    try {
      const done = await store.transact({ ...transaction, asked: lifetimesOf(body), idempotencyKey, after })
      const { sequence = 0n, tag = '' } = done.entries.at(-1) ?? {}
      request.telemetry.stored = { sequence, tag, replaced: false }
      return jsonReply(
        200,
        resultOf(transaction, done),
        positionHeader(positionAfterAll(store, transaction.operations, minPosition)),
      )
    } catch (error) {
      if (error instanceof OperationFailed) throw inOperation(error.index, error)
      if (!(error instanceof ConditionsFailed)) throw error
      request.telemetry.code = error.code
      return jsonReply(412, failuresOf(error), positionHeader(positionAfterAll(store, error.failed, minPosition)))
    }
  }

  return (request) => {
    const terms = transactionTermsOf(request)
    noteWait(request, 'body')
    return receiveBody(request, (body) => {
      request.telemetry.bytes = body.length
      const transaction = transactionIn(body, maxValueBytes)
      requireAccess(request.caller, transaction)
      const keys = routing === undefined ? [] : keysOf(transaction)
      return answerAtOwner(routing, request, keys, () => transact(request, transaction, terms), body)
    })
  }
}

/**
 * How a transaction is to be done, by its request's headers.
 * @throws KvsError bad_request, unsupported_encoding
 */
export function transactionTermsOf(request: Request): WriteTerms {
  request.telemetry.key = ':'
  if (request.path !== transactionPath) {
    throw new KvsError('bad_request', `a transaction is posted to ${transactionPath}; nothing was stored`)
  }
  const terms = writeTermsOf(request)
  if (terms.precondition === undefined) return terms
  throw new KvsError('bad_request', 'a transaction has its conditions in its body, under "if"; nothing was stored')
}

/** Each key once. */
function keysOf({ conditions, operations }: Transaction): readonly string[] {
  return [...new Set([...conditions, ...operations].map(({ key }) => key))]
}

/** As `positionAfter`, for several keys, most of which have the same. */
function positionAfterAll(
  store: Pick<Kv, 'position'>,
  keys: readonly { readonly key: string }[],
  minPosition: string | undefined,
): string {
  const texts = new Set([
    ...keys.map(({ key }) => store.position(key)),
    ...(minPosition === undefined ? [] : [minPosition]),
  ])
  return joinPositions([...texts])
}

/** Lifetimes begin here, when the whole request is there and nothing is waited for any more. */
function withDeadlines({ conditions, operations, lifetimes }: AskedBody, now: Kv['now']): Transaction {
  if (lifetimes.every((lifetime) => lifetime === undefined)) return { conditions, operations }
  const began = now()
  const ending = operations.map((operation, index) => {
    const lifetime = lifetimes[index]
    return lifetime === undefined ? operation : { ...operation, deadline: at(index, () => lifetime.deadlineAt(began)) }
  })
  return { conditions, operations: ending }
}

/** Has an error say which operation it is about. */
function at<Result>(index: number, decode: () => Result): Result {
  try {
    return decode()
  } catch (error) {
    throw error instanceof KvsError ? inOperation(index, error) : error
  }
}

const inOperation = (index: number, { code, message }: KvsError) => new KvsError(code, `do[${index}]: ${message}`)

/** As `AskedTransaction.asked`. */
function lifetimesOf({ lifetimes }: AskedBody): string | undefined {
  const asked = lifetimes.flatMap((lifetime, index) => (lifetime === undefined ? [] : [`${index}:${lifetime.asked}`]))
  return asked.length > 0 ? asked.join(' ') : undefined
}

function resultOf({ operations }: Transaction, { position, entries }: Transacted): object {
  const results = operations.map(({ kind, key }, index) => {
    const { tag, value } = entries[index] ?? {}
    return { key, etag: kind === 'delete' ? null : `"${tag}"`, value }
  })
  return { position, results }
}

function failuresOf({ failed }: ConditionsFailed): object {
  return { failed: failed.map(({ index, key, tag }) => ({ index, key, etag: tag === undefined ? null : `"${tag}"` })) }
}
