import type { Client } from './client.ts'
import { KvsError } from './errors.ts'
import type { OnceOptions } from './options.ts'
import { keyPath } from './path.ts'
import type { Send } from './sender.ts'
import { committedIn, integerText, transactionBody } from './transactions.ts'
import { textOf } from './values.ts'

/** The part of a client whose calls happen once, however often they are sent. */
export function makeTransactionCalls(send: Send): Pick<Client, 'transact' | 'add' | 'min' | 'max'> {
  async function count(kind: 'add' | 'min' | 'max', key: string, by: number | bigint, options: OnceOptions = {}) {
    const path = `${keyPath(key)}?${kind}=${integerText(by)}`
    const answer = await send({ method: 'POST', path, headers: onceHeaders(options), isRepeatable: true, options })
    const text = textOf(answer.body).trim()
    if (/^-?\d+$/.test(text)) return BigInt(text)
    throw new KvsError('bad_answer', `${kind} is to be answered with a number`, { status: answer.status })
  }

  return {
    async transact(transaction, options = {}) {
      const headers = { ...onceHeaders(options), 'Content-Type': 'application/json' }
      const body = transactionBody(transaction)
      return committedIn(await send({ method: 'POST', path: 'v1/:', headers, body, isRepeatable: true, options }))
    },
    add: (key, by = 1, options) => count('add', key, by, options),
    min: (key, by, options) => count('min', key, by, options),
    max: (key, by, options) => count('max', key, by, options),
  }
}

function onceHeaders({ idempotencyKey = crypto.randomUUID() }: OnceOptions): Readonly<Record<string, string>> {
  return { 'Idempotency-Key': idempotencyKey }
}
