import { hash } from 'node:crypto'
import type { Dispatcher } from 'undici'
import { idempotencyKeyOf } from '../http/api/index.ts'
import { headerOf, type Request } from '../http/exchange/index.ts'
import type { Random } from '../lib/random.ts'

/** Headers as they came: names and values in turn. */
type RawHeaders = readonly string[]

/** Headers about a connection, not about the message (RFC 9110, 7.6.1). */
const hopByHop = 'connection keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' ')

const notOnward = ['expect', 'traceparent', 'tracestate']

/**
 * The headers of a message that go on to the next connection.
 * @param dropped others that do not, in lower case
 */
export function endToEnd(headers: RawHeaders, dropped: readonly string[] = []): string[] {
  const options = headerOf({ headers }, 'connection')?.toLowerCase().split(',') ?? []
  const named = options.map((name) => name.trim()).filter((name) => name !== '')
  return withoutHeaders(headers, [...hopByHop, ...named, ...dropped])
}

/**
 * The headers of a request for its way to the target. Host stays what the client sent, so that the reply is the one
 * that it would have got there. Expect is this node's to answer (RFC 9110, 10.1.1), since the body goes on only as it
 * comes. Via tells this node when the request comes back to it (RFC 9110, 7.6.3). The trace goes on by `joinTrace`.
 * @throws KvsError bad_request
 */
export function headersOnward(request: Request, pseudonym: string): string[] {
  const dropped = request.caller === undefined ? notOnward : [...notOnward, 'idempotency-key']
  const kept = endToEnd(request.headers, dropped)
  const idempotencyKey = request.caller && idempotencyKeyOnward(request)
  const own = idempotencyKey === undefined ? [] : ['Idempotency-Key', idempotencyKey]
  return [...kept, ...own, 'Via', `${request.version} ${pseudonym}`]
}

/**
 * The same for its way to another member of the ring, which knows the callers that this node knows: the
 * Idempotency-Key goes on as it came, for the member to make it the caller's own.
 * @param ring the version of the ring that this node goes by
 */
export function headersToMember(request: Request, pseudonym: string, ring: string): string[] {
  const kept = endToEnd(request.headers, [...notOnward, 'kvs-ring'])
  return [...kept, 'KVS-Ring', ring, 'Via', `${request.version} ${pseudonym}`]
}

/** The headers of a reply for its way back to the client. */
export function headersBack(headers: Dispatcher.DispatchController['rawHeaders']): string[] {
  return endToEnd(Array.isArray(headers) ? headers.map((text) => text.toString('latin1')) : [])
}

/** The reason phrase of a reply for its way back; undefined where it has none that can be sent (RFC 9112, 4). */
export function reasonBack(reason: string | undefined): string | undefined {
  return reason !== undefined && /^[\t\x20-\x7e\x80-\xff]*$/.test(reason) ? reason : undefined
}

/** So many names are searched sooner than a set of them is made. A client may send thousands. */
const mostSearched = 30

/** @param names in lower case */
export function withoutHeaders(headers: RawHeaders, names: readonly string[]): string[] {
  const dropped = names.length > mostSearched ? new Set(names) : undefined
  const isDropped = (name: string) => (dropped === undefined ? names.includes(name) : dropped.has(name))
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    if (!isDropped(nameAt(headers, at))) kept.push(headers[at] as string, headers[at + 1] as string)
  }
  return kept
}

/** The target may know no callers, so that this node gives each of them keys of its own. A read has no use for any. */
function idempotencyKeyOnward(request: Request): string | undefined {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  const key = idempotencyKeyOf(request)
  return key && hash('sha256', key, 'hex')
}

/** A name by which a node knows what it has sent on. */
export function drawPseudonym(random: Random): string {
  return `kvs-${random.uuid().replaceAll('-', '').slice(-16)}`
}

/** Whether the request was here before: two forwarders point at each other, or one at itself. */
export function hasPassed({ headers }: Pick<Request, 'headers'>, pseudonym: string): boolean {
  return valuesOf(headers, 'via').some((hops) => hops.includes(pseudonym))
}

export function valuesOf(headers: RawHeaders, name: string): string[] {
  return headers.filter((_, index) => index % 2 === 1 && nameAt(headers, index - 1) === name)
}

function nameAt(headers: RawHeaders, index: number): string {
  return (headers[index] ?? '').toLowerCase()
}
