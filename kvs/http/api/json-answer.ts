import { constants } from 'node:buffer'
import { KvsError } from '../../core/errors.ts'
import { type Reply, valueHeaders } from '../exchange/index.ts'
import { positionHeader } from './error-headers.ts'

/** Node puts the headers before a text, in one string. */
const maxTextLength = constants.MAX_STRING_LENGTH - 16 * 1024

/** An answer on a key in a dialect of JSON. @param text its JSON */
export function jsonAnswer(status: number, text: string, position: string, headers: readonly string[]): Reply {
  return {
    status,
    headers: [
      'Content-Type',
      'application/json',
      'Content-Length',
      String(Buffer.byteLength(text)),
      ...positionHeader(position),
      ...valueHeaders,
      ...headers,
    ],
    body: text,
  }
}

/**
 * The JSON that shows a value.
 * @throws KvsError value_too_large where it is longer than a string can be
 */
export function shownAsJson(render: () => string): string {
  try {
    const text = render()
    if (text.length <= maxTextLength) return text
  } catch (error) {
    if (!isTooLong(error)) throw error
  }
  throw new KvsError(
    'value_too_large',
    'the value is too large to be shown as JSON: GET /v1/KEY answers with it as it is',
  )
}

function isTooLong(error: unknown): boolean {
  return error instanceof RangeError || (error as NodeJS.ErrnoException).code === 'ERR_STRING_TOO_LONG'
}
