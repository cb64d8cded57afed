import { expect, test } from 'vitest'
import { serve } from '../serve.ts'

test('what is not HTTP, too large or too slow gets an answer as well', async () => {
  const { raw } = await serve({ headersTimeoutMs: 300, requestTimeoutMs: 300 })
  expect(await raw('GET /v1/a HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*needs one Host/)
  expect(await raw('GET /v1/a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*needs one Host/)
  expect(await raw('hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*not valid HTTP/)
  expect(await raw(`GET /v1/a HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(9_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
  expect(await raw('GET /v1/a HTTP/1.1\r\nHost: x\r\n')).toMatch(/^HTTP\/1.1 408 /)
  expect(await raw('PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab')).toMatch(/^HTTP\/1.1 408 /)
})
