import type { Found } from '../../../core/entry.ts'
import { KvsError, NotOwner } from '../../../core/errors.ts'
import type { Kv, RingService, Stored } from '../../../kv/index.ts'
import { type HoldReply, headerOf, noteWait, type ReceiveBody, type Reply, type Request } from '../../exchange/index.ts'
import { spooled } from '../dialect.ts'
import { positionHeader } from '../error-headers.ts'
import { awaitFreshness, positionAfter } from '../freshness.ts'
import { notModified } from '../key-handlers.ts'
import { timeHeadersOf } from '../lifetime-headers.ts'
import { isModified } from '../precondition-headers.ts'
import { refuseUnmet } from '../refused-headers.ts'
import type { Handle } from '../route.ts'
import type { Routing } from '../routing.ts'
import { type Form, formIn, receivingForms } from '../sites/form-body.ts'
import { valueDialect } from '../value-dialect.ts'
import { execute, termsOf, type WriteTerms } from '../write-command.ts'
import { routedKeyIn } from './routed-key.ts'
import { textReply } from './text-reply.ts'

export interface RouteDialectOptions {
  readonly store: Kv
  readonly ring: RingService
  /** Undefined where this node answers everything itself. */
  readonly routing: Routing | undefined
  /** Receives forms with a value. */
  readonly receiveBody: ReceiveBody
  readonly holdReply: HoldReply
  /** Largest value, in bytes. */
  readonly maxValueBytes: number
}

/** Handlers by method. */
type Handlers = Readonly<Record<string, Handle>>

/** Answers a request for a key with `local`, or in another way. */
type AnswerFor = (
  request: Request,
  key: string,
  local: () => Reply | Promise<Reply>,
  body?: Buffer,
) => Reply | Promise<Reply>

/**
 * Makes the handlers of the dialect's keys: those that ask the key's owner, wherever it is, and those that ask this
 * member alone.
 */
export function makeRouteDialect(options: RouteDialectOptions): { routed: Handlers; own: Handlers } {
  const { ring, routing } = options
  return {
    routed: keyHandlers(options, (request, key, local, body) =>
      routing === undefined ? local() : routing.answer(request, [key], local, body),
    ),
    own: keyHandlers(options, (_, key, local) => {
      requireOwned(ring, key)
      return local()
    }),
  }
}

/** @throws NotOwner, which names the owner: a client of the dialect knows members by their addresses */
function requireOwned(ring: RingService, key: string): void {
  if (ring.owns(key)) return
  const [owner] = ring.ownersOf(key)
  throw new NotOwner(ring.versionText(), `the key belongs to ${owner}, another member of the ring; nothing was done`)
}

function keyHandlers(options: RouteDialectOptions, answer: AnswerFor): Handlers {
  const { store, receiveBody, maxValueBytes } = options

  const get: Handle = (request) => {
    const key = routedKeyIn(request, queryFormOf(request, ['key']))
    refuseUnmet(request)
    return answer(request, key, () => read(request, key, options))
  }

  const post: Handle = async (request) => {
    const terms = termsOf(request)
    return receiveWhole(request, receiveBody, async (form, body) => {
      const key = routedKeyIn(request, form)
      const value = valueIn(form, maxValueBytes)
      request.telemetry.bytes = value.length
      return answer(request, key, () => write(request, { key, value }, terms, store), body)
    })
  }

  return { GET: get, HEAD: get, POST: post }
}

/** The parameters of a request that has them in its query alone. @throws KvsError bad_request */
export function queryFormOf({ query }: Request, takes: readonly string[]): Form {
  return formIn([Buffer.from(query, 'latin1')], takes)
}

/** Receives a form as `ReceiveForm` does, and its body as it came, to be passed on; undefined for none. */
function receiveWhole(
  request: Request,
  receiveBody: ReceiveBody,
  use: (form: Form, body: Buffer | undefined) => Promise<Reply>,
): Promise<Reply> {
  let whole: Buffer | undefined
  const receiveForm = receivingForms((received, read) =>
    receiveBody(received, (body) => {
      whole = body.length > 0 ? body : undefined
      return read(body)
    }),
  )
  return receiveForm(request, ['key', 'val'], (form) => use(form, whole))
}

function valueIn(form: Form, maxBytes: number): Buffer {
  const value = form.get('val')
  if (value === undefined) throw new KvsError('bad_request', 'POST takes the value in val=VALUE; nothing was stored')
  if (value.length <= maxBytes) return value
  throw new KvsError(
    'value_too_large',
    `the value has ${value.length} bytes; at most ${maxBytes} are allowed; nothing was stored`,
  )
}

async function read(request: Request, key: string, { store, holdReply }: RouteDialectOptions): Promise<Reply> {
  const fresh = awaitFreshness(request, store, false, key)
  if (fresh !== undefined) {
    noteWait(request, 'position')
    await fresh
    noteWait(request, undefined)
  }
  // The position is asked for first: what `get` shows later may be newer, but never older.
  const position = positionAfter(store, key, headerOf(request, 'kvs-min-position'))
  const found = await store.get(key)
  request.telemetry.bytes = found?.value.length
  if (!isModified(request, found)) return notModified(found, position, store.now)
  if (found === undefined) return textReply('N/A', positionHeader(position))
  return valueReply(request, found, position, { store, holdReply })
}

function valueReply(
  request: Request,
  found: Found,
  position: string,
  { store, holdReply }: Pick<RouteDialectOptions, 'store' | 'holdReply'>,
): Reply {
  const reply = valueDialect.found(found, position)
  reply.headers.push(...timeHeadersOf(found, request, store.now))
  if (request.method === 'GET') holdReply(request, reply, found.value)
  return reply
}

async function write(
  request: Request,
  { key, value }: { readonly key: string; readonly value: Buffer },
  terms: WriteTerms,
  store: Kv,
): Promise<Reply> {
  noteWait(request, 'log')
  // As with curl's own type at /v1, what the value is gets told from its bytes.
  const stored = await execute(store, { kind: 'put', key, value, contentType: undefined }, terms)
  request.telemetry.stored = stored
  return storedReply(stored, positionHeader(positionAfter(store, key, terms.minPosition)))
}

function storedReply(stored: Stored, position: readonly string[]): Reply {
  if (stored === 'spooled') return textReply('OK', [...position, ...spooled], 202)
  return textReply('OK', [...position, 'ETag', `"${stored.tag}"`])
}
