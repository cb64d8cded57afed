import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { idempotencyKeyOf } from '../http/api/index.ts'
import type { Caller } from '../http/exchange/index.ts'

/** Headers as they came: names and values in turn. */
type RawHeaders = readonly string[]

/** About a connection, not about the message: RFC 9110, 7.6.1. */
const hopByHop = 'connection keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' ')

const notOnward = ['expect', 'traceparent', 'tracestate']

/** What of a message's headers goes on to the next connection. */
export function endToEnd(headers: RawHeaders): string[] {
  const dropped = new Set(hopByHop)
  for (const options of valuesOf(headers, 'connection')) {
    for (const name of options.split(',')) dropped.add(name.trim().toLowerCase())
  }
  return headers.filter((_, index) => !dropped.has(nameAt(headers, index - (index % 2))))
}

/**
 * The headers of a request for its way to the target. Host stays what the client has sent: the answer is to be the one it
 * would have got there. Expect is this node's to answer (RFC 9110, 10.1.1), since the body is sent on only as it comes.
 * Via tells this node when the request comes back to it (RFC 9110, 7.6.3). The trace goes on by `joinTrace`.
 */
export function headersOnward(request: IncomingMessage, pseudonym: string, caller: Caller | undefined): string[] {
  const headers = endToEnd(request.rawHeaders)
  const dropped = caller === undefined ? notOnward : [...notOnward, 'idempotency-key']
  const kept = headers.filter((_, index) => !dropped.includes(nameAt(headers, index - (index % 2))))
  const idempotencyKey = caller && idempotencyKeyOnward(request, caller)
  const own = idempotencyKey === undefined ? [] : ['Idempotency-Key', idempotencyKey]
  return [...kept, ...own, 'Via', `${request.httpVersion} ${pseudonym}`]
}

/**
 * The target may know no callers: it is here that each is given keys of its own. A read has no use for any.
 * @throws KvsError bad_request
 */
export function idempotencyKeyOnward(request: IncomingMessage, caller: Caller): string | undefined {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  const key = idempotencyKeyOf(request, caller)
  return key && hash('sha256', key, 'hex')
}

export function hasPassed({ rawHeaders }: IncomingMessage, pseudonym: string): boolean {
  return valuesOf(rawHeaders, 'via').some((hops) => hops.includes(pseudonym))
}

export function valuesOf(headers: RawHeaders, name: string): string[] {
  return headers.filter((_, index) => index % 2 === 1 && nameAt(headers, index - 1) === name)
}

function nameAt(headers: RawHeaders, index: number): string {
  return (headers[index] ?? '').toLowerCase()
}
