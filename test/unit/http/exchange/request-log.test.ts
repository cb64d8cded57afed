import { expect, test } from 'vitest'
import { makeLogger } from '../../../../kvs/logger/logger.ts'
import { type RequestLine, requestText } from '../../../../kvs/logger/request-line.ts'
import { until } from '../../../support/until.ts'
import { bearer, guarded } from '../guarded.ts'
import { serve } from '../serve.ts'

/** A server that puts its lines here. */
async function logged(slowRequestMs: number) {
  const [debug, warn]: [RequestLine[], RequestLine[]] = [[], []]
  const logger = Object.assign(makeLogger({ level: 'debug', format: 'json', isTerminal: false }), {
    debug: (line: RequestLine) => void debug.push(line),
    warn: (line: RequestLine) => void warn.push(line),
  })
  return { ...(await serve({ logger, slowRequestMs })), debug, warn }
}

test('an upload that is refused at once is no slow request, however long the rest of it is awaited', async () => {
  const { raw, debug, warn } = await logged(900)
  const answer = await raw('PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n')
  expect(answer).toMatch(/^HTTP\/1.1 413 /)
  await until('it is told', () => debug.length + warn.length === 1)
  expect(warn).toEqual([])
  expect(debug).toMatchObject([{ key: 'a', status: 413 }])
})

test('of keys and paths a line has 200 characters, at warn too', async () => {
  const long = 'x'.repeat(1_000)
  for (const [slow, part] of [
    [0, 'warn'],
    [Infinity, 'debug'],
  ] as const) {
    const server = await logged(slow)
    await fetch(`${server.url}/v1/${long}`)
    await fetch(`${server.url}/${long}`)
    await until('they are told', () => server[part].length === 2)
    expect(server[part].map(({ key, path }) => key ?? path)).toEqual([
      `${long.slice(0, 200)}…`,
      `/${long.slice(0, 199)}…`,
    ])
  }
})

test('of the absolute form a line has the path alone', async () => {
  const { raw, debug } = await logged(Infinity)
  for (const target of ['http://user:passw0rd@h/nopage', 'HTTPS://user:passw0rd@h', 'ftp://user:passw0rd@h/x?y']) {
    await raw(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
  }
  await until('they are told', () => debug.length === 3)
  expect(debug.map(({ path }) => path)).toEqual(['/nopage', '', '/x'])
})

test('what a terminal would do, or show elsewhere, is written out in a line for people', () => {
  const line = (key: string) => requestText({ method: 'GET', key, ms: 1 })
  expect(line('a\x1b[2J')).toBe(String.raw`GET key="a\u001b[2J" 1ms`)
  for (const code of [0x7f, 0x80, 0x9b, 0x9f, 0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069]) {
    const written = `\\u${code.toString(16).padStart(4, '0')}`
    expect(line(`a${String.fromCharCode(code)}b`)).toBe(`GET key="a${written}b" 1ms`)
  }
  expect(line('é – 😀')).toBe('GET key="é – 😀" 1ms')
})

test('a line of the log names the token, and never shows it', async () => {
  const lines: RequestLine[] = []
  const logger = Object.assign(makeLogger({ level: 'debug', format: 'json', isTerminal: false }), {
    debug: (line: RequestLine) => void lines.push(line),
  })
  const { url } = await guarded({ logger })
  for (const dialect of ['/v1/', '/kvs/']) {
    await fetch(`${url}${dialect}a/x`, { method: 'PUT', body: '{"value":1}', headers: bearer('bounded') })
    await fetch(`${url}${dialect}a/x`, { headers: bearer('bounded') })
    await fetch(`${url}${dialect}c`, { headers: bearer('bounded') })
    await fetch(`${url}${dialect}a/x`, { method: 'DELETE', headers: bearer('bounded') })
    await fetch(`${url}${dialect}a/x`)
    await fetch(`${url}${dialect}a/x`, { headers: bearer('wrong') })
  }
  const shown = lines.map((line) => requestText(line).replace(/ \d+ms$/, ''))
  expect(shown).toEqual([
    'PUT key=a/x status=201 bytes=11 sequence=1 by=bounded',
    'GET key=a/x status=200 bytes=11 by=bounded',
    'GET key=c status=403 forbidden by=bounded',
    'DELETE key=a/x status=200 sequence=2 by=bounded',
    'GET /v1/a/x status=401 unauthorized',
    'GET /v1/a/x status=401 unauthorized',
    'PUT key=a/x status=201 bytes=1 sequence=3 by=bounded',
    'GET key=a/x status=200 bytes=1 by=bounded',
    'GET key=c status=403 forbidden by=bounded',
    'DELETE key=a/x status=200 sequence=4 by=bounded',
    'GET /kvs/a/x status=401 unauthorized',
    'GET /kvs/a/x status=401 unauthorized',
  ])
  expect(JSON.stringify(lines)).not.toContain('0123456789abcdef')
})
