import { KvsError } from '../../../core/errors.ts'
import { type Lifetime, lifetimeDuring, lifetimeUntil } from '../lifetime-headers.ts'
import { bad, type Members, typeName } from './strict-json.ts'

/** As in a Content-Type header. */
const maxContentTypeLength = 255

/**
 * The value of a put: text in `value`, or any bytes in `base64`.
 * @throws KvsError bad_request, value_too_large
 */
export function valueIn({ value, base64 }: Members, place: string, maxBytes: number): Buffer {
  if ((value === undefined) === (base64 === undefined)) {
    throw bad(place, `is to have one of value and base64, and has ${value === undefined ? 'none of them' : 'both'}`)
  }
  const bytes = base64 === undefined ? textIn(value, place) : bytesIn(base64, place)
  if (bytes.length <= maxBytes) return bytes
  throw new KvsError(
    'value_too_large',
    `${place}: the value has ${bytes.length} bytes; at most ${maxBytes} are allowed; nothing was stored`,
  )
}

function textIn(value: unknown, place: string): Buffer {
  if (typeof value !== 'string') throw bad(`${place}.value`, `is to be a text, and is ${typeName(value)}`)
  if (value.isWellFormed()) return ownedBuffer(value, 'utf8')
  throw bad(`${place}.value`, 'has half of a surrogate pair: other bytes than text go into base64')
}

function bytesIn(base64: unknown, place: string): Buffer {
  if (typeof base64 !== 'string') throw bad(`${place}.base64`, `is to be a text, and is ${typeName(base64)}`)
  const bytes = ownedBuffer(base64, 'base64')
  if (bytes.toString('base64') === base64) return bytes
  throw bad(`${place}.base64`, 'is not base64 with its padding (RFC 4648, 4)')
}

/** A window on the memory that Node shares out would keep 64 KiB alive for some bytes. */
function ownedBuffer(text: string, encoding: 'utf8' | 'base64'): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text, encoding))
  return bytes.subarray(0, bytes.write(text, encoding))
}

/**
 * The content type to store with a put; undefined for none, or for an empty one.
 * @throws KvsError bad_request
 */
export function contentTypeIn({ contentType }: Members, place: string): string | undefined {
  if (contentType === undefined) return undefined
  if (typeof contentType === 'string' && /^[ -~]*$/.test(contentType) && contentType.length <= maxContentTypeLength) {
    return contentType.trim() || undefined // as of a header
  }
  throw bad(`${place}.contentType`, `is to be a text of at most ${maxContentTypeLength} printable ASCII characters`)
}

/**
 * When the key of a put is to end by itself; undefined for never.
 * @throws KvsError bad_request
 */
export function lifetimeIn({ ttl, expires }: Members, place: string): Lifetime | undefined {
  if (ttl === undefined && expires === undefined) return undefined
  if (ttl !== undefined && expires !== undefined) throw bad(place, 'has both ttl and expires: a key has one lifetime')
  const lifetime = expires === undefined ? parsed(ttl, lifetimeDuring) : parsed(expires, lifetimeUntil)
  if (lifetime !== undefined) return lifetime
  throw expires === undefined
    ? bad(`${place}.ttl`, 'is to be a whole number of ms, s, m or h, such as "300ms" or "5m"')
    : bad(`${place}.expires`, 'is to be a moment such as "2030-01-01T00:00:00Z"')
}

function parsed(value: unknown, parse: (text: string) => Lifetime | undefined): Lifetime | undefined {
  return typeof value === 'string' ? parse(value) : undefined
}
