import * as fc from 'fast-check'

/** A request as a client of the rules writes it, the value under a key that no other has. */
export interface Valid {
  readonly kind: 'valid'
  readonly value: string
  readonly isChunked: boolean
}

/** Bytes that may be anything. */
export interface Wild {
  readonly kind: 'wild'
  readonly bytes: Buffer
}

export type Item = Valid | Wild

/** What a connection carries, and where it is cut into packets. */
export interface Traffic {
  readonly items: readonly Item[]
  readonly cuts: readonly number[]
  readonly end: 'wait' | 'end' | 'reset'
}

const latin1 = (text: string) => Buffer.from(text, 'latin1')

const method = fc.constantFrom(
  'GET',
  'PUT',
  'DELETE',
  'HEAD',
  'POST',
  'OPTIONS',
  'PATCH',
  'CONNECT',
  'PRI',
  'BREW',
  'put',
  '',
)
const path = fc.oneof(
  fc.constantFrom(
    '/v1/a',
    '/v1/fuzz%20key',
    '/kvs/a',
    '/livez',
    '/readyz',
    '/',
    '*',
    'http://x/v1/a',
    '/v1/%',
    '/v1/a?consistent',
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }).map((text) => `/v1/${text}`),
)
const version = fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.', '')
const value = fc.oneof(
  fc.constantFrom('chunked', 'identity', 'close', 'keep-alive', 'upgrade', '100-continue', '*', '"1"', 'x', ''),
  fc.nat(70_000).map(String),
  fc.string({ unit: 'binary-ascii', maxLength: 30 }),
)
const name = fc.oneof(
  fc.constantFrom(
    ...['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Expect', 'Upgrade', 'If-Match', 'If-None-Match'],
    ...['Idempotency-Key', 'KVS-Min-Position', 'Content-Type', 'Accept', 'Trailer', 'TE', 'Range', 'Content-Range'],
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 12 }),
)
const separator = fc.constantFrom(': ', ': ', ': ', ':', ' : ', ':\t', '')
const eol = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\n ')
const header = fc.tuple(name, separator, value, eol).map((parts) => parts.join(''))
const chunk = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 1, -1),
    fc.string({ unit: 'binary-ascii', maxLength: 60 }),
    fc.constantFrom('', ';a=b'),
    eol,
  )
  .map(([wrong, data, extension, end]) => `${(data.length + wrong).toString(16)}${extension}${end}${data}${end}`)
const body = fc.oneof(
  fc.constant(''),
  fc.string({ unit: 'binary-ascii', maxLength: 80 }),
  fc.array(chunk, { maxLength: 4 }).map((chunks) => `${chunks.join('')}0\r\n\r\n`),
)

/** By the grammar, but for a part of it. */
const nearly = fc
  .tuple(method, path, version, fc.boolean(), fc.array(header, { maxLength: 6 }), body)
  .map(([method, path, version, hasHost, headers, body]) => {
    return latin1(
      `${method} ${path} ${version}\r\n${hasHost ? 'Host: localhost\r\n' : ''}${headers.join('')}\r\n${body}`,
    )
  })

/** A good one with some bytes of it changed, left out or put in. */
const mutated = fc
  .tuple(nearly, fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(2)), { minLength: 1, maxLength: 4 }))
  .map(([bytes, changes]) => {
    let text = bytes.toString('latin1')
    for (const [where, byte, kind] of changes) {
      const at = text.length === 0 ? 0 : where % text.length
      text = text.slice(0, at) + (kind === 1 ? '' : String.fromCharCode(byte)) + text.slice(kind === 2 ? at : at + 1)
    }
    return latin1(text)
  })

const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
const wild = fc.oneof(
  { weight: 4, arbitrary: nearly },
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: noise },
)

const valid: fc.Arbitrary<Valid> = fc.record({
  kind: fc.constant('valid' as const),
  value: fc.string({ maxLength: 200 }).map((text) => text.replaceAll('\0', '')),
  isChunked: fc.boolean(),
})

const item: fc.Arbitrary<Item> = fc.oneof(
  valid,
  wild.map((bytes) => ({ kind: 'wild' as const, bytes })),
)

export const traffic: fc.Arbitrary<Traffic> = fc.record({
  items: fc.array(item, { minLength: 1, maxLength: 8 }),
  cuts: fc.array(fc.nat(1_000), { maxLength: 6 }),
  end: fc.constantFrom('wait', 'wait', 'wait', 'end', 'reset'),
})

/** As it goes over the wire. */
export function bytesOf(item: Item, key: string): Buffer {
  if (item.kind === 'wild') return item.bytes
  const body = Buffer.from(item.value)
  const head = `PUT /v1/${key} HTTP/1.1\r\nHost: localhost\r\n`
  if (!item.isChunked) return Buffer.concat([latin1(`${head}Content-Length: ${body.length}\r\n\r\n`), body])
  const size = body.length === 0 ? '' : `${body.length.toString(16)}\r\n`
  const end = body.length === 0 ? '' : '\r\n'
  return Buffer.concat([latin1(`${head}Transfer-Encoding: chunked\r\n\r\n${size}`), body, latin1(`${end}0\r\n\r\n`)])
}
