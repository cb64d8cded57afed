import { errors } from './described-errors.ts'
import type { Answer, Description } from './operation-description.ts'
import type { Part } from './part.ts'

const ofCollection = ['Prefix', 'MinPosition']
const ofList = [...ofCollection, 'Consistent', 'Limit', 'After', 'Delimiter', 'Values', 'Count']

const list: Part = {
  'application/json': {
    schema: {
      oneOf: [
        { type: 'array', items: { type: 'string' }, description: 'Keys, or names of subtrees, in byte order.' },
        { type: 'array', items: { $ref: '#/components/schemas/ListedValue' } },
        { type: 'object', required: ['count'], properties: { count: { type: 'integer' } } },
      ],
    },
  },
  'application/x-ndjson': { schema: { type: 'string', description: 'The same, one item a line.' } },
}

function listed(content?: Part): Answer {
  const headers = ['KVS-Position', 'KVS-Ring-Slots', 'Link', 'Vary']
  return { description: 'What the list shows, as at one moment.', headers, ...(content && { content }) }
}

/** Of /v1/{prefix}:, by method. */
export const collectionOperations: Readonly<Record<string, Description>> = {
  GET: {
    id: 'listKeys',
    summary: 'The keys that begin with a prefix, or their values, or how many they are',
    parameters: ofList,
    answers: { 200: listed(list) },
    errors: errors.ofCollections,
  },
  HEAD: {
    id: 'headKeys',
    summary: 'The headers of a list',
    parameters: ofList,
    answers: { 200: listed() },
    errors: errors.ofCollections,
  },
  DELETE: {
    id: 'clearKeys',
    summary: 'Deletes the keys that begin with a prefix',
    parameters: ofCollection,
    answers: {
      200: {
        description: 'Committed in the log.',
        headers: ['KVS-Deleted', 'KVS-Position', 'KVS-Copies', 'KVS-Ring-Slots'],
      },
      202: {
        description:
          'Some of the deletes are on the node’s disk alone: the log is down, and gets them later by itself. Or, where ' +
          '`KVS-Copies` is 1 or more, fewer logs of the group than `KVS_MIN_COPIES` have all of them.',
        headers: ['KVS-Deleted', 'KVS-Position', 'KVS-Durability', 'KVS-Copies', 'KVS-Ring-Slots'],
      },
    },
    errors: [...errors.ofCollections, ...errors.ofClears],
  },
}

/** The same of /v1/:, where the prefix is empty. */
export const allOperations: Readonly<Record<string, Description>> = Object.fromEntries(
  Object.entries(collectionOperations).map(([method, { id, summary, parameters = [], ...rest }]) => [
    method,
    {
      ...rest,
      id: `${id}OfAll`,
      summary: summary.replace(' that begin with a prefix', ''),
      parameters: parameters.filter((name) => name !== 'Prefix'),
    },
  ]),
)
