import {
  callOffPath,
  changePath,
  givePath,
  movedAnswersPath,
  movedChangesPath,
  movedKeysPath,
  movedPageType,
  removeLostPath,
  ringPath,
  spooledPath,
  takePath,
} from '../../../kv/index.ts'
import { errors } from './described-errors.ts'
import type { Answer, Description } from './operation-description.ts'
import type { Part } from './part.ts'

const json = (schema: string): Part => ({ 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } })
const text: Part = { 'text/plain': { schema: { type: 'string' } } }
const bytes: Part = { '*/*': { schema: { type: 'string' } } }
const form = (schema: string): Part => ({
  required: true,
  content: { 'application/x-www-form-urlencoded': { schema: { $ref: `#/components/schemas/${schema}` } } },
})

const nowhere = '404 where the node can be in no ring'
const known: Answer = { description: 'What the member then knows.', content: json('RingState') }
const ofChanges = [...errors.ofRings, ...errors.ofRingChanges] as const
const ofBodies = [...ofChanges, ...errors.ofBodies, 'overloaded'] as const

const progress: Answer = { description: 'How far it is.', content: json('TakeProgress') }
const moved: Answer = {
  description:
    'A line of JSON with all but the values, then the values, then four bytes with the CRC-32 of all before.',
  content: { [movedPageType]: { schema: { type: 'string' } } },
}

const answers: Answer = { description: 'The answers, and how far they go.', content: json('MovedAnswers') }

/** What a member asks of another one. */
function betweenMembers(id: string, summary: string, schema: string, answer = known): Description {
  const body = { required: true, content: json(schema) }
  return { id, summary: `${summary}; ${nowhere}`, body, answers: { 200: answer }, errors: ofBodies }
}

const ofReads = ['MinPosition', 'IfMatch', 'IfNoneMatch', 'IfModifiedSince', 'IfUnmodifiedSince']
const ofWrites = ['MinPosition', 'IfMatch', 'IfNoneMatch', 'IdempotencyKey', 'ContentDigest']
const ofValue = ['KVS-Position', 'ETag', 'KVS-Durability', 'Last-Modified', 'KVS-Expires', 'X-TTL']
const ok: Answer = { description: '`OK`.', content: text }
const spooled: Answer = {
  description: '`OK`: on the node’s disk, and the log gets it later by itself.',
  headers: ['KVS-Position', 'KVS-Durability'],
  content: text,
}

/** A path of the dialect that has values of keys. @param whose keys it has, in words */
function values(name: string, whose: string): Readonly<Record<string, Description>> {
  const read = {
    parameters: ['RoutedKey', ...ofReads],
    answers: {
      200: { description: 'The value, or `N/A` where there is none.', headers: ofValue, content: bytes },
      304: { description: 'The client has the value already.', headers: ofValue },
    },
    errors: [...errors.ofRings, ...errors.ofKeys],
  } as const
  return {
    GET: { id: `get${name}`, summary: `The value of ${whose}; ${nowhere}`, ...read },
    HEAD: { id: `head${name}`, summary: `The headers of the value of ${whose}`, ...read },
    POST: {
      id: `post${name}`,
      summary: `Stores the value of ${whose}; ${nowhere}`,
      parameters: ofWrites,
      body: form('RoutedValueForm'),
      answers: { 200: { ...ok, headers: ['KVS-Position', 'ETag'] }, 202: spooled },
      errors: [...errors.ofRings, ...errors.ofKeys, ...errors.ofWrites, ...errors.ofBodies],
    },
  }
}

/** A path of the dialect that is read with GET and HEAD. */
function reading(name: string, summary: string, rest: Pick<Description, 'answers' | 'parameters' | 'errors'>) {
  return {
    GET: { id: `get${name}`, summary: `${summary}; ${nowhere}`, ...rest },
    HEAD: { id: `head${name}`, summary: `The headers of: ${summary}`, ...rest },
  } satisfies Record<string, Description>
}

/** A path of the dialect that changes the ring, with GET and with POST. */
function changing(name: string, summary: string, parameters: readonly string[]) {
  const rest = { parameters, answers: { 200: ok }, errors: ofChanges }
  return {
    GET: { id: name, summary: `${summary}; ${nowhere}`, ...rest },
    POST: { id: `${name}ByPost`, summary: `${summary}; ${nowhere}`, ...rest },
  } satisfies Record<string, Description>
}

