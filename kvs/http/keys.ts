import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { InLog, Stored } from '../append-queue.ts'
import type { ConditionalWrite } from '../conditional-queue.ts'
import type { Write } from '../entry.ts'
import { ConditionFailed, KvsError } from '../errors.ts'
import { holds } from '../precondition.ts'
import type { Found } from '../view/view.ts'
import { answerError, valueHeaders } from './answers.ts'
import { makeBodyReader } from './body.ts'
import { awaitFreshness, awaitPosition, type FreshStore } from './freshness.ts'
import { hasHeader } from './headers.ts'
import { decodeKey } from './key.ts'
import { idempotencyKeyOf, preconditionOf, refuseOtherConditions } from './preconditions.ts'
import type { Methods } from './routes.ts'

/** What these routes need of the store. */
export interface KeyStore extends FreshStore {
  get(key: string): Found | undefined
  write(write: Write): Promise<Stored>
  writeIf(conditional: ConditionalWrite): Promise<InLog>
  position(): string
}

export interface KeyRoutesOptions {
  readonly store: KeyStore
  readonly maxValueBytes: number
  readonly maxWaitingBytes: number
  readonly logger: Pick<Logger, 'debug' | 'isLevelEnabled'>
}

const prefix = '/v1/'
const maxContentTypeLength = 255
const emptyBody = ['Content-Length', '0']
const spooled = ['KVS-Durability', 'spooled']
/** Of a value that is not in the log yet: no tag is its. */
const unknownSequence = -1n

/** GET, HEAD, PUT and DELETE on /v1/KEY. */
export function keyRoutes({ store, maxValueBytes, maxWaitingBytes, logger }: KeyRoutesOptions): Methods {
  const readBody = makeBodyReader({ maxBytes: maxValueBytes, maxTotalBytes: maxWaitingBytes })
  const logsRequests = logger.isLevelEnabled('debug')

  function read(request: IncomingMessage, response: ServerResponse, path: string, query: string): void | Promise<void> {
    const since = logsRequests ? performance.now() : 0
    const key = decodeKey(path.slice(prefix.length))
    const fresh = awaitFreshness(request, query, store)
    if (fresh === undefined) answer()
    else return fresh.then(answer)

    function answer(): void {
      const found = store.get(key)
      const precondition = preconditionOf(request)
      if (precondition !== undefined && !holds(precondition, found && (found.sequence ?? unknownSequence))) {
        if (precondition.ifMatch !== undefined && !holds({ ifMatch: precondition.ifMatch }, found?.sequence)) {
          throw new ConditionFailed(found?.sequence)
        }
        answerNotModified(response, found, store.position())
      } else if (found === undefined) {
        answerError(request, response, new KvsError('no_such_key'), ['KVS-Position', store.position()])
      } else {
        answerValue(request, response, found, store.position())
      }
      if (logsRequests) logLine(request, key, `status=${response.statusCode} bytes=${found?.value.length ?? 0}`, since)
    }
  }

  async function put(request: IncomingMessage, response: ServerResponse, path: string, query: string): Promise<void> {
    const since = logsRequests ? performance.now() : 0
    const key = decodeKey(path.slice(prefix.length))
    const store = writerFor(request, query)
    const contentType = contentTypeOf(request)
    const value = await readBody(request, response)
    const stored = await store({ kind: 'put', key, value, contentType })
    answerStored(response, 201, stored)
    if (logsRequests) logLine(request, key, `bytes=${value.length} ${placeOf(stored)}`, since)
  }

  async function remove(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: string,
  ): Promise<void> {
    const since = logsRequests ? performance.now() : 0
    const key = decodeKey(path.slice(prefix.length))
    const stored = await writerFor(request, query)({ kind: 'delete', key })
    answerStored(response, 200, stored)
    if (logsRequests) logLine(request, key, placeOf(stored), since)
  }

  /** How this request's write is to be done, by its headers. */
  function writerFor(request: IncomingMessage, query: string): (write: Write) => Promise<Stored> {
    if (query !== '') throw new KvsError('bad_request', `a write takes no query; a "?" in a key is written %3F`)
    refuseOtherConditions(request)
    const precondition = preconditionOf(request)
    const idempotencyKey = idempotencyKeyOf(request)
    const isPlain = precondition === undefined && idempotencyKey === undefined
    const write = (write: Write) =>
      isPlain ? store.write(write) : store.writeIf({ write, precondition: precondition ?? {}, idempotencyKey })
    if (!hasHeader(request, 'kvs-min-position')) return write
    return async (content) => {
      await awaitPosition(request, store)
      return write(content)
    }
  }

  function answerStored(response: ServerResponse, status: number, stored: Stored): void {
    const position = ['KVS-Position', store.position()]
    if (stored === 'spooled') response.writeHead(202, [...position, ...spooled, ...emptyBody])
    else if (status === 200) response.writeHead(status, [...position, ...emptyBody])
    else response.writeHead(status, ['ETag', `"${stored.sequence}"`, ...position, ...emptyBody])
    response.end()
  }

  /** Never a value; a key that could be taken for more than itself is quoted. */
  function logLine(request: IncomingMessage, key: string, rest: string, since: number): void {
    const shown = /^[!-~]+$/.test(key) && !key.includes('"') ? key : JSON.stringify(key)
    logger.debug(`${request.method} key=${shown} ${rest} ${Math.round(performance.now() - since)}ms`)
  }

  return { GET: read, HEAD: read, PUT: put, DELETE: remove }
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

function placeOf(stored: Stored): string {
  return stored === 'spooled' ? stored : `sequence=${stored.sequence}`
}

function answerNotModified(response: ServerResponse, found: Found | undefined, position: string): void {
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
