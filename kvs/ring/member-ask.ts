import type { Dispatcher } from 'undici'
import { type ErrorCode, KvsError, NotOwner } from '../core/errors.ts'
import { explain, type Target } from '../forward/index.ts'
import { MemberFault } from './member-fault.ts'

/** How long a member may take for the head of its answer, and then for each next part, in milliseconds. */
export interface MemberTimes {
  /** To say what it knows. */
  readonly stateMs: number
  /** For what it has to do in its own log. */
  readonly answerMs: number
  /** For a page of keys, or of changes. */
  readonly pageMs: number
  /** For a change, which has to wait until all keys have moved. */
  readonly changeMs: number
}

export const memberTimes: MemberTimes = { stateMs: 3_000, answerMs: 10_000, pageMs: 30_000, changeMs: 86_400_000 }

/** A request to a member. */
export interface MemberRequest {
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  /** Sent as JSON; undefined for none. */
  readonly body?: object
  /** Media type that the answer has to have where nothing is wrong; undefined for JSON. */
  readonly type?: string
  /** Most bytes of such an answer. */
  readonly most: number
  /** As the values of `MemberTimes`. */
  readonly timeoutMs: number
}

/** Most bytes that are read of an error. */
const mostOfError = 64 * 1024

/** Errors that a member may have answered with, and that are the caller's to know as they are. */
const passedOn: readonly ErrorCode[] = [
  ...(['ring_conflict', 'confirmation_needed', 'cannot_forward', 'bad_request', 'forbidden', 'unauthorized'] as const),
]

/**
 * Makes what sends a request to a member, and returns the body of its answer. That rejects with the member's own error
 * where that is the caller's to know, and with `cannot_forward` where no answer comes, or none of that type and size.
 * @param token to show there; undefined for none
 */
export function makeMemberAsk({ dispatcher, name, servername }: Target, token: string | undefined) {
  const common = {
    ...{ host: name, 'content-type': 'application/json' },
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }

  return async ({ method, path, body, type, most, timeoutMs }: MemberRequest): Promise<Buffer> => {
    try {
      const answer = await dispatcher.request({
        ...{ method, path, headers: { ...common, accept: acceptOf(type) }, servername },
        ...{
          body: body === undefined ? null : JSON.stringify(body),
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
        },
      } as Parameters<typeof dispatcher.request>[0])
      if (answer.statusCode !== 200) {
        const text = (await readUpTo(answer.body, mostOfError)).toString()
        throw refusalOf(name, answer.statusCode, answer.headers['kvs-ring'], text)
      }
      return await bodyOf(name, answer, type, most)
    } catch (error) {
      throw error instanceof KvsError ? error : unanswered(name, error)
    }
  }
}

/** Errors come as JSON. */
const acceptOf = (type: string | undefined) => (type === undefined ? 'application/json' : `${type}, application/json`)

/** The body of an answer without an error, once it is there as a whole. */
async function bodyOf(
  name: string,
  { headers, body }: Dispatcher.ResponseData<unknown>,
  type: string | undefined,
  most: number,
): Promise<Buffer> {
  const told = headers['content-type']
  if (type !== undefined && told !== type) {
    leave(body)
    throw odd(name, `answers with ${told ?? 'no type'}, not with ${type}: is it of this version?`)
  }
  if (Number(headers['content-length'] ?? 0) > most) leave(body)
  else {
    const bytes = await readUpTo(body, most)
    if (bytes.length <= most) return bytes
  }
  throw odd(name, `answers with more than ${most} bytes`)
}

const odd = (name: string, what: string) => new KvsError('cannot_forward', `${name} ${what}`)

/** Reads a body to its end, or until it has more than `most` bytes. Rejects where it breaks off. */
async function readUpTo(body: Dispatcher.ResponseData['body'], most: number): Promise<Buffer> {
  body.on('error', () => undefined)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    length += chunk.length
    // This ends the connection as well.
    if (length > most) break
  }
  return Buffer.concat(chunks, length)
}

/** Ends a body that nobody reads, and its connection. An error that nobody listens for would end the process. */
function leave(body: Dispatcher.ResponseData['body']): void {
  body.on('error', () => undefined)
  body.destroy()
}

function unanswered(name: string, error: unknown): KvsError {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  const isLate = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT'
  const reason = error instanceof Error && !isLate ? explain(error, name, 'KVS_PEER_CA') : 'it gives no answer in time'
  return new KvsError('cannot_forward', `the ring needs ${name}: ${reason}`, { cause: error })
}

/** The member's own error where that is the caller's to know, and one that names it otherwise. */
function refusalOf(name: string, status: number, ring: string | string[] | undefined, text: string): KvsError {
  const { code, detail } = problemIn(text)
  if (code === 'not_owner') return new NotOwner(String(ring ?? ''), detail)
  const known = passedOn.find((one) => one === code)
  if (known !== undefined && detail !== undefined) return new KvsError(known, detail)
  const hint = status === 404 ? '; is KVS_ADDRESS set there? Is it of this version?' : ''
  const sentence = `${name} answers ${status}: ${(detail ?? text).slice(0, 300)}${hint}`
  // A balancer has no codes: it may answer for a member that is gone.
  return code === undefined ? new KvsError('cannot_forward', sentence) : new MemberFault(sentence)
}

function problemIn(text: string): { code?: string; detail?: string } {
  try {
    const { code, detail } = JSON.parse(text)
    return { ...(typeof code === 'string' && { code }), ...(typeof detail === 'string' && { detail }) }
  } catch {
    return {}
  }
}
