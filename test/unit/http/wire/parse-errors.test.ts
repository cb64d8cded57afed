import { expect, test } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { lastResponse, parseErrorOf } from '../../../../kvs/http/wire/parse-errors.ts'

const errorOf = (code: string, packet = '') =>
  parseErrorOf(Object.assign(new Error('why'), { code, rawPacket: Buffer.from(packet) }))?.code

test.each([
  ['HPE_HEADER_OVERFLOW', '', 'headers_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '', 'too_slow'],
  ['HPE_INVALID_METHOD', 'BREW /v1/a HTTP/1.1', 'method_not_allowed'],
  ['HPE_INVALID_METHOD', '\x16\x03\x01', 'bad_request'],
  ['HPE_INVALID_URL', 'GET v1 HTTP/1.1', 'bad_key'],
  ['HPE_INVALID_CONSTANT', '', 'bad_request'],
  ['ECONNRESET', '', undefined],
])('the parser’s %s on %j is %s', (code, packet, expected) => {
  expect(errorOf(code, packet)).toBe(expected)
})

test('a last response is whole, and closes the connection', () => {
  expect(lastResponse(new KvsError('too_many_connections'))).toBe(
    'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      'X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nRetry-After: 1\r\nContent-Length: 48\r\n\r\n' +
      'too many connections are open; nothing was done\n',
  )
})
