import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { KvsError } from '../../core/errors.ts'
import { headerOf } from './headers.ts'
import type { ReceiveBody } from './request-body.ts'
import type { Answer } from './response.ts'

/** A digest that a client has told of the body it sends. */
interface Digest {
  readonly header: string
  readonly algorithm: string
  readonly value: Buffer
}

/** The algorithms that are checked, by their names in headers; the others of RFC 9530 are either broken or checksums. */
const algorithms: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
])

/** What a member of a header looks like: its algorithm and its base64. */
const inStructuredField = /^([a-z*][\w.*-]*)=:([\w+/]*={0,2}):(?:;.*)?$/i
const inDigest = /^([\w-]+)=([\w+/]+={0,2})$/

/** With the whole body in hand and its coding refused, a digest of the content and one of the representation are the same. */
const formats: ReadonlyMap<string, { readonly member: RegExp; readonly example: string }> = new Map([
  ['Content-Digest', { member: inStructuredField, example: 'sha-256=:BASE64:' }],
  ['Repr-Digest', { member: inStructuredField, example: 'sha-256=:BASE64:' }],
  ['Digest', { member: inDigest, example: 'sha-256=BASE64' }],
])

/**
 * Holds a body that was received to the digests that the request's headers tell of it: Content-Digest and Repr-Digest (RFC 9530),
 * and before them Digest (RFC 3230) and Content-MD5 (RFC 1864). Rejects with `bad_digest` as well: before the body is read
 * where a header is malformed or has no algorithm that is checked, after it where the two do not match.
 */
export function checkingDigests(receiveBody: ReceiveBody): ReceiveBody {
  return (request, response, use) => {
    if (!tellsDigest(request)) return receiveBody(request, response, use)
    return receiveAndCheck(request, response, use)
  }

  async function receiveAndCheck<Result>(
    request: IncomingMessage,
    response: Answer,
    use: (body: Buffer) => Promise<Result>,
  ): Promise<Result> {
    const digests = digestsOf(request)
    return receiveBody(request, response, (body) => {
      // A header has room for hundreds of digests: each algorithm is run once.
      const found = new Map<string, Buffer>()
      for (const digest of digests) requireMatch(digest, body, found)
      return use(body)
    })
  }
}

function tellsDigest({ rawHeaders }: IncomingMessage): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (/^(?:(?:content-|repr-)?digest|content-md5)$/i.test(rawHeaders[at] as string)) return true
  }
  return false
}

function digestsOf(request: IncomingMessage): Digest[] {
  const digests = [...formats.keys()].flatMap((header) => {
    const text = headerOf(request, header.toLowerCase())
    return text === undefined ? [] : parse(header, text)
  })
  const md5 = headerOf(request, 'content-md5')
  return md5 === undefined ? digests : [...digests, parseMd5(md5)]
}

/** One that can be checked is enough; RFC 9530 leaves it to whoever reads them which ones that are. */
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

/** @param found the digests of the body that are computed already, by algorithm */
function requireMatch({ header, algorithm, value }: Digest, body: Buffer, found: Map<string, Buffer>): void {
  const own = found.get(algorithm) ?? hash(algorithms.get(algorithm) ?? algorithm, body, 'buffer')
  found.set(algorithm, own)
  if (own.equals(value)) return
  throw bad(`the ${body.length} bytes that arrived do not have the ${algorithm} of ${header}; nothing was stored`)
}

const bad = (message: string) => new KvsError('bad_digest', message)
