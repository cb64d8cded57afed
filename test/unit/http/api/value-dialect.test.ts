import { expect, test } from 'vitest'
import { decodeKey } from '../../../../kvs/http/api/key-decoding.ts'
import { sequenceOf } from '../../../support/tags.ts'
import { serve } from '../serve.ts'

const put = { method: 'PUT' } as const

test.each([
  ['a', 'a'],
  ['a/b', 'a/b'],
  ['a%2Fb', 'a/b'],
  ['a%2fb', 'a/b'],
  ['/a//', '/a//'],
  ['%25', '%'],
  ['%2525', '%25'],
  ['a+b', 'a+b'],
  ['a%20b', 'a b'],
  ['%22quoted%22', '"quoted"'],
  ['%F0%9F%98%80', '😀'],
  ['%3A', ':'],
  ['a:b', 'a:b'],
  ['%3Fq%23f', '?q#f'],
  ['a.b', 'a.b'],
  ['...', '...'],
  ['.a', '.a'],
  ['a%2F..%2Fb', 'a/../b'],
  ['x'.repeat(101), 'x'.repeat(101)],
  ['x'.repeat(1024), 'x'.repeat(1024)],
  ['%C3%A9'.repeat(512), 'é'.repeat(512)],
  ['constructor', 'constructor'],
])('the path %s is the key %s', (raw, key) => {
  expect(decodeKey(raw)).toBe(key)
})

test.each([
  ['%', /bad percent-encoding/],
  ['%2', /bad percent-encoding/],
  ['%zz', /bad percent-encoding/],
  ['100%', /bad percent-encoding/],
  ['%FF', /not valid UTF-8/],
  ['%C3', /not valid UTF-8/],
  ['%ED%A0%80', /not valid UTF-8/],
  ['%C0%AF', /not valid UTF-8/],
  ['a%00b', /NUL/],
  ['x'.repeat(1025), /1025 bytes; at most 1024/],
  ['%C3%A9'.repeat(513), /1026 bytes; at most 1024/],
  ['.', /clients collapse/],
  ['..', /clients collapse/],
  ['%2e%2E', /clients collapse/],
  ['.%2e', /clients collapse/],
  ['a/../b', /clients collapse/],
  ['a/.', /clients collapse/],
  ['users:', /reserved/],
  ['a#b', /written %23/],
])('the path %s is refused', (raw, message) => {
  expect(() => decodeKey(raw)).toThrow(message)
})

test('a value comes back byte for byte, with the position and the sequence that set it', async () => {
  const { url } = await serve()
  const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const stored = await fetch(`${url}/v1/a`, { ...put, body: value })
  expect(stored.status).toBe(201)
  expect(await stored.text()).toBe('')
  expect(sequenceOf(stored)).toBe(1n)
  expect(stored.headers.get('kvs-position')).toBe('cafe0123=1')
  await fetch(`${url}/v1/b`, { ...put, body: 'x' })

  const found = await fetch(`${url}/v1/a`)
  expect(found.status).toBe(200)
  expect(Buffer.from(await found.arrayBuffer())).toEqual(value)
  expect(found.headers.get('etag')).toBe(stored.headers.get('etag'))
  expect(found.headers.get('kvs-position')).toBe('cafe0123=2')
  expect(found.headers.get('x-content-type-options')).toBe('nosniff')
  expect(found.headers.get('content-security-policy')).toContain('sandbox')
})

test.each([
  ['', ''],
  ['Content-Length: 0\r\n', ''],
  ['Transfer-Encoding: chunked\r\n', '0\r\n\r\n'],
])('an empty value is a value, sent with the header "%s"', async (header, body) => {
  const { url, request } = await serve()
  expect(await request('PUT', '/v1/empty', header, body)).toMatch(/^HTTP\/1.1 201 /)
  const found = await fetch(`${url}/v1/empty`)
  expect([found.status, await found.text()]).toEqual([200, ''])
})

