import { errors } from './described-errors.ts'
import { type Answer, accepted, type Description } from './operation-description.ts'
import type { Part } from './part.ts'

const ofKey = ['Key', 'Payload', 'MinPosition']
const ofGet = [...ofKey, 'IfMatch', 'IfNoneMatch', 'IfModifiedSince', 'IfUnmodifiedSince']
const ofWrite = [...ofKey, 'IfMatch', 'IfNoneMatch', 'IdempotencyKey', 'ContentDigest']
const ofValue = ['KVS-Position', 'ETag', 'KVS-Durability', 'Last-Modified', 'KVS-Expires', 'X-TTL']
const ofStored = ['KVS-Position', 'ETag', 'KVS-Copies']

const json = (schema: string): Part => ({ 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } })
const form = (schema: string, required = false): Part => ({
  required,
  content: { 'application/x-www-form-urlencoded': { schema: { $ref: `#/components/schemas/${schema}` } } },
})

const notModified: Answer = { description: 'The client has the value already.', headers: ofValue }
const found: Answer = { description: 'The value.', headers: ofValue, content: json('FoundResult') }
const searched: Answer = {
  description: 'Whether it has.',
  headers: ['KVS-Position'],
  content: json('SearchResult'),
}

const ofForms = [...errors.ofBodies, 'value_too_large'] as const
const getErrors = [...errors.ofKeys, ...errors.ofReads, ...ofForms]
const writeErrors = [...errors.ofKeys, ...errors.ofWrites, ...errors.ofBodies]
const errorForm = 'result'

/** Of /keyValue-store/{key}, by method. */
export const payloadOperations: Readonly<Record<string, Description>> = {
  GET: {
    id: 'getWithPayload',
    summary: 'The value of a key, at least as new as a payload',
    parameters: ofGet,
    answers: { 200: found, 304: notModified },
    errors: getErrors,
    errorForm,
  },
  HEAD: {
    id: 'headWithPayload',
    summary: 'The headers of the value of a key',
    parameters: ofGet,
    answers: { 200: found, 304: notModified },
    errors: getErrors,
    errorForm,
  },
  PUT: {
    id: 'putWithPayload',
    summary: 'Stores a value after all that a payload stands for',
    parameters: [...ofWrite.filter((name) => name !== 'Payload'), 'Ttl', 'Expires', 'TtlInSeconds'],
    body: form('ValueForm', true),
    answers: {
      200: { description: 'The key had no value.', headers: ofStored, content: json('StoredResult') },
      201: { description: 'The key had a value.', headers: ofStored, content: json('StoredResult') },
      202: { ...accepted, content: json('StoredResult') },
    },
    errors: writeErrors,
    errorForm,
  },
  DELETE: {
    id: 'deleteWithPayload',
    summary: 'Deletes a key after all that a payload stands for',
    parameters: ofWrite,
    answers: {
      200: { description: 'Committed in the log.', headers: ['KVS-Position', 'KVS-Copies'], content: json('Result') },
      202: { ...accepted, content: json('Result') },
    },
    errors: [...writeErrors, 'no_such_key'],
    errorForm,
  },
}

const ofSearch = { parameters: ofKey, errors: [...errors.ofKeys, ...ofForms], errorForm } as const

/** Of /keyValue-store/search/{key}, by method. */
export const searchOperations: Readonly<Record<string, Description>> = {
  GET: { id: 'searchWithPayload', summary: 'Whether a key has a value', answers: { 200: searched }, ...ofSearch },
  HEAD: { id: 'headSearch', summary: 'The headers of a search', answers: { 200: searched }, ...ofSearch },
}

const changed: Answer = { description: 'Every site that can be reached knows it.', content: json('Result') }
const unchanged = (why: string): Answer => ({ description: why, content: json('Result') })
const ofView = [...errors.ofMembers, ...ofForms]
const ofChange = [...ofView, 'not_stored', 'undecided', 'unsupported_encoding'] as const
const view: Answer = { description: 'Their addresses.', content: json('View') }

/** Of /view, by method. */
export const membersOperations: Readonly<Record<string, Description>> = {
  GET: { id: 'getView', summary: 'The sites of the group', answers: { 200: view }, errors: ofView, errorForm },
  HEAD: {
    id: 'headView',
    summary: 'The headers of the sites of the group',
    answers: { 200: view },
    errors: ofView,
    errorForm,
  },
  PUT: {
    id: 'addSite',
    summary: 'Adds a site to the group',
    parameters: ['Address'],
    body: form('AddressForm'),
    answers: { 200: changed, 404: unchanged('The site is in the group already.') },
    errors: ofChange,
    errorForm,
  },
  DELETE: {
    id: 'removeSite',
    summary: 'Takes a site out of the group',
    parameters: ['Address'],
    answers: { 200: changed, 404: unchanged('The site is not in the group.') },
    errors: ofChange,
    errorForm,
  },
}
