import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { refuseUnmet } from '../../../../kvs/http/api/refused-headers.ts'
import { systemClock } from '../../../../kvs/lib/clock.ts'
import { startForwarder } from '../../forward/serve.ts'
import { serve } from '../serve.ts'

const body = '{"value":1}'
const length = `Content-Length: ${body.length}\r\n`
const paths = ['/v1/a', '/kvs/a']

const refusedOnWrites = [
  ['ttl', '60', 'ttl is not supported: a PUT says when its key ends by KVS-TTL: 60s, KVS-Expires: 2030-'],
  ['X-Expires-In', '60', 'X-Expires-In is not supported: a PUT says when its key ends by KVS-TTL'],
  ['Expires', 'Fri, 31 Dec 2100 00:00:00 GMT', 'or X-TTL: 60'],
  ['X-Expires', '0', 'a PUT says when its key ends'],
  ['X-Delete-After', '60', 'a PUT says when its key ends'],
  ['X-Idempotency-Key', 'abc', 'send Idempotency-Key'],
  ['Content-Range', 'bytes 0-0/2', 'Content-Range is not supported with a value'],
  ['Content-Language', 'de', 'Content-Language is not supported with a value'],
  ['Content-Disposition', 'attachment', 'nothing of it would be kept'],
  ['Content-Transfer-Encoding', 'base64', 'nothing of it would be kept'],
  ['If-Unmodified-Since', 'Sat, 28 Nov 2026 00:00:00 GMT', 'conditions are If-Match and If-None-Match'],
  ['If', '(["1"])', 'conditions are If-Match and If-None-Match'],
] as const

test.each(refusedOnWrites)('a write with %s: %s is refused, not done without it', async (name, value, message) => {
  const { request, store } = await serve()
  for (const path of paths) {
    for (const [method, framing, sent] of [
      ['PUT', length, body],
      ['DELETE', '', ''],
    ] as const) {
      const answer = await request(method, path, `${name}: ${value}\r\n${framing}`, sent)
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).toContain(message)
      expect(answer).toContain('nothing was done')
    }
  }
  expect(store.writes).toEqual([])
})

test.each([
  ['KVS-Ttl-Seconds', '60', 'KVS-Ttl-Seconds is none of the headers that this service takes'],
  ['KVS-Position', 'cafe0123=0', 'KVS-Min-Position, KVS-TTL and KVS-Expires are'],
  ['X-HTTP-Method-Override', 'DELETE', 'send the method itself'],
])('no request is done with %s: %s', async (name, value, message) => {
  const { request, store } = await serve()
  for (const path of paths) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const sent = method === 'PUT' ? body : ''
      const answer = await request(method, path, `${name}: ${value}\r\nContent-Length: ${sent.length}\r\n`, sent)
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).toContain(message)
    }
    expect(await request('HEAD', path, `${name}: ${value}\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
  }
  expect(store.writes).toEqual([])
})

test.each([
  ['KVS-TTL', '60s'],
  ['KVS-Expires', '2030-01-01T00:00:00Z'],
  ['X-TTL', '60'],
])('%s: %s belongs to a PUT', async (name, value) => {
  const { request, store } = await serve()
  for (const path of paths) {
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      const answer = await request(method, path, `${name}: ${value}\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      if (method !== 'HEAD') {
        expect(answer).toContain(`${name} belongs to a PUT, which gives its key a lifetime; nothing was done`)
      }
    }
    expect(await request('PUT', path, `${name}: ${value}\r\n${length}`, body)).toMatch(/^HTTP\/1\.1 20[01] /)
  }
  expect(store.writes).toHaveLength(2)
})

test('what asks for nothing that is not given is passed over', async () => {
  const { request, store } = await serve()
  const headers = [
    'Content-Location: /elsewhere',
    'If-Range: "1"',
    'If-Modified-Since: Sat, 28 Nov 2026 00:00:00 GMT',
    'Cache-Control: no-cache',
    'Pragma: no-cache',
    'Expires: 0',
    'Prefer: return=minimal',
    'Range: bytes=0-0',
    'Accept-Encoding: gzip',
    'X-Request-Id: 1',
    'X-Forwarded-For: ::1',
  ]
  for (const path of paths) {
    expect(await request('PUT', path, `${headers.join('\r\n')}\r\n${length}`, body)).toMatch(/^HTTP\/1\.1 20[01] /)
    expect(await request('GET', path, 'TTL: 60\r\nIf-Modified-Since: never\r\n')).toMatch(/^HTTP\/1\.1 200 /)
  }
  expect(store.writes).toHaveLength(2)
})

test('a coded body is refused with 415 and what would be taken, by a node and through a forwarder', async () => {
  const { port, store } = await serve()
  const forwarder = await startForwarder(port)
  for (const url of [`http://127.0.0.1:${port}`, forwarder.url]) {
    for (const path of paths) {
      const headers = { 'Content-Encoding': 'gzip', 'Content-Type': 'application/json' }
      const answer = await fetch(`${url}${path}`, { method: 'PUT', headers, body: gzipSync(body) })
      expect([answer.status, answer.headers.get('accept-encoding')]).toEqual([415, 'identity'])
      expect(await answer.text()).toContain('taken without a Content-Encoding')
    }
  }
  expect(store.writes).toEqual([])
})

test.each(['gzip', 'identity, br', 'deflate\r\nContent-Encoding: identity', 'aws-chunked', 'none'])(
  'the coding %s is refused',
  async (coding) => {
    const { request, store } = await serve()
    const answer = await request('PUT', '/v1/a', `Content-Encoding: ${coding}\r\n${length}`, body)
    expect(answer).toMatch(/^HTTP\/1\.1 415 [\s\S]*\r\nAccept-Encoding: identity\r\n/)
    expect(store.writes).toEqual([])
  },
)

test.each(['', 'identity', 'Identity', 'identity, '])('the coding %j is none', async (coding) => {
  const { request, store } = await serve()
  expect(await request('PUT', '/v1/a', `Content-Encoding: ${coding}\r\n${length}`, body)).toMatch(/^HTTP\/1\.1 201 /)
  expect(store.writes).toHaveLength(1)
})

const expiring = (value: string) => ({ headers: ['Expires', value], method: 'PUT', clock: systemClock })

test.each(['', '0', '-1', ' 0 ', '\xa0-1\xa0', '\t', 'Thu, 01 Jan 1970 00:00:00 GMT'])(
  'Expires: %j is over, and asks for no lifetime',
  (value) => expect(() => refuseUnmet(expiring(value))).not.toThrow(),
)

test.each(['-', '\xa0x', 'tomorrow'])('Expires: %j is not over', (value) => {
  expect(() => refuseUnmet(expiring(value))).toThrow('a PUT says when its key ends')
})

test('a header of many blanks is judged in a time that grows no faster than it', () => {
  const judge = (blanks: number) => {
    const headers = expiring(`${'\xa0'.repeat(blanks)}x`)
    const begun = performance.now()
    expect(() => refuseUnmet(headers)).toThrow('a PUT says when its key ends')
    return performance.now() - begun
  }
  judge(1_000)
  // Less than a millisecond; ten seconds and more where it grows with the square.
  expect(judge(100_000)).toBeLessThan(2_000)
})
