import type { Found, Write } from '../../../core/entry.ts'
import { KvsError } from '../../../core/errors.ts'
import { mergePositions, nowhere, type Position, parsePosition } from '../../../core/position.ts'
import type { Kv, Stored } from '../../../kv/index.ts'
import { type HoldReply, noteWait, type Reply, type Request } from '../../exchange/index.ts'
import type { KeyPlace } from '../dialect.ts'
import { awaitFreshness } from '../freshness.ts'
import { shortKeyFor } from '../key-decoding.ts'
import { notModified } from '../key-handlers.ts'
import { timeHeadersOf } from '../lifetime-headers.ts'
import { isModified } from '../precondition-headers.ts'
import { refuseUnmet } from '../refused-headers.ts'
import type { Handle } from '../route.ts'
import { answerAtOwner, type Routing } from '../routing.ts'
import { execute, termsOf, type WriteTerms } from '../write-command.ts'
import { type Form, type ReceiveForm, textIn } from './form-body.ts'
import { readPayload, writePayload } from './payload.ts'
import {
  deletedAnswer,
  foundAnswer,
  missing,
  outOfDate,
  renderAsResult,
  type Seen,
  searchAnswer,
  storedAnswer,
} from './payload-answers.ts'

/**
 * The dialect of /keyValue-store/KEY: an assignment of a course on distributed systems, over the same keys as /v1. What
 * a client has seen goes back and forth as `payload`, in the parameters of requests and in the JSON of answers.
 */
export const payloadKeys: KeyPlace = { prefix: '/keyValue-store/', renderError: renderAsResult }

/** Tells whether a key has a value. A key that begins with "search/" is written search%2F. */
export const payloadSearch: KeyPlace = { prefix: '/keyValue-store/search/', renderError: renderAsResult }

const maxKeyCharacters = 200

export interface PayloadHandlersOptions {
  readonly store: Kv
  readonly receiveForm: ReceiveForm
  /** Receives forms with a value. */
  readonly receiveValueForm: ReceiveForm
  readonly holdReply: HoldReply
  /** Largest value, in bytes. */
  readonly maxValueBytes: number
  /** Undefined where there is no ring. */
  readonly routing?: Routing | undefined
}

/** Handlers by method. */
type Handlers = Readonly<Record<string, Handle>>

/** Makes the handlers of the dialect's keys, and those that search for one. */
export function makePayloadHandlers(options: PayloadHandlersOptions): { keys: Handlers; search: Handlers } {
  const { store, receiveForm, receiveValueForm, holdReply, maxValueBytes, routing } = options

  const get: Handle = (request) => {
    const key = keyOf(request, payloadKeys)
    refuseUnmet(request)
    return receiveForm(request, ['payload'], (form, body) => {
      const position = payloadIn(form)
      return answerAtOwner(routing, request, [key], () => getHere(request, key, position), body)
    })
  }

  async function getHere(request: Request, key: string, position: Position): Promise<Reply> {
    const { found, seen } = await read(store, request, key, position)
    request.telemetry.bytes = found?.value.length
    if (!isModified(request, found)) return notModified(found, seen.position, store.now)
    if (found === undefined) throw missing(seen)
    const reply = foundAnswer(found, seen)
    reply.headers.push(...timeHeadersOf(found, request, store.now))
    if (request.method === 'GET') holdReply(request, reply, found.value)
    return reply
  }

  const search: Handle = (request) => {
    const key = keyOf(request, payloadSearch)
    refuseUnmet(request)
    return receiveForm(request, ['payload'], (form, body) => {
      const position = payloadIn(form)
      const searchHere = async () => {
        const { found, seen } = await read(store, request, key, position)
        return searchAnswer(found !== undefined, seen)
      }
      return answerAtOwner(routing, request, [key], searchHere, body)
    })
  }

  const put: Handle = (request) => {
    const key = keyOf(request, payloadKeys)
    const terms = termsOf(request)
    return receiveValueForm(request, ['val', 'payload'], (form, body) => {
      const value = valueIn(form, maxValueBytes)
      const position = payloadIn(form)
      const putHere = async () => {
        request.telemetry.bytes = value.length
        // As with curl's own type at /v1, what the value is gets told from its bytes.
        const asked = { kind: 'put', key, value, contentType: undefined } as const
        const { stored, seen } = await write(store, request, asked, terms, position)
        return storedAnswer(stored, seen)
      }
      return answerAtOwner(routing, request, [key], putHere, body)
    })
  }

  const remove: Handle = (request) => {
    const key = keyOf(request, payloadKeys)
    const terms = termsOf(request)
    return receiveForm(request, ['payload'], (form, body) => {
      const position = payloadIn(form)
      const removeHere = async () => {
        const { stored, seen } = await write(store, request, { kind: 'delete', key }, terms, position)
        return deletedAnswer(stored, seen)
      }
      return answerAtOwner(routing, request, [key], removeHere, body)
    })
  }

  return { keys: { GET: get, HEAD: get, PUT: put, DELETE: remove }, search: { GET: search, HEAD: search } }
}

