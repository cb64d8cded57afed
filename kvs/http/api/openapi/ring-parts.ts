import { maxKeyBytes } from '../../../core/limits.ts'
import { routedPrefix, slotCount } from '../../../core/ring/key-slot.ts'
import { address, lostMembers, removalForm, removalRequest } from './lost-member-parts.ts'
import type { Part } from './part.ts'

const text = { type: 'string' }
const position = { type: 'integer', minimum: 0, maximum: slotCount - 1 }
const key = {
  ...text,
  description: `A text of 1 to ${maxKeyBytes - routedPrefix.length} bytes of UTF-8.`,
}
/** In milliseconds since 1970. */
const moment = { type: ['integer', 'null'], minimum: 0 }
const positions = {
  description: 'Addresses of members by their positions, which are numbers in decimal digits.',
  type: 'object',
  additionalProperties: address,
} as const

const ringId = { ...text, pattern: '^[0-9a-f]{1,64}$' }
const slots = { ...text, examples: ['0-2999,8001-9999'] }
const answerNumber = { ...text, pattern: '^\\d{1,18}$' }
const logPosition = { ...text, examples: ['c18e0369c0ffee01=42'] }

/** What a member asks for of some slots. @param after where it goes on */
function askedPart(after: Part) {
  return {
    type: 'object',
    required: ['id', 'version', 'slots', 'after'],
    additionalProperties: false,
    properties: {
      id: ringId,
      version: { type: 'integer', minimum: 1, description: 'The version by which the slots change hands.' },
      slots,
      after,
    },
  }
}

/** Parameters of the ring's paths, by the name that a reference to them has. */
export const ringParameters = {
  RoutedKey: { name: 'key', in: 'query', required: true, description: key.description, schema: { ...text } },
  RingPosition: {
    name: 'position',
    in: 'path',
    required: true,
    description: 'A position in the ring.',
    schema: position,
  },
  RingAddress: {
    name: 'address',
    in: 'path',
    required: true,
    description: 'The address of a member: `IP:PORT`.',
    schema: address,
  },
} as const

