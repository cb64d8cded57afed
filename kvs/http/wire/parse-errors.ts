import { STATUS_CODES } from 'node:http'
import { KvsError } from '../../core/errors.ts'
import { render, retryAfterSeconds } from '../exchange/index.ts'

/** An error from where there is no request: of the parser, of a timeout, of the connection. */
export type ConnectionError = Error & { code?: string; rawPacket?: Buffer }

/** Undefined where nobody is there to be answered, or nobody that speaks HTTP. */
export function unparsed({ code = '', message, rawPacket }: ConnectionError): KvsError | undefined {
  if (!/^(HPE|ERR_HTTP)_/.test(code)) return undefined
  if (code === 'HPE_HEADER_OVERFLOW') return new KvsError('headers_too_large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new KvsError('too_slow')
  // Node's parser knows a fixed set of methods
  const looksLikeMethod = /^[A-Za-z]+ \//.test(rawPacket?.subarray(0, 32).toString('latin1') ?? '')
  if (code === 'HPE_INVALID_METHOD' && looksLikeMethod) return new KvsError('method_not_allowed')
  if (code === 'HPE_INVALID_URL') {
    return new KvsError(
      'bad_key',
      'the path must begin with "/", and all but ASCII in it be percent-encoded, as curl does not by itself',
    )
  }
  return new KvsError('bad_request', `the request is not valid HTTP: ${message}`)
}

/** A whole answer as text, the last one of its connection. */
export function unparsedAnswer(error: KvsError): string {
  const [type, body] = render(error, false)
  return (
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\nConnection: close\r\nContent-Type: ${type}\r\n` +
    `X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n` +
    `${error.status === 405 ? 'Allow: GET, HEAD, PUT, DELETE\r\n' : ''}` +
    `${error.status === 503 ? `Retry-After: ${retryAfterSeconds}\r\n` : ''}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}