/** @throws KvsError bad_key, forbidden */
function keyOf(request: Request, { prefix }: KeyPlace): string {
  const raw = request.path.slice(prefix.length)
  if (raw.includes('/')) throw new KvsError('bad_key', 'a "/" in a key is written %2F here')
  return shortKeyFor(request, raw, maxKeyCharacters)
}

function valueIn(form: Form, maxBytes: number): Buffer {
  const value = form.get('val')
  if (value === undefined) throw new KvsError('bad_request', 'PUT takes the value in val=VALUE; nothing was stored')
  if (value.length <= maxBytes) return value
  throw new KvsError(
    'value_too_large',
    `the value has ${value.length} bytes; at most ${maxBytes} are allowed; nothing was stored`,
  )
}

const payloadIn = (form: Form) => readPayload(textIn(form, 'payload'))

async function read(
  store: Kv,
  request: Request,
  key: string,
  position: Position,
): Promise<{ found: Found | undefined; seen: Seen }> {
  noteWait(request, 'position')
  await awaitFreshness(request, store, false)
  await satisfy(store, position, key, () => store.waitFor(position, key))
  noteWait(request, undefined)
  // The position is asked for last: what a client depends on may be more than it was shown, but never less.
  const found = await store.get(key)
  return { found, seen: seenAfter(store, position, key) }
}

async function write(
  store: Kv,
  request: Request,
  asked: Write,
  terms: WriteTerms,
  position: Position,
): Promise<{ stored: Stored; seen: Seen }> {
  const { key } = asked
  noteWait(request, 'position')
  const after = await satisfy(store, position, key, () => store.dependencyOn(position))
  noteWait(request, 'log')
  const stored = await execute(store, after === undefined ? asked : { ...asked, after }, terms)
  request.telemetry.stored = stored
  return { stored, seen: seenAfter(store, position, key) }
}

/**
 * Waits for a payload. One that the node can't satisfy is the assignment's own error, whether it is of another log or
 * did not come within the wait timeout.
 */
async function satisfy<Result>(
  store: Kv,
  position: Position,
  key: string,
  wait: () => Promise<Result>,
): Promise<Result | undefined> {
  if (position === nowhere) return undefined
  try {
    return await wait()
  } catch (error) {
    const isUnmet = error instanceof KvsError && (error.code === 'behind' || error.code === 'bad_position')
    throw isUnmet ? outOfDate(seenAfter(store, position, key).payload) : error
  }
}

/** What a client depends on that came with a position and has now read or written a key. */
function seenAfter(store: Kv, before: Position, key: string): Seen {
  const position = store.position(key)
  return { position, payload: writePayload(mergePositions(before, parsePosition(position) ?? nowhere)) }
}