export const ringSchemas = {
  Positions: positions,
  Ring: {
    type: 'object',
    required: ['id', 'version', 'home', 'positions', 'next', 'standbys'],
    properties: {
      id: ringId,
      version: { type: 'integer', minimum: 1 },
      home: address,
      positions: { $ref: '#/components/schemas/Positions' },
      next: {
        description: 'What a change leads to that is under way; null for none.',
        oneOf: [{ $ref: '#/components/schemas/Positions' }, { type: 'null' }],
      },
      standbys: { type: 'array', items: address },
      lost: lostMembers,
    },
  },
  RingState: {
    type: 'object',
    required: ['ring', 'self', 'owns', 'position'],
    properties: {
      ring: {
        description: 'Null where the node is in none.',
        oneOf: [{ $ref: '#/components/schemas/Ring' }, { type: 'null' }],
      },
      self: address,
      owns: { ...slots, description: 'The slots whose keys its log takes.' },
      position: {
        ...logPosition,
        description:
          'How far the node has applied its log; empty before it knows the log. After a give, a position with all that ' +
          'was written to what it has given up.',
      },
    },
  },
  GiveRequest: {
    type: 'object',
    required: ['ring', 'check'],
    additionalProperties: false,
    properties: { ring: { $ref: '#/components/schemas/Ring' }, check: { type: 'boolean' } },
  },
  TakeRequest: {
    type: 'object',
    required: ['ring', 'gives'],
    additionalProperties: false,
    properties: {
      ring: { $ref: '#/components/schemas/Ring' },
      gives: {
        description: 'What each member has answered that gives, by its address; null before they have.',
        oneOf: [{ type: 'object', additionalProperties: logPosition }, { type: 'null' }],
      },
    },
  },
  TakeProgress: {
    type: 'object',
    required: ['state', 'keys', 'obstacle'],
    properties: {
      state: { ...text, enum: ['copying', 'following', 'taken'] },
      keys: { type: 'integer', minimum: 0, description: 'How many keys were compared or written so far.' },
      obstacle: {
        description: 'What keeps the member from going on; null for nothing.',
        oneOf: [text, { type: 'null' }],
      },
    },
  },
  MovedKeysRequest: askedPart({
    description: 'The page begins after this key; null for the first one.',
    oneOf: [text, { type: 'null' }],
  }),
  MovedChangesRequest: askedPart(logPosition),
  MovedAnswersRequest: askedPart({ ...answerNumber, description: 'The page begins after this one; 0 for the first.' }),
  MovedAnswers: {
    type: 'object',
    required: ['answers', 'through', 'last'],
    properties: {
      answers: { type: 'array', items: { $ref: '#/components/schemas/MovedAnswer' } },
      through: { ...answerNumber, description: 'The last one that was looked at: the next page begins after it.' },
      last: { type: 'boolean', description: 'Whether there were no more when the page was read.' },
    },
  },
  MovedAnswer: {
    type: 'object',
    required: ['key', 'request', 'slot', 'log', 'entry', 'current', 'note'],
    properties: {
      key: { ...text, description: 'The idempotency key, after the name of a token where there are some.' },
      request: { ...text, description: 'A hash of the request, in base64.' },
      slot: position,
      log: { ...text, description: 'The log that has answered.' },
      entry: {
        description: 'The first entry there; null where nothing was stored.',
        oneOf: [
          {
            type: 'object',
            required: ['sequence', 'digest'],
            properties: { sequence: answerNumber, digest: { ...text, pattern: '^([0-9a-f]{2})*$' } },
          },
          { type: 'null' },
        ],
      },
      current: {
        description: 'Tag of the value that the key had; null where it had none.',
        oneOf: [text, { type: 'null' }],
      },
      note: { description: 'What the answer has beside entries; null for nothing.', oneOf: [text, { type: 'null' }] },
    },
  },
  SpooledRequest: {
    type: 'object',
    required: ['idempotency_key', 'key', 'kind', 'value', 'content_type', 'deadline', 'seen'],
    additionalProperties: false,
    properties: {
      idempotency_key: { ...text, description: 'The same each time this write is passed on.' },
      key: text,
      kind: { enum: ['put', 'delete'] },
      value: { type: ['string', 'null'], description: 'In Base64; null for a delete.' },
      content_type: { type: ['string', 'null'] },
      deadline: { ...moment, description: 'When the key is to end by itself; null for never.' },
      seen: {
        description: 'What the key had when the write was accepted; null where that is not known.',
        oneOf: [
          {
            type: 'object',
            required: ['tag', 'deadline'],
            additionalProperties: false,
            properties: { tag: { ...text, description: 'Its ETag; empty where it had no value.' }, deadline: moment },
          },
          { type: 'null' },
        ],
      },
    },
  },
  ChangeRequest: {
    description: 'Has one of replace, add, remove, call_off and remove_lost.',
    type: 'object',
    required: ['asker'],
    additionalProperties: false,
    properties: {
      asker: address,
      replace: { $ref: '#/components/schemas/Positions' },
      add: {
        type: 'object',
        required: ['position', 'address'],
        additionalProperties: false,
        properties: { position, address },
      },
      remove: address,
      call_off: { const: true },
      remove_lost: removalRequest,
    },
  },
  RoutedValueForm: {
    type: 'object',
    required: ['key', 'val'],
    properties: { key, val: { ...text, description: 'The value; any bytes.' } },
  },
  RemovalForm: removalForm,
  HashRingForm: {
    type: 'object',
    required: ['data'],
    properties: {
      data: { ...text, description: 'JSON.', examples: ['{"nodes":[{"ip":"10.0.0.2:5000","key":"3000"}]}'] },
    },
  },
  HashRing: {
    type: 'object',
    required: ['ring', '_sorted_keys'],
    properties: { ring: { $ref: '#/components/schemas/Positions' }, _sorted_keys: { type: 'array', items: position } },
  },
} as const
