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

function contentOf(value: Buffer): object {
  if (value.length > maxShownBytes) return { omitted: true }
  return isUtf8(value) ? { value: value.toString() } : { base64: value.toString('base64') }
}

function momentOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
