import type { Found, Write } from '../../core/entry.ts'
import type { Kv, Stored } from '../../kv/index.ts'
import {
  type DropBody,
  errorReply,
  type HoldReply,
  headerOf,
  noteWait,
  type ReceiveBody,
  type Reply,
  type Request,
} from '../exchange/index.ts'
import { type Dialect, spooled } from './dialect.ts'
import { positionHeader } from './error-headers.ts'
import { awaitFreshness, awaitWhole, isConsistent, positionAfter } from './freshness.ts'
import { deadlineHeadersOf, timeHeadersOf } from './lifetime-headers.ts'
import { isModified } from './precondition-headers.ts'
import { refuseUnmet } from './refused-headers.ts'
import type { Handle } from './route.ts'
import { answerAtOwner, type Routing } from './routing.ts'
import { makeCountHandler } from './transactions/count-handler.ts'
import { execute, type WriteTerms, writeTermsOf } from './write-command.ts'

export interface KeyHandlersOptions {
  readonly store: Kv
  readonly receiveBody: ReceiveBody
  readonly dropBody: DropBody
  readonly holdReply: HoldReply
  /** Undefined where there is no ring. */
  readonly routing?: Routing | undefined
}

/** Makes the handlers of a dialect's keys: each decodes a command, asks the store, and encodes the result. */
export function makeKeyHandlers(
  dialect: Dialect,
  { store, receiveBody, dropBody, holdReply, routing }: KeyHandlersOptions,
): Readonly<Record<string, Handle>> {
  function read(request: Request): Reply | Promise<Reply> {
    const key = dialect.keyOf(request)
    refuseUnmet(request)
    const needsHead = isConsistent(request.query)
    // Where there is no ring, a read does without a closure.
    if (routing === undefined) return readHere(request, key, needsHead)
    return routing.answer(request, [key], () => readHere(request, key, needsHead))
  }

  function readHere(request: Request, key: string, needsHead: boolean): Reply | Promise<Reply> {
    const fresh = awaitFreshness(request, store, needsHead, key)
    return fresh === undefined ? readNow(request, key) : readFresh(request, key, fresh)
  }

  async function readFresh(request: Request, key: string, fresh: Promise<void>): Promise<Reply> {
    noteWait(request, 'position')
    await fresh
    noteWait(request, undefined)
    return readNow(request, key, headerOf(request, 'kvs-min-position'))
  }

  /** Most stores answer at once, and then so does this: a promise would cost more than the rest of the read. */
  function readNow(request: Request, key: string, minPosition?: string): Reply | Promise<Reply> {
    // The position is asked for first: what `get` shows later may be newer, but never older.
    const position = positionAfter(store, key, minPosition)
    const found = store.get(key)
    if (found instanceof Promise) return found.then((value) => encodeRead(request, value, position))
    return encodeRead(request, found, position)
  }

  function encodeRead(request: Request, found: Found | undefined, position: string): Reply {
    request.telemetry.bytes = found?.value.length
    if (!isModified(request, found)) return notModified(found, position, store.now)
    // Not thrown: that took a read that finds nothing 10 % longer.
    if (found === undefined) return missing(request, position)
    const reply = dialect.found(found, position)
    reply.headers.push(...timeHeadersOf(found, request, store.now))
    if (request.method === 'GET') holdReply(request, reply, found.value)
    return reply
  }

  function missing(request: Request, position: string): Reply {
    return errorReply(request, dialect.missing(), positionHeader(position), dialect.renderError)
  }

  function put(request: Request): Promise<Reply> {
    const key = dialect.keyOf(request)
    const terms = writeTermsOf(request)
    const contentType = dialect.contentTypeOf(request)
    noteWait(request, 'body')
    return receiveBody(request, (body) => {
      const value = dialect.valueOf(body)
      const putHere = async () => {
        request.telemetry.bytes = value.length
        const stored = await write(request, { kind: 'put', key, value, contentType }, terms)
        return dialect.stored(stored, positionAfter(store, key, terms.minPosition))
      }
      return answerAtOwner(routing, request, [key], putHere, body)
    })
  }

  async function remove(request: Request): Promise<Reply> {
    const key = dialect.keyOf(request)
    const terms = writeTermsOf(request)
    await awaitWhole(request, dropBody)
    return answerAtOwner(routing, request, [key], async () => {
      const stored = await write(request, { kind: 'delete', key }, terms)
      return dialect.deleted(stored, positionAfter(store, key, terms.minPosition))
    })
  }

  async function write(request: Request, asked: Write, terms: WriteTerms): Promise<Stored> {
    noteWait(request, 'log')
    const stored = await execute(store, asked, terms)
    request.telemetry.stored = stored
    return stored
  }

  const { counted } = dialect
  const count = counted && makeCountHandler({ dialect, counted, store, dropBody, routing })
  return { GET: read, HEAD: read, PUT: put, DELETE: remove, ...(count && { POST: count }) }
}

/** Has no Last-Modified, which is for a 304 without an ETag (RFC 9110, 15.4.5). */
export function notModified(found: Found | undefined, position: string, now: Kv['now']): Reply {
  const tag = found?.tag === undefined ? spooled : ['ETag', `"${found.tag}"`]
  const deadline = found === undefined ? [] : deadlineHeadersOf(found, now)
  const headers = ['KVS-Position', position, ...tag, ...deadline, 'Cache-Control', 'no-cache']
  return { status: 304, headers, body: undefined }
}
