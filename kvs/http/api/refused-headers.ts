import type { IncomingMessage } from 'node:http'
import { KvsError } from '../../core/errors.ts'

/** Looks at a header's value, and throws where it asks for what is not given. */
type Judge = (name: string, value: string) => void

/** Why a header is refused, as the end of a sentence that begins with its name. */
const refusal =
  (why: string): Judge =>
  (name) => {
    throw new KvsError('bad_request', `${name} ${why}; nothing was done`)
  }

/** Whoever sends these takes it that the value ends by itself. TTL is RFC 8030's, X-Delete-… are OpenStack's. */
const lifetimes = ['ttl', 'expire', 'expires', 'expires-in', 'expires-at', 'expires-after', 'expiry', 'expiration']
const lifetime = refusal('is not supported: a value stays until it is replaced or deleted')
/** As is sent against caches, with every method: a moment that is over asks for no lifetime. */
const lifetimeToCome: Judge = (name, value) => {
  const isOver = ['', '-1', '0'].includes(value.trim()) || Date.parse(value) <= Date.now()
  if (!isOver) lifetime(name, value)
}
const override = refusal('is not supported: send the method itself')

/** By the header's name in lower case. What is not here, nor begins with a prefix below, asks this service for nothing. */
const ofAnyRequest: ReadonlyMap<string, Judge> = new Map([
  ['x-http-method-override', override],
  ['x-http-method', override],
  ['x-method-override', override],
])

const ofWrites: ReadonlyMap<string, Judge> = new Map([
  ...lifetimes.flatMap((name) => ['', 'x-'].map((prefix) => [`${prefix}${name}`, lifetime] as const)),
  ['expires', lifetimeToCome],
  ...['x-delete-after', 'x-delete-at', 'x-max-age', 'x-lifetime'].map((name) => [name, lifetime] as const),
  ['x-idempotency-key', refusal('is not known: send Idempotency-Key')],
  ['content-encoding', requireIdentity],
])

/** Of headers that begin with Content-, those that are kept, checked, of the framing, or of the request alone (Content-Location: RFC 9110, 8.7). */
const contentHeaders = new Set(
  'content-type content-length content-encoding content-digest content-md5 content-location'.split(' '),
)
/** RFC 9110, 13.1. Without a GET, If-Range means nothing, and If-Modified-Since is to be passed over (13.1.3). */
const conditions = new Set(['if-match', 'if-none-match', 'if-range', 'if-modified-since'])
const ownHeaders = new Set(['kvs-min-position'])

const unknownContent = refusal('is not supported with a value: nothing of it would be kept')
const unknownCondition = refusal('is not supported on a write: conditions are If-Match and If-None-Match')
const unknownOwn = refusal('is none of the headers that this service takes: KVS-Min-Position is')

/**
 * Refuses a request whose headers ask for something that this service would not do, rather than doing the rest of it as if
 * that had not been asked. docs/api.md lists what is refused, and what is passed over with which right.
 * @throws KvsError bad_request, unsupported_encoding
 */
export function refuseUnmet({ rawHeaders, method }: IncomingMessage): void {
  const isWrite = method === 'PUT' || method === 'DELETE'
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const judge = judgeOf(name.toLowerCase(), isWrite)
    if (judge !== undefined) judge(name, rawHeaders[at + 1] as string)
  }
}

function judgeOf(name: string, isWrite: boolean): Judge | undefined {
  const known = ofAnyRequest.get(name) ?? (isWrite ? ofWrites.get(name) : undefined)
  if (known !== undefined) return known
  if (name.startsWith('kvs-')) return ownHeaders.has(name) ? undefined : unknownOwn
  if (!isWrite) return undefined
  if (name.startsWith('content-')) return contentHeaders.has(name) ? undefined : unknownContent
  if (name === 'if' || name.startsWith('if-')) return conditions.has(name) ? undefined : unknownCondition
  return undefined
}

/** The bytes would come back without their coding, for something else. */
function requireIdentity(_name: string, value: string): void {
  const codings = value.toLowerCase().split(',')
  if (codings.every((coding) => ['', 'identity'].includes(coding.trim()))) return
  throw new KvsError('unsupported_encoding')
}
