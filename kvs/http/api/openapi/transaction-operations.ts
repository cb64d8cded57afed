import { errors } from './described-errors.ts'
import { type Description, tooFewCopies } from './operation-description.ts'
import type { Part } from './part.ts'

const json = (schema: string): Part => ({ 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } })

/** POST of /v1/: */
export const transaction: Description = {
  id: 'transact',
  summary: 'Does all of a transaction, or nothing',
  parameters: ['MinPosition', 'IdempotencyKey'],
  body: { required: true, content: json('Transaction') },
  answers: {
    200: { description: 'Committed in the log.', headers: ['KVS-Position', 'KVS-Copies'], content: json('Committed') },
    202: { ...tooFewCopies, content: json('Committed') },
    412: { description: 'Nothing is done.', headers: ['KVS-Position'], content: json('ConditionsFailed') },
  },
  errors: [...errors.ofTransactions, 'transaction_too_large', 'several_owners'],
}

const number: Part = { 'text/plain': { schema: { type: 'string', pattern: '^-?[0-9]+$' } } }

/** POST of /v1/{key} */
export const count: Description = {
  id: 'count',
  summary: 'Counts on a number: adds to it, lowers or raises it. Takes exactly one of add, min and max',
  parameters: ['Key', 'MinPosition', 'IdempotencyKey', 'Add', 'Min', 'Max'],
  answers: {
    200: {
      description: 'The new number.',
      headers: ['KVS-Position', 'ETag', 'KVS-Copies'],
      content: number,
    },
    202: { ...tooFewCopies, content: number },
  },
  errors: errors.ofTransactions,
}