/** Of the ring's paths, by path and method. */
export const ringOperations: Readonly<Record<string, Readonly<Record<string, Description>>>> = {
  [ringPath]: {
    GET: {
      id: 'getRing',
      summary: `What the node knows of the ring, for another member; ${nowhere}`,
      answers: { 200: known },
      errors: errors.ofRings,
    },
    PUT: betweenMembers('learnRing', 'Tells a member of a newer version', 'Ring'),
  },
  [givePath]: { POST: betweenMembers('giveSlots', 'Has a member give up what a change takes from it', 'GiveRequest') },
  [spooledPath]: {
    POST: {
      ...betweenMembers('passOnSpooled', 'Has a member do what another one has in its spool', 'SpooledRequest'),
      errors: [...ofBodies, 'bad_key', 'draining'],
    },
  },
  [changePath]: { POST: betweenMembers('changeRing', 'Has the home of the ring change it', 'ChangeRequest') },
  [takePath]: {
    POST: betweenMembers('takeSlots', 'Has a member take what a change gives it', 'TakeRequest', progress),
  },
  [movedKeysPath]: {
    POST: betweenMembers('listMovedKeys', 'Keys of slots that change hands, with values', 'MovedKeysRequest', moved),
  },
  [movedChangesPath]: {
    POST: betweenMembers('listMovedChanges', 'What was written to such keys since', 'MovedChangesRequest', moved),
  },
  [movedAnswersPath]: {
    POST: betweenMembers(
      'listMovedAnswers',
      'What requests about such keys were answered',
      'MovedAnswersRequest',
      answers,
    ),
  },
  [callOffPath]: {
    POST: {
      id: 'callOffChange',
      summary: `Calls off the change of the ring that is under way; ${nowhere}`,
      answers: { 200: known },
      errors: ofChanges,
    },
  },
  [removeLostPath]: {
    POST: {
      id: 'removeLost',
      summary: `Takes members out of the ring whose logs are lost, without their keys; ${nowhere}`,
      body: form('RemovalForm'),
      answers: { 200: known },
      errors: [...ofChanges, 'confirmation_needed'],
    },
  },
  '/route': values('Routed', 'a key, from the member that owns it'),
  '/cache': values('Cached', 'a key that this member owns'),
  '/route_test': reading('OwnerOfKey', 'The address of the member that owns a key', {
    parameters: ['RoutedKey'],
    answers: { 200: { description: '`IP:PORT`.', content: text } },
    errors: [...errors.ofRings, 'bad_key'],
  }),
  '/fetch_keys': reading('OwnKeys', 'The keys of the dialect that this member has, in order', {
    answers: {
      200: {
        description: 'The keys.',
        headers: ['KVS-Position'],
        content: { 'application/json': { schema: { type: 'array', items: { type: 'string' } } } },
      },
    },
    errors: [...errors.ofRings, 'not_ready', 'overloaded'],
  }),
  '/clear_cache': {
    GET: {
      id: 'clearCache',
      summary: `Deletes the keys of the dialect that this member has, and no others; ${nowhere}`,
      answers: {
        200: { ...ok, headers: ['KVS-Position', 'KVS-Deleted'] },
        202: { ...spooled, headers: ['KVS-Position', 'KVS-Durability', 'KVS-Deleted'] },
      },
      errors: [...errors.ofRings, ...errors.ofClears, 'not_ready', 'overloaded', 'draining', 'log_down'],
    },
  },
  '/hash_ring': {
    ...reading('HashRing', 'The ring', {
      answers: { 200: { description: 'The ring; empty where there is none.', content: json('HashRing') } },
      errors: errors.ofRings,
    }),
    POST: {
      id: 'postHashRing',
      summary: `Has the ring be this, and forms it where there is none; ${nowhere}`,
      body: form('HashRingForm'),
      answers: { 200: ok },
      errors: ofBodies,
    },
  },
  '/add_node/{position}/{address}': changing('addNode', 'Adds a member to the ring, or a position of one', [
    'RingPosition',
    'RingAddress',
  ]),
  '/remove_node/{address}': changing('removeNode', 'Takes a member out of the ring', ['RingAddress']),
}
