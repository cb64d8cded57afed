import { errors } from './described-errors.ts'
import { type Answer, accepted, type Description } from './operation-description.ts'
import type { Part } from './part.ts'

const ofKey = ['Key', 'MinPosition']
const ofRead = [...ofKey, 'Consistent', 'IfMatch', 'IfNoneMatch', 'IfModifiedSince', 'IfUnmodifiedSince']
const ofWrite = [...ofKey, 'IfMatch', 'IfNoneMatch', 'IdempotencyKey']
const ofPut = [...ofWrite, 'ContentDigest', 'Ttl', 'Expires', 'TtlInSeconds']
const readErrors = [...errors.ofKeys, ...errors.ofReads]
const writeErrors = [...errors.ofKeys, ...errors.ofWrites]
const place = ['KVS-Position', 'ETag', 'KVS-Durability']
const ofValue = [...place, 'Last-Modified', 'KVS-Expires', 'X-TTL']

const bytes: Part = { '*/*': { schema: { description: 'The value’s bytes, as they were put.' } } }
const json = (...results: string[]): Part => ({
  'application/json': { schema: { type: 'object', required: ['result'], properties: { result: { enum: results } } } },
})
const notModified: Answer = { description: 'The client has the value already.', headers: ofValue }
const ofStored = ['KVS-Position', 'ETag', 'KVS-Copies']

/** Of /v1/{key}, by method. */
export const valueOperations: Readonly<Record<string, Description>> = {
  GET: {
    id: 'getValue',
    summary: 'The value of a key',
    parameters: ofRead,
    answers: { 200: { description: 'The value.', headers: ofValue, content: bytes }, 304: notModified },
    errors: readErrors,
  },
  HEAD: {
    id: 'headValue',
    summary: 'The headers of the value of a key',
    parameters: ofRead,
    answers: { 200: { description: 'The key has a value.', headers: ofValue }, 304: notModified },
    errors: readErrors,
  },
  PUT: {
    id: 'putValue',
    summary: 'Stores a value',
    parameters: ofPut,
    body: { required: true, content: bytes },
    answers: { 201: { description: 'Committed in the log.', headers: ofStored }, 202: accepted },
    errors: [...writeErrors, ...errors.ofBodies],
  },
  DELETE: {
    id: 'deleteValue',
    summary: 'Deletes a key',
    parameters: ofWrite,
    answers: { 200: { description: 'Committed in the log.', headers: ['KVS-Position', 'KVS-Copies'] }, 202: accepted },
    errors: writeErrors,
  },
}

const found: Part = {
  'application/json': {
    schema: { type: 'object', required: ['result', 'value'], properties: { result: { const: 'found' }, value: {} } },
  },
}
const value: Part = {
  'application/json': { schema: { type: 'object', required: ['value'], properties: { value: {} } } },
}

/** Of /kvs/{key}, by method. */
export const courseworkOperations: Readonly<Record<string, Description>> = {
  GET: {
    id: 'getJson',
    summary: 'The value of a key in JSON',
    parameters: ofRead,
    answers: { 200: { description: 'The value.', headers: ofValue, content: found }, 304: notModified },
    errors: [...readErrors, 'value_too_large'],
    errorForm: 'json',
  },
  HEAD: {
    id: 'headJson',
    summary: 'The headers of the value of a key in JSON',
    parameters: ofRead,
    answers: { 200: { description: 'The key has a value.', headers: ofValue }, 304: notModified },
    errors: [...readErrors, 'value_too_large'],
    errorForm: 'json',
  },
  PUT: {
    id: 'putJson',
    summary: 'Stores any JSON as the value of a key',
    parameters: ofPut,
    body: { required: true, content: value },
    answers: {
      200: { description: 'The key had a value.', headers: ofStored, content: json('replaced') },
      201: { description: 'The key had none.', headers: ofStored, content: json('created') },
      202: { ...accepted, content: json('spooled', 'created', 'replaced') },
    },
    errors: [...writeErrors, ...errors.ofBodies],
    errorForm: 'json',
  },
  DELETE: {
    id: 'deleteJson',
    summary: 'Deletes a key',
    parameters: ofWrite,
    answers: {
      200: { description: 'Committed in the log.', headers: ['KVS-Position', 'KVS-Copies'], content: json('deleted') },
      202: { ...accepted, content: json('spooled', 'deleted') },
    },
    errors: [...writeErrors, 'no_such_key'],
    errorForm: 'json',
  },
}
