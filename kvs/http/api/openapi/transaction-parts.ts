import { transactionLimits } from '../../../core/limits.ts'
import type { Part } from './part.ts'

const text = { type: 'string' }
/** Numbers that JSON's readers may round go as text. */
const integer = { type: ['integer', 'string'], pattern: '^-?[0-9]+$', description: 'From -2^63 through 2^63 - 1.' }

const counting = ['add', 'min', 'max'].map((name) => ({
  type: 'object',
  required: [name, 'by'],
  properties: { [name]: { ...text, description: 'The key of a number.' }, by: integer },
  additionalProperties: false,
}))

const put = {
  type: 'object',
  required: ['put'],
  properties: {
    put: { ...text, description: 'The key.' },
    value: { ...text, description: 'The value as text; this or base64.' },
    base64: { ...text, contentEncoding: 'base64', description: 'The value as bytes.' },
    contentType: text,
    ttl: { ...text, pattern: '^[0-9]+(ms|s|m|h)$', description: 'How long the key lives; this or expires.' },
    expires: { ...text, description: 'When the key ends, as in KVS-Expires.' },
  },
  additionalProperties: false,
}

const remove = {
  type: 'object',
  required: ['delete'],
  properties: { delete: { ...text, description: 'The key.' } },
  additionalProperties: false,
}

/** Schemas of transactions, by name. */
export const transactionSchemas: Part = {
  Transaction: {
    type: 'object',
    required: ['do'],
    properties: {
      if: {
        description: 'What is to hold of the keys before; all of it.',
        type: 'array',
        maxItems: transactionLimits.conditions,
        items: {
          type: 'object',
          required: ['key', 'etag'],
          properties: {
            key: text,
            etag: { type: ['string', 'null'], description: 'With its quotes; * for any value, null for none.' },
          },
          additionalProperties: false,
        },
      },
      do: {
        description: `Done in order. All values together have at most ${transactionLimits.bytes} bytes.`,
        type: 'array',
        minItems: 1,
        maxItems: transactionLimits.operations,
        items: { oneOf: [put, remove, ...counting] },
      },
    },
    additionalProperties: false,
  },
  Committed: {
    type: 'object',
    required: ['position', 'results'],
    properties: {
      position: text,
      results: {
        description: 'One for each operation, in order.',
        type: 'array',
        items: {
          type: 'object',
          required: ['key', 'etag'],
          properties: {
            key: text,
            etag: { type: ['string', 'null'], description: 'With its quotes; null where the key was deleted.' },
            value: { ...text, description: 'Of add, min and max: the new number.' },
          },
        },
      },
    },
  },
  ConditionsFailed: {
    type: 'object',
    required: ['failed'],
    properties: {
      failed: {
        type: 'array',
        items: {
          type: 'object',
          required: ['index', 'key', 'etag'],
          properties: {
            index: { type: 'integer', description: 'Place in `if`.' },
            key: text,
            etag: { type: ['string', 'null'], description: 'Of the value as it is; null where it has none.' },
          },
        },
      },
    },
  },
}
