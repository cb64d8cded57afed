import { constants, isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Found } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import { owned } from '../../lib/buffers.ts'
import { type Answer, keyRights, releaseIfOut, renderAsErrorJson, valueHeaders } from '../exchange/index.ts'
import { errorsAs, type Methods, positionHeader, type Routes, rights } from './dispatcher.ts'
import { awaitFreshness } from './freshness.ts'
import { isTooDeep, maxDepth, memberText } from './json-text.ts'
import { keyFor } from './key-decoding.ts'
import { judgeRead } from './precondition-headers.ts'
import { refuseUnmet } from './refused-headers.ts'
import { answerNotModified, type KeyRoutesOptions, spooled } from './value-dialect.ts'
import { writerFor } from './write-command.ts'

const prefix = '/kvs/'
const maxKeyCharacters = 50
/** A character takes up to four bytes, each of them up to three when it is percent-encoded. */
const maxKeyPath = maxKeyCharacters * 12
const json = 'application/json'
/** Node puts the headers before it, in one string. */
const maxTextLength = constants.MAX_STRING_LENGTH - 16 * 1024

/**
 * GET, HEAD, PUT and DELETE on /kvs/KEY, in the JSON that a course on distributed systems gives its assignments in, over
 * the same keys as /v1. A value is stored as its JSON text.
 */
export function courseworkRoutes({ store, receiveBody, dropBody, holdAnswer }: KeyRoutesOptions): Routes {
  function answer(
    response: Answer,
    status: number,
    body: string,
    headers: readonly string[],
    length = Buffer.byteLength(body),
  ): void {
    const all = [
      'Content-Type',
      json,
      'Content-Length',
      String(length),
      ...positionHeader(store.position()),
      ...valueHeaders,
      ...headers,
    ]
    response.writeHead(status, all).end(response.req.method === 'HEAD' ? undefined : body)
  }

  async function read(request: IncomingMessage, response: Answer, path: string, query: string): Promise<void> {
    const key = keyIn(request, response, path)
    refuseUnmet(request)
    response.wait('position')
    await awaitFreshness(request, query, store)
    response.wait(undefined)
    const found = store.get(key)
    response.about.bytes = found?.value.length
    if (judgeRead(request, found) === 'not modified') return answerNotModified(response, found, store.position())
    if (found === undefined) throw missing()
    const place = found.tag === undefined ? spooled : ['ETag', `"${found.tag}"`]
    const text = foundText(found)
    const bytes = Buffer.byteLength(text)
    if (request.method === 'GET') holdAnswer(response, found.value, { text, bytes })
    answer(response, 200, text, place, bytes)
    releaseIfOut(response)
  }

  async function put(request: IncomingMessage, response: Answer, path: string, query: string): Promise<void> {
    const key = keyIn(request, response, path)
    const write = writerFor(request, query, store, response.about.caller)
    response.wait('body')
    await receiveBody(request, response, async (body) => {
      const value = valueIn(body)
      response.about.bytes = value.length
      response.wait('log')
      const stored = await write({ kind: 'put', key, value, contentType: json })
      response.about.stored = stored
      if (stored === 'spooled') answer(response, 202, '{"result":"spooled"}', spooled)
      else {
        const [status, result] = stored.replaced ? [200, 'replaced'] : [201, 'created']
        answer(response, status, JSON.stringify({ result }), ['ETag', `"${stored.tag}"`])
      }
    })
  }

  async function remove(request: IncomingMessage, response: Answer, path: string, query: string): Promise<void> {
    const key = keyIn(request, response, path)
    const write = writerFor(request, query, store, response.about.caller)
    const body = dropBody(request, response)
    if (body !== undefined) {
      response.wait('body')
      await body
    }
    response.wait('log')
    const stored = await write({ kind: 'delete', key })
    response.about.stored = stored
    if (stored !== 'spooled' && !stored.replaced) throw missing()
    if (stored === 'spooled') answer(response, 202, '{"result":"spooled"}', spooled)
    else answer(response, 200, '{"result":"deleted"}', [])
  }

  const withoutKey: Methods = { [errorsAs]: renderAsErrorJson, [rights]: {} }
  return {
    '/kvs': withoutKey,
    '/kvs/': withoutKey,
    '/kvs/*': { GET: read, HEAD: read, PUT: put, DELETE: remove, [errorsAs]: renderAsErrorJson, [rights]: keyRights },
  }
}

/** Only what is put has a bound on its characters: other keys can have come by /v1. */
function keyIn({ method }: IncomingMessage, response: Answer, path: string): string {
  const raw = path.slice(prefix.length)
  const isPut = method === 'PUT'
  if (isPut && raw.length > maxKeyPath) throw tooLong()
  const key = keyFor(response, raw)
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
    // Not a window on the memory that Node shares out: who keeps some bytes of it keeps 64 KiB.
    if (value !== undefined) return owned(Buffer.from(value))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new KvsError('bad_request', 'PUT request does not specify a value')
}

/** @throws KvsError value_too_large, where its JSON is longer than a string can be */
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

/** A value that was not stored as JSON, or as one nested too deep, is told as a string. */
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

const missing = () => new KvsError('no_such_key', 'Key does not exist')
const tooLong = () => new KvsError('bad_key', 'Key is too long')
