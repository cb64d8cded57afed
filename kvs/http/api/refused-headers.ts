import { KvsError } from '../../core/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Request } from '../exchange/index.ts'
import { lifetimeHeaders } from './lifetime-headers.ts'

/** Checks a header's value, and throws where it asks for what this service does not do. */
type Check = (name: string, value: string, clock: Pick<Clock, 'wallTime'>) => void

/** Refuses a header. `why` ends a sentence that begins with its name. */
const refusal =
  (why: string): Check =>
  (name) => {
    throw new KvsError('bad_request', `${name} ${why}; nothing was done`)
  }

/**
 * Clients that send these expect the value to end by itself, each in a way of its own: a number of seconds, of
 * milliseconds, a date. TTL is RFC 8030's, X-Delete-… are OpenStack's. X-TTL is taken.
 */
const lifetimes = ['ttl', 'expire', 'expires', 'expires-in', 'expires-at', 'expires-after', 'expiry', 'expiration']
const lifetime = refusal(
  'is not supported: a PUT says when its key ends by KVS-TTL: 60s, KVS-Expires: 2030-01-01T00:00:00Z, or X-TTL: 60',
)
const lifetimeOfPut = refusal('belongs to a PUT, which gives its key a lifetime')
/** Expires is also sent against caches, with every method: a moment that is over asks for no lifetime. */
const lifetimeToCome: Check = (name, value, clock) => {
  const isOver = ['', '-1', '0'].includes(value.trim()) || Date.parse(value) <= clock.wallTime()
  if (!isOver) lifetime(name, value, clock)
}
const override = refusal('is not supported: send the method itself')

/** Checks by the header's name in lower case. A header that has none asks this service for nothing. */
const ofAnyRequest: ReadonlyMap<string, Check> = new Map([
  ['x-http-method-override', override],
  ['x-http-method', override],
  ['x-method-override', override],
])

const ofWrites: ReadonlyMap<string, Check> = new Map([
  ...lifetimes.flatMap((name) => ['', 'x-'].map((prefix) => [`${prefix}${name}`, lifetime] as const)),
  ['expires', lifetimeToCome],
  ...['x-delete-after', 'x-delete-at', 'x-max-age', 'x-lifetime'].map((name) => [name, lifetime] as const),
  ['x-idempotency-key', refusal('is not known: send Idempotency-Key')],
  ['content-encoding', requireIdentity],
])

/**
 * Headers that begin with Content- and may come with a value: they are kept, checked, of the framing, or of the request
 * alone (Content-Location: RFC 9110, 8.7).
 */
const contentHeaders = new Set(
  'content-type content-length content-encoding content-digest content-md5 content-location'.split(' '),
)
/**
 * Conditions of RFC 9110, 13.1. Without a GET, If-Range means nothing, and If-Modified-Since must be ignored (13.1.3).
 */
const conditions = new Set(['if-match', 'if-none-match', 'if-range', 'if-modified-since'])
/** KVS-Ring is sent by members of a ring to each other. */
const ownHeaders = new Set(['kvs-min-position', 'kvs-ring'])

const unknownContent = refusal('is not supported with a value: nothing of it would be kept')
const unknownCondition = refusal('is not supported on a write: conditions are If-Match and If-None-Match')
const unknownOwn = refusal(
  'is none of the headers that this service takes: KVS-Min-Position, KVS-TTL and KVS-Expires are',
)

/**
 * Refuses a request whose headers ask for something that this service would not do, rather than doing the rest of it as
 * if that had not been asked. docs/api.md lists what is refused, and what is rightly ignored.
 * @throws KvsError bad_request, unsupported_encoding
 */
export function refuseUnmet({ headers, method, clock }: Pick<Request, 'headers' | 'method' | 'clock'>): void {
  const isWrite = method === 'PUT' || method === 'DELETE' || method === 'POST'
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string
    const check = checkOf(name.toLowerCase(), method, isWrite)
    if (check !== undefined) check(name, headers[at + 1] as string, clock)
  }
}

function checkOf(name: string, method: string, isWrite: boolean): Check | undefined {
  if (lifetimeHeaders.includes(name)) return method === 'PUT' ? undefined : lifetimeOfPut
  const known = ofAnyRequest.get(name) ?? (isWrite ? ofWrites.get(name) : undefined)
  if (known !== undefined) return known
  if (name.startsWith('kvs-')) return ownHeaders.has(name) ? undefined : unknownOwn
  if (!isWrite) return undefined
  if (name.startsWith('content-')) return contentHeaders.has(name) ? undefined : unknownContent
  if (name === 'if' || name.startsWith('if-')) return conditions.has(name) ? undefined : unknownCondition
  return undefined
}

/** A coded value would come back without its coding, as something else. */
function requireIdentity(_name: string, value: string): void {
  const codings = value.toLowerCase().split(',')
  if (codings.every((coding) => ['', 'identity'].includes(coding.trim()))) return
  throw new KvsError('unsupported_encoding')
}
