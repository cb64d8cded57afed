import { hash } from 'node:crypto'
import { KvsError } from '../../core/errors.ts'
import type { ReceiveBody } from './body-receiver.ts'
import { type Headers, headerOf } from './headers.ts'
import type { Request } from './request.ts'

/** A digest that a client sent with a body. */
interface Digest {
  readonly header: string
  readonly algorithm: string
  readonly value: Buffer
}

/** Algorithms that are checked, by their names in headers; the others of RFC 9530 are broken or mere checksums. */
const algorithms: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
])

/** A member of a header's list: its algorithm and its base64. */
const inStructuredField = /^([a-z*][\w.*-]*)=:([\w+/]*={0,2}):(?:;.*)?$/i
const inDigest = /^([\w-]+)=([\w+/]+={0,2})$/

/** Content and representation have the same digest here: bodies are whole, and coded ones are refused. */
const formats: ReadonlyMap<string, { readonly member: RegExp; readonly example: string }> = new Map([
  ['Content-Digest', { member: inStructuredField, example: 'sha-256=:BASE64:' }],
  ['Repr-Digest', { member: inStructuredField, example: 'sha-256=:BASE64:' }],
  ['Digest', { member: inDigest, example: 'sha-256=BASE64' }],
])

/**
 * Checks each received body against the digests in the request's headers: Content-Digest and Repr-Digest (RFC 9530),
 * and the older Digest (RFC 3230) and Content-MD5 (RFC 1864). Rejects with `bad_digest` as well: before it reads the
 * body where a header is malformed or has no algorithm that is checked, after it where a digest does not match.
 */
export function checkingDigests(receiveBody: ReceiveBody): ReceiveBody {
  return (request, use) => (hasDigest(request) ? receiveAndCheck(receiveBody, request, use) : receiveBody(request, use))
}

async function receiveAndCheck<Result>(
  receiveBody: ReceiveBody,
  request: Request,
  use: (body: Buffer) => Promise<Result>,
): Promise<Result> {
  const digests = digestsOf(request)
  return receiveBody(request, (body) => {
    // A header has room for hundreds of digests: each algorithm runs once.
    const found = new Map<string, Buffer>()
    for (const digest of digests) requireMatch(digest, body, found)
    return use(body)
  })
}

function hasDigest({ headers }: Headers): boolean {
  for (let at = 0; at < headers.length; at += 2) {
    if (/^(?:(?:content-|repr-)?digest|content-md5)$/i.test(headers[at] as string)) return true
  }
  return false
}

function digestsOf(request: Headers): Digest[] {
  const digests = [...formats.keys()].flatMap((header) => {
    const text = headerOf(request, header.toLowerCase())
    return text === undefined ? [] : parse(header, text)
  })
  const md5 = headerOf(request, 'content-md5')
  return md5 === undefined ? digests : [...digests, parseMd5(md5)]
}

/** One digest that can be checked is enough; RFC 9530 leaves the choice to the recipient. */
function parse(header: string, text: string): Digest[] {
  const { member, example } = formats.get(header) as { member: RegExp; example: string }
  const parts = text.split(',').map((part) => part.trim())
  const digests = parts.flatMap((part) => {
    const [, name = '', base64 = ''] = member.exec(part) ?? []
    if (name === '') throw bad(`${header} takes a list of digests such as ${example}; nothing was stored`)
    const algorithm = name.toLowerCase()
    return algorithms.has(algorithm) ? [{ header, algorithm, value: Buffer.from(base64, 'base64') }] : []
  })
  if (digests.length > 0) return digests
  throw bad(`${header} has no digest that is checked here, sha-256 or sha-512; nothing was stored`)
}

function parseMd5(text: string): Digest {
  const value = Buffer.from(text, 'base64')
  if (value.length === 16 && value.toString('base64') === text.trim()) {
    return { header: 'Content-MD5', algorithm: 'md5', value }
  }
  throw bad('Content-MD5 takes the 16 bytes of an MD5 in base64; nothing was stored')
}

/** @param found digests of the body that are computed already, by algorithm */
function requireMatch({ header, algorithm, value }: Digest, body: Buffer, found: Map<string, Buffer>): void {
  const own = found.get(algorithm) ?? hash(algorithms.get(algorithm) ?? algorithm, body, 'buffer')
  found.set(algorithm, own)
  if (own.equals(value)) return
  throw bad(`the ${body.length} bytes that arrived do not have the ${algorithm} of ${header}; nothing was stored`)
}

const bad = (message: string) => new KvsError('bad_digest', message)
