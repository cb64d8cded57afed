import { isUtf8 } from 'node:buffer'
import { KvsError } from '../../core/errors.ts'
import { firstHeaderOf, type Request, renderAsAccepted, valueHeaders } from '../exchange/index.ts'
import { type Dialect, spooled } from './dialect.ts'
import { keyFor } from './key-decoding.ts'

const prefix = '/v1/'
const maxContentTypeLength = 255
const emptyBody = ['Content-Length', '0']

/** The dialect of /v1/KEY: a value's bytes go in and come out as they are. */
export const valueDialect: Dialect = {
  prefix,
  renderError: renderAsAccepted,
  keyOf: (request) => keyFor(request, request.path.slice(prefix.length)),
  contentTypeOf,
  valueOf: (body) => body,

  found({ value, contentType, tag }, position) {
    const headers = [
      'Content-Type',
      contentType ?? (isUtf8(value) ? 'text/plain; charset=utf-8' : 'application/octet-stream'),
      'Content-Length',
      String(value.length),
      'KVS-Position',
      position,
      ...(tag === undefined ? spooled : ['ETag', `"${tag}"`]),
      ...valueHeaders,
    ]
    return { status: 200, headers, body: value }
  },

  missing: () => new KvsError('no_such_key'),

  stored(stored, position) {
    if (stored === 'spooled') return spooledReply(position)
    const headers = ['ETag', `"${stored.tag}"`, 'KVS-Position', position, ...emptyBody]
    return { status: 201, headers, body: undefined }
  },

  deleted(stored, position) {
    if (stored === 'spooled') return spooledReply(position)
    return { status: 200, headers: ['KVS-Position', position, ...emptyBody], body: undefined }
  },

  counted({ value = '', tag }, position) {
    const headers = [
      'Content-Type',
      'text/plain; charset=utf-8',
      'Content-Length',
      String(value.length),
      'KVS-Position',
      position,
      'ETag',
      `"${tag}"`,
      ...valueHeaders,
    ]
    return { status: 200, headers, body: value }
  },
}

function spooledReply(position: string) {
  return { status: 202, headers: ['KVS-Position', position, ...spooled, ...emptyBody], body: undefined }
}

/** What a client says of the value; the type that curl sends with every body, unasked, does not count. */
function contentTypeOf(request: Request): string | undefined {
  const type = firstHeaderOf(request, 'content-type')
  if (!type || type.toLowerCase() === 'application/x-www-form-urlencoded') return undefined
  if (type.length <= maxContentTypeLength) return type
  throw new KvsError(
    'bad_request',
    `the Content-Type has ${type.length} characters; at most ${maxContentTypeLength} are kept`,
  )
}
