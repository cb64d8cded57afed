import { isUtf8 } from 'node:buffer'
import type { Found } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import { owned } from '../../lib/buffers.ts'
import { type Request, renderAsErrorJson } from '../exchange/index.ts'
import { type Dialect, spooled } from './dialect.ts'
import { jsonAnswer, shownAsJson } from './json-answer.ts'
import { isTooDeep, maxDepth, memberText } from './json-text.ts'
import { shortKeyFor } from './key-decoding.ts'

const prefix = '/kvs/'
const maxKeyCharacters = 50
const json = 'application/json'

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
    const text = shownAsJson(() => `{"result":"found","value":${jsonOf(found)}}`)
    return jsonAnswer(200, text, position, found.tag === undefined ? spooled : ['ETag', `"${found.tag}"`])
  },

  missing: () => new KvsError('no_such_key', 'Key does not exist'),

  stored(stored, position) {
    if (stored === 'spooled') return jsonAnswer(202, '{"result":"spooled"}', position, spooled)
    const [status, result] = stored.replaced ? [200, 'replaced'] : [201, 'created']
    return jsonAnswer(status, JSON.stringify({ result }), position, ['ETag', `"${stored.tag}"`])
  },

  deleted(stored, position) {
    if (stored === 'spooled') return jsonAnswer(202, '{"result":"spooled"}', position, spooled)
    if (!stored.replaced) throw courseworkDialect.missing()
    return jsonAnswer(200, '{"result":"deleted"}', position, [])
  },
}

function keyOf(request: Request): string {
  return shortKeyFor(request, request.path.slice(prefix.length), maxKeyCharacters)
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
