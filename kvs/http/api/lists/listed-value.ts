import { isUtf8 } from 'node:buffer'
import type { Found } from '../../../core/entry.ts'

/** Values of a page end before this many bytes, unless one alone has more. Such a one is not shown. */
export const maxShownBytes = 1024 * 1024

/** A key with its value, as a list shows it in JSON: the bytes as text where they are UTF-8. */
export function listedValue(key: string, found: Found): string {
  const { value, contentType, tag, modifiedAt, deadline } = found
  return JSON.stringify({
    key,
    ...contentOf(value),
    etag: tag === undefined ? null : `"${tag}"`,
    contentType: contentType ?? null,
    size: value.length,
    at: momentOf(modifiedAt),
    expires: momentOf(deadline),
  })
}

/** Most bytes that a value takes in the text of `listedValue`, in memory and in UTF-8 together. */
export function textBytesOf(value: Buffer): number {
  if (value.length > maxShownBytes) return 0
  let bytes = 4 * Math.ceil(value.length / 3) // in base64; as text it is less, but for what is escaped
  for (let at = 0; at < value.length; at++) {
    const byte = value[at] as number
    if (byte < 0x20) bytes += '\\u0000'.length - 1
    else if (byte === 0x22 || byte === 0x5c) bytes++
  }
  return 2 * bytes
}

function contentOf(value: Buffer): object {
  if (value.length > maxShownBytes) return { omitted: true }
  return isUtf8(value) ? { value: value.toString() } : { base64: value.toString('base64') }
}

function momentOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
