import { constants, isUtf8 } from 'node:buffer'
import type { Found } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import { owned } from '../../lib/buffers.ts'
import { type Reply, type Request, renderAsErrorJson, valueHeaders } from '../exchange/index.ts'
import { type Dialect, spooled } from './dialect.ts'
import { positionHeader } from './error-headers.ts'
import { isTooDeep, maxDepth, memberText } from './json-text.ts'
import { keyFor } from './key-decoding.ts'

const prefix = '/kvs/'
const maxKeyCharacters = 50
/** A character takes up to four bytes, each of them up to three when it is percent-encoded. */
const maxKeyPath = maxKeyCharacters * 12
const json = 'application/json'
/** Node puts the headers before a text, in one string. */
const maxTextLength = constants.MAX_STRING_LENGTH - 16 * 1024

/**
 * The dialect of /kvs/KEY: the JSON in which a course on distributed systems gives its assignments, over the same keys
 * as /v1. It stores a value as its JSON text.
 */
export const courseworkDialect: Dialect = {
  prefix,
  renderError: renderAsErrorJson,
  keyOf,
  contentTypeOf: () => json,
  valueOf: valueIn,

  found(found, position) {
    const text = foundText(found)
    return reply(200, text, position, found.tag === undefined ? spooled : ['ETag', `"${found.tag}"`])
  },

  missing: () => new KvsError('no_such_key', 'Key does not exist'),

  stored(stored, position) {
    if (stored === 'spooled') return reply(202, '{"result":"spooled"}', position, spooled)
    const [status, result] = stored.replaced ? [200, 'replaced'] : [201, 'created']
    return reply(status, JSON.stringify({ result }), position, ['ETag', `"${stored.tag}"`])
  },

  deleted(stored, position) {
    if (stored === 'spooled') return reply(202, '{"result":"spooled"}', position, spooled)
    if (!stored.replaced) throw courseworkDialect.missing()
    return reply(200, '{"result":"deleted"}', position, [])
  },
}

function reply(status: number, text: string, position: string, headers: readonly string[]): Reply {
  return {
    status,
    headers: [
      'Content-Type',
      json,
      'Content-Length',
      String(Buffer.byteLength(text)),
      ...positionHeader(position),
      ...valueHeaders,
      ...headers,
    ],
    body: text,
  }
}

/** Only a PUT bounds a key's characters: other keys may have come by /v1. */
function keyOf(request: Request): string {
  const raw = request.path.slice(prefix.length)
  const isPut = request.method === 'PUT'
  if (isPut && raw.length > maxKeyPath) throw tooLong()
  const key = keyFor(request, raw)
  if (isPut && [...key].length > maxKeyCharacters) throw tooLong()
  return key
}

/** The JSON text of what a PUT is to store. */
function valueIn(body: Buffer): Buffer {
  const text = body.toString()
  if (isTooDeep(text, maxDepth + 1)) {
    throw new KvsError('bad_request', `the value is nested deeper than ${maxDepth} levels`)
  }
  try {
    const parsed: unknown = JSON.parse(text)
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    const value = isObject && isUtf8(body) ? memberText(text, 'value') : undefined
    // A window on the memory that Node shares out would keep 64 KiB alive for some bytes.
    if (value !== undefined) return owned(Buffer.from(value))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new KvsError('bad_request', 'PUT request does not specify a value')
}

/** @throws KvsError value_too_large where its JSON is longer than a string can be */
function foundText(found: Found): string {
  try {
    const text = `{"result":"found","value":${jsonOf(found)}}`
    if (text.length <= maxTextLength) return text
  } catch (error) {
    if (!isTooLong(error)) throw error
  }
  throw new KvsError(
    'value_too_large',
    'the value is too large to be shown as JSON: GET /v1/KEY answers with it as it is',
  )
}

function isTooLong(error: unknown): boolean {
  return error instanceof RangeError || (error as NodeJS.ErrnoException).code === 'ERR_STRING_TOO_LONG'
}

/** A value that was not stored as JSON, or that is nested too deep, becomes a string. */
function jsonOf({ value, contentType }: Found): string {
  const text = value.toString()
  const isJson =
    /^application\/json\s*(;|$)/i.test(contentType ?? '') && isUtf8(value) && !isTooDeep(text) && isValid(text)
  return isJson ? text : JSON.stringify(text)
}

function isValid(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const tooLong = () => new KvsError('bad_key', 'Key is too long')
