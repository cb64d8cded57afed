import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Stored } from '../append-queue.ts'
import type { Write } from '../entry.ts'
import { KvsError } from '../errors.ts'
import type { Found } from '../view/view.ts'
import { answerError, valueHeaders } from './answers.ts'
import { makeBodyReader } from './body.ts'
import { decodeKey } from './key.ts'
import type { Methods } from './routes.ts'

/** What these routes need of the store. */
export interface KeyStore {
  get(key: string): Found | undefined
  write(write: Write): Promise<Stored>
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

/** GET, HEAD, PUT and DELETE on /v1/KEY. */
export function keyRoutes({ store, maxValueBytes, maxWaitingBytes, logger }: KeyRoutesOptions): Methods {
  const readBody = makeBodyReader({ maxBytes: maxValueBytes, maxTotalBytes: maxWaitingBytes })
  const logsRequests = logger.isLevelEnabled('debug')

  function read(request: IncomingMessage, response: ServerResponse, path: string): void {
    const since = logsRequests ? performance.now() : 0
    const key = decodeKey(path.slice(prefix.length))
    const found = store.get(key)
    if (found === undefined) {
      answerError(request, response, new KvsError('no_such_key'), ['KVS-Position', store.position()])
    } else {
      answerValue(request, response, found, store.position())
    }
    if (logsRequests) logLine(request, key, `status=${response.statusCode} bytes=${found?.value.length ?? 0}`, since)
  }

  async function put(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const since = logsRequests ? performance.now() : 0
    const key = decodeKey(path.slice(prefix.length))
    refuseConditions(request)
    const contentType = contentTypeOf(request)
    const value = await readBody(request, response)
    const stored = await store.write({ kind: 'put', key, value, contentType })
    if (stored === 'spooled') response.writeHead(202, ['KVS-Position', store.position(), ...spooled, ...emptyBody])
    else response.writeHead(201, ['ETag', `"${stored}"`, 'KVS-Position', store.position(), ...emptyBody])
    response.end()
    if (logsRequests) logLine(request, key, `bytes=${value.length} ${placeOf(stored)}`, since)
  }

  async function remove(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const since = logsRequests ? performance.now() : 0
    const key = decodeKey(path.slice(prefix.length))
    refuseConditions(request)
    const stored = await store.write({ kind: 'delete', key })
    if (stored === 'spooled') response.writeHead(202, ['KVS-Position', store.position(), ...spooled, ...emptyBody])
    else response.writeHead(200, ['KVS-Position', store.position(), ...emptyBody])
    response.end()
    if (logsRequests) logLine(request, key, placeOf(stored), since)
  }

  /** Never a value; a key that could be taken for more than itself is quoted. */
  function logLine(request: IncomingMessage, key: string, rest: string, since: number): void {
    const shown = /^[!-~]+$/.test(key) && !key.includes('"') ? key : JSON.stringify(key)
    logger.debug(`${request.method} key=${shown} ${rest} ${Math.round(performance.now() - since)}ms`)
  }

  return { GET: read, HEAD: read, PUT: put, DELETE: remove }
}

/** A write under a condition that is not looked at would be done where it must not be. */
function refuseConditions({ headers }: IncomingMessage): void {
  for (const name of ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'content-range']) {
    if (headers[name] === undefined) continue
    throw new KvsError('bad_request', `writes with ${name} are not supported; nothing was stored`)
  }
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
  return stored === 'spooled' ? stored : `sequence=${stored}`
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
