import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Found } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import type { Stored } from '../../kv/index.ts'
import {
  type Answer,
  answerError,
  type DropBody,
  type HoldAnswer,
  keyRights,
  type ReceiveBody,
  releaseIfOut,
  valueHeaders,
} from '../exchange/index.ts'
import { type Methods, rights } from './dispatcher.ts'
import { awaitFreshness, type FreshStore } from './freshness.ts'
import { keyFor } from './key-decoding.ts'
import { judgeRead } from './precondition-headers.ts'
import { refuseUnmet } from './refused-headers.ts'
import { type WritableStore, writerFor } from './write-command.ts'

/** What these routes need of the store. */
export interface KeyStore extends FreshStore, WritableStore {
  get(key: string): Found | undefined
  position(): string
}

export interface KeyRoutesOptions {
  readonly store: KeyStore
  readonly receiveBody: ReceiveBody
  readonly dropBody: DropBody
  readonly holdAnswer: HoldAnswer
}

const prefix = '/v1/'
const maxContentTypeLength = 255
const emptyBody = ['Content-Length', '0']
export const spooled = ['KVS-Durability', 'spooled']

/** GET, HEAD, PUT and DELETE on /v1/KEY. */
export function keyRoutes({ store, receiveBody, dropBody, holdAnswer }: KeyRoutesOptions): Methods {
  function read(request: IncomingMessage, response: Answer, path: string, query: string): void | Promise<void> {
    const key = keyFor(response, path.slice(prefix.length))
    refuseUnmet(request)
    const fresh = awaitFreshness(request, query, store)
    if (fresh === undefined) return answer()
    response.wait('position')
    return fresh.then(answer)

    function answer(): void {
      const found = store.get(key)
      response.about.bytes = found?.value.length
      if (judgeRead(request, found) === 'not modified') {
        answerNotModified(response, found, store.position())
      } else if (found === undefined) {
        answerError(request, response, new KvsError('no_such_key'), ['KVS-Position', store.position()])
      } else {
        if (request.method === 'GET') holdAnswer(response, found.value)
        answerValue(request, response, found, store.position())
        releaseIfOut(response)
      }
    }
  }

  async function put(request: IncomingMessage, response: Answer, path: string, query: string): Promise<void> {
    const key = keyFor(response, path.slice(prefix.length))
    const write = writerFor(request, query, store, response.about.caller)
    const contentType = contentTypeOf(request)
    response.wait('body')
    await receiveBody(request, response, async (value) => {
      response.about.bytes = value.length
      response.wait('log')
      const stored = await write({ kind: 'put', key, value, contentType })
      answerStored(response, 201, stored)
    })
  }

  async function remove(request: IncomingMessage, response: Answer, path: string, query: string): Promise<void> {
    const key = keyFor(response, path.slice(prefix.length))
    const write = writerFor(request, query, store, response.about.caller)
    const body = dropBody(request, response)
    if (body !== undefined) {
      response.wait('body')
      await body
    }
    response.wait('log')
    const stored = await write({ kind: 'delete', key })
    answerStored(response, 200, stored)
  }

  function answerStored(response: Answer, status: number, stored: Stored): void {
    response.about.stored = stored
    const position = ['KVS-Position', store.position()]
    if (stored === 'spooled') response.writeHead(202, [...position, ...spooled, ...emptyBody])
    else if (status === 200) response.writeHead(status, [...position, ...emptyBody])
    else response.writeHead(status, ['ETag', `"${stored.tag}"`, ...position, ...emptyBody])
    response.end()
  }

  return { GET: read, HEAD: read, PUT: put, DELETE: remove, [rights]: keyRights }
}

/** What a client says of the value; what curl says of every body, unasked, does not count. */
function contentTypeOf(request: IncomingMessage): string | undefined {
  const type = request.headers['content-type']
  if (!type || type.toLowerCase() === 'application/x-www-form-urlencoded') return undefined
  if (type.length <= maxContentTypeLength) return type
  throw new KvsError(
    'bad_request',
    `the Content-Type has ${type.length} characters; at most ${maxContentTypeLength} are kept`,
  )
}

export function answerNotModified(response: Answer, found: Found | undefined, position: string): void {
  const tag = found?.tag === undefined ? spooled : ['ETag', `"${found.tag}"`]
  response.writeHead(304, ['KVS-Position', position, ...tag, 'Cache-Control', 'no-cache'])
  response.end()
}

function answerValue(request: IncomingMessage, response: Answer, found: Found, position: string): void {
  const { value } = found
  response.writeHead(200, [
    'Content-Type',
    found.contentType ?? (isUtf8(value) ? 'text/plain; charset=utf-8' : 'application/octet-stream'),
    'Content-Length',
    String(value.length),
    'KVS-Position',
    position,
    ...(found.tag === undefined ? spooled : ['ETag', `"${found.tag}"`]),
    ...valueHeaders,
  ])
  if (request.method === 'HEAD') response.end()
  // Node sends a string in one piece with the headers, and a Buffer in two.
  else if (value.length < 16 * 1024) response.end(value.toString('latin1'), 'latin1')
  else response.end(value)
}