test('HEAD answers with the headers of GET and no body', async () => {
  const { url, request } = await serve()
  await fetch(`${url}/v1/a`, { ...put, body: 'hello' })
  const head = await request('HEAD', '/v1/a')
  const get = await request('GET', '/v1/a')
  const withoutDate = (text: string) => text.replace(/Date: .*\r\n/, '')
  expect(withoutDate(get)).toBe(`${withoutDate(head)}hello`)
  expect(await request('HEAD', '/v1/none')).toMatch(/^HTTP\/1.1 404 [\s\S]*\r\n\r\n$/)
})

test('DELETE answers 200, also where the key was not there', async () => {
  const { url, store } = await serve()
  await fetch(`${url}/v1/a`, { ...put, body: 'x' })
  for (let i = 0; i < 2; i++) {
    const answer = await fetch(`${url}/v1/a`, { method: 'DELETE' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  }
  expect(store.writes.map((write) => write.kind)).toEqual(['put', 'delete', 'delete'])
  const gone = await fetch(`${url}/v1/a`)
  expect([gone.status, await gone.text()]).toEqual([404, 'no such key\n'])
  expect(gone.headers.get('kvs-position')).toBe('cafe0123=3')
})

test.each([
  ['text/html', 'text/html', '<p>'],
  ['application/json; charset=utf-8', 'application/json; charset=utf-8', '{}'],
  ['application/x-www-form-urlencoded', 'text/plain; charset=utf-8', 'a=b'],
  ['Application/X-WWW-Form-Urlencoded', 'text/plain; charset=utf-8', 'a=b'],
  [undefined, 'text/plain; charset=utf-8', 'grüße'],
  [undefined, 'application/octet-stream', Buffer.of(0xff, 0xfe)],
])('put as %s, a value comes back as %s', async (given, returned, body) => {
  const { url } = await serve()
  // a Buffer, so that fetch adds no type of its own
  await fetch(`${url}/v1/a`, { ...put, body: Buffer.from(body), ...(given && { headers: { 'content-type': given } }) })
  expect((await fetch(`${url}/v1/a`)).headers.get('content-type')).toBe(returned)
})

test.each([
  ['/v1/%FF', 'the key is not valid UTF-8'],
  ['/v1/100%', '"%" must be followed by two hexadecimal digits'],
  ['/v1/a%00', 'NUL'],
  ['/v1/../etc', 'clients collapse'],
  ['/kvs/list:', 'reserved'],
  [`/v1/${'x'.repeat(1025)}`, '1025 bytes'],
  ['/v1/what?', undefined],
  ['/v1/what?now', 'a "?" in a key is written %3F'],
])('GET %s is answered with a sentence', async (path, sentence) => {
  const { request } = await serve()
  const answer = await request('GET', path)
  expect(answer).toMatch(sentence === undefined ? /^HTTP\/1.1 404 / : /^HTTP\/1.1 400 /)
  expect(answer).toContain(sentence ?? 'no such key')
})

test('an empty Content-Type counts as none', async () => {
  const { url, request } = await serve()
  for (const type of ['', '  ', '\t']) {
    expect(await request('PUT', '/v1/a', `Content-Type:${type}\r\nContent-Length: 2\r\n`, 'hi')).toMatch(/ 201 /)
    const answer = await fetch(`${url}/v1/a`)
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual(['text/plain; charset=utf-8', 'hi'])
  }
})

test('the absolute form names the same keys as any other, and a raw UTF-8 path is refused', async () => {
  const { raw, url } = await serve()
  await fetch(`${url}/v1/${encodeURIComponent('grüße')}`, { ...put, body: 'hi' })
  const close = 'Host: x\r\nConnection: close\r\n\r\n'
  expect(await raw(Buffer.from(`GET /v1/grüße HTTP/1.1\r\n${close}`))).toMatch(/400 Bad[\s\S]*percent-encoded/)
  expect(await raw(`GET http://x:1/v1/gr%C3%BC%C3%9Fe HTTP/1.1\r\n${close}`)).toMatch(/200 OK[\s\S]*hi$/)
  expect(await raw(`GET /%761/a HTTP/1.1\r\n${close}`)).toMatch(/404 Not Found/)
})
