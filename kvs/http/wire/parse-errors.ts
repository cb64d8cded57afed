import { KvsError } from '../../core/errors.ts'
import { reasonPhrases, renderError, retryAfterSeconds } from '../exchange/index.ts'

/** An error of Node's parser, of a timeout or of the connection, where there is no request to reply to. */
export type ConnectionError = Error & { code?: string; rawPacket?: Buffer }

/** The error for a client whose bytes are no request. Undefined where nobody is there, or nobody that speaks HTTP. */
export function parseErrorOf({ code = '', message, rawPacket }: ConnectionError): KvsError | undefined {
  if (!/^(HPE|ERR_HTTP)_/.test(code)) return undefined
  if (code === 'HPE_HEADER_OVERFLOW') return new KvsError('headers_too_large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new KvsError('too_slow')
  // Node's parser knows a fixed set of methods.
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

/** A whole response as text, the last one of its connection. */
export function lastResponse(error: KvsError): string {
  const [type, body] = renderError(error, false)
  return (
    `HTTP/1.1 ${error.status} ${reasonPhrases[error.status]}\r\nConnection: close\r\nContent-Type: ${type}\r\n` +
    `X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n` +
    `${error.status === 405 ? 'Allow: GET, HEAD, PUT, DELETE, POST\r\n' : ''}` +
    `${error.status === 503 ? `Retry-After: ${retryAfterSeconds}\r\n` : ''}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}
