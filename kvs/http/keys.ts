import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Stored } from '../append-queue.ts'
import { KvsError } from '../errors.ts'
import type { Found } from '../view/view.ts'
import { answerError, valueHeaders } from './answers.ts'
import type { ReadBody } from './body.ts'
import { type Caller, keyRights } from './callers.ts'
import { awaitFreshness, type FreshStore } from './freshness.ts'
import { keyFor } from './key.ts'
import { judgeRead } from './preconditions.ts'
import { makeRequestLog } from './request-log.ts'
import { type Methods, rights } from './routes.ts'
import { type WritableStore, writerFor } from './write.ts'

/** What these routes need of the store. */
export interface KeyStore extends FreshStore, WritableStore {
  get(key: string): Found | undefined
  position(): string
}

export interface KeyRoutesOptions {
  readonly store: KeyStore
  readonly readBody: ReadBody
  readonly logger: Pick<Logger, 'debug' | 'isLevelEnabled'>
}

const prefix = '/v1/'
const maxContentTypeLength = 255
const emptyBody = ['Content-Length', '0']
export const spooled = ['KVS-Durability', 'spooled']

/** GET, HEAD, PUT and DELETE on /v1/KEY. */
export function keyRoutes({ store, readBody, logger }: KeyRoutesOptions): Methods {
  const logsRequests = logger.isLevelEnabled('debug')
  const logLine = makeRequestLog(logger)

  function read(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: string,
    caller: Caller | undefined,
  ): void | Promise<void> {
    const since = logsRequests ? performance.now() : 0
    const key = keyFor(caller, path.slice(prefix.length))
    const fresh = awaitFreshness(request, query, store)
    if (fresh === undefined) answer()
    else return fresh.then(answer)

    function answer(): void {
      const found = store.get(key)
      if (judgeRead(request, found) === 'not modified') {
        answerNotModified(response, found, store.position())
      } else if (found === undefined) {
        answerError(request, response, new KvsError('no_such_key'), ['KVS-Position', store.position()])
      } else {
        answerValue(request, response, found, store.position())
      }
      if (logsRequests)
        logLine(request, key, `status=${response.statusCode} bytes=${found?.value.length ?? 0}`, since, caller)
    }
  }

  async function put(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: string,
    caller: Caller | undefined,
  ): Promise<void> {
    const since = logsRequests ? performance.now() : 0
    const key = keyFor(caller, path.slice(prefix.length))
    const write = writerFor(request, query, store, caller)
    const contentType = contentTypeOf(request)
    const value = await readBody(request, response)
    const stored = await write({ kind: 'put', key, value, contentType })
    answerStored(response, 201, stored)
    if (logsRequests) logLine(request, key, `bytes=${value.length} ${placeOf(stored)}`, since, caller)
  }

  async function remove(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: string,
    caller: Caller | undefined,
  ): Promise<void> {
    const since = logsRequests ? performance.now() : 0
    const key = keyFor(caller, path.slice(prefix.length))
    const stored = await writerFor(request, query, store, caller)({ kind: 'delete', key })
    answerStored(response, 200, stored)
    if (logsRequests) logLine(request, key, placeOf(stored), since, caller)
  }

  function answerStored(response: ServerResponse, status: number, stored: Stored): void {
    const position = ['KVS-Position', store.position()]
    if (stored === 'spooled') response.writeHead(202, [...position, ...spooled, ...emptyBody])
    else if (status === 200) response.writeHead(status, [...position, ...emptyBody])
    else response.writeHead(status, ['ETag', `"${stored.sequence}"`, ...position, ...emptyBody])
    response.end()
  }

  return { GET: read, HEAD: read, PUT: put, DELETE: remove, [rights]: keyRights }
}

/** What a client says of the value; what curl says of every body, unasked, does not count. */
function contentTypeOf(request: IncomingMessage): string | undefined {
  const type = request.headers['content-type']
  if (type === undefined || type.toLowerCase() === 'application/x-www-form-urlencoded') return undefined
  if (type.length <= maxContentTypeLength) return type
  throw new KvsError(
    'bad_request',
    `the Content-Type has ${type.length} characters; at most ${maxContentTypeLength} are kept`,
  )
}

export function placeOf(stored: Stored): string {
  return stored === 'spooled' ? stored : `sequence=${stored.sequence}`
}

export function answerNotModified(response: ServerResponse, found: Found | undefined, position: string): void {
  const tag = found?.sequence === undefined ? spooled : ['ETag', `"${found.sequence}"`]
  response.writeHead(304, ['KVS-Position', position, ...tag, 'Cache-Control', 'no-cache'])
  response.end()
}

function answerValue(request: IncomingMessage, response: ServerResponse, found: Found, position: string): void {
  const { value } = found
  response.writeHead(200, [
    'Content-Type',
    found.contentType ?? (isUtf8(value) ? 'text/plain; charset=utf-8' : 'application/octet-stream'),
    'Content-Length',
    String(value.length),
    'KVS-Position',
    position,
    ...(found.sequence === undefined ? spooled : ['ETag', `"${found.sequence}"`]),
    ...valueHeaders,
  ])
  if (request.method === 'HEAD') response.end()
  // Node sends a string in one piece with the headers, and a Buffer in two.
  else if (value.length < 16 * 1024) response.end(value.toString('latin1'), 'latin1')
  else response.end(value)
}
