import type { Outcome } from './wire.ts'

export interface Case {
  readonly name: string
  readonly bytes: Buffer
  /** What comes back, status after status; the server closes then. */
  readonly outcome: Outcome
  /** Where a forwarding node sees it otherwise. */
  readonly forwarded?: Outcome
}

const closed = (...statuses: number[]): Outcome => [...statuses, 'close']
const bytes = (text: string) => Buffer.from(text, 'latin1')
const repeat = (text: string, count: number) => text.repeat(count)

/** What an attacker wants to have taken for a request of its own: another 404 would be its answer. */
const tail = 'GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
const head = (line: string, ...headers: string[]) => [line, 'Host: localhost', ...headers, '', ''].join('\r\n')

/** A PUT with these headers and this body, and the tail behind. */
const put = (headers: string[], body: string) => head('PUT /v1/hostile HTTP/1.1', ...headers) + body + tail
const chunked = (body: string) => put(['Transfer-Encoding: chunked'], body)
const get = (...headers: string[]) => head('GET /v1/none HTTP/1.1', ...headers, 'Connection: close')

function all(outcome: Outcome, cases: Readonly<Record<string, string>>, forwarded?: Outcome): Case[] {
  return Object.entries(cases).map(([name, text]) => ({
    name,
    bytes: bytes(text),
    outcome,
    ...(forwarded && { forwarded }),
  }))
}

const lengths = ['+2', '-2', '0x2', '2.0', '1 1', '2,2', '2, 2', '2;', '', 'two', '99999999999999999999999', '2\v']
const encodings = ['xchunked', 'chunked, identity', 'chunked, gzip', 'identity', '"chunked"', 'chunked;q=1', 'chun ked']

/** How long the body is: where two readers differ in it, the rest of one is the next request of the other. */
const framing: Case[] = [
  ...all(closed(400), {
    'Content-Length beside chunked': put(['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    'chunked beside Content-Length': put(['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n'),
    'two lengths that differ': put(['Content-Length: 2', 'Content-Length: 3'], 'ab'),
    'two lengths that agree': put(['Content-Length: 2', 'Content-Length: 2'], 'ab'),
    ...Object.fromEntries(lengths.map((text) => [`Content-Length: ${text}`, put([`Content-Length: ${text}`], 'ab')])),
    ...Object.fromEntries(
      encodings.map((text) => [`Transfer-Encoding: ${text}`, put([`Transfer-Encoding: ${text}`], '0\r\n\r\n')]),
    ),
    'a space before the colon': put(['Transfer-Encoding : chunked'], '0\r\n\r\n'),
    'a tab before the colon': put(['Transfer-Encoding\t: chunked'], '0\r\n\r\n'),
    'a vertical tab before the value': put(['Transfer-Encoding: \vchunked'], '0\r\n\r\n'),
    'a space before the first header': head('PUT /v1/hostile HTTP/1.1').replace('Host', ' Host') + tail,
    'a length on a folded line': put(['X: y', ' Content-Length: 2'], 'ab'),
    'an encoding on a folded line': put(['Transfer-Encoding:', ' chunked'], '0\r\n\r\n'),
    'HTTP/1.0 with chunks': `${head('PUT /v1/hostile HTTP/1.0', 'Transfer-Encoding: chunked')}0\r\n\r\n${tail}`,
  }),
  ...all(closed(413), { 'a length past 2^53': put(['Content-Length: 9007199254740993'], 'ab') }),
  ...all(closed(413), { 'a length of 2^64 - 1': put(['Content-Length: 18446744073709551615'], 'ab') }, closed(400)),
  ...all(closed(201, 404), {
    'a length with spaces around it': put(['Content-Length:  2 '], 'ab'),
    'a length with zeros before it': put(['Content-Length: 0002'], 'ab'),
    'CHUNKED in capitals': put(['TRANSFER-ENCODING: CHUNKED'], '2\r\nab\r\n0\r\n\r\n'),
    'chunked without a space': put(['transfer-encoding:chunked'], '2\r\nab\r\n0\r\n\r\n'),
  }),
]

const codings = ['gzip, chunked', 'identity, chunked', 'GZIP,chunked', 'gzip\r\nTransfer-Encoding: chunked']

/** Where the body ends is known, and what it says is not. */
const coded: Case[] = all(
  closed(501),
  Object.fromEntries(
    codings.map((text) => [`Transfer-Encoding: ${text}`, put([`Transfer-Encoding: ${text}`], '2\r\nab\r\n0\r\n\r\n')]),
  ),
)

const chunks: Case[] = [
  ...all(closed(400), {
    'a chunk size that overflows': chunked('FFFFFFFFFFFFFFFFFF\r\nab\r\n0\r\n\r\n'),
    'a chunk size with 0x': chunked('0x2\r\nab\r\n0\r\n\r\n'),
    'a chunk size below 0': chunked('-2\r\nab\r\n0\r\n\r\n'),
    'a chunk size after a space': chunked(' 2\r\nab\r\n0\r\n\r\n'),
    'a chunk size before a space': chunked('2 \r\nab\r\n0\r\n\r\n'),
    'a chunk without its size': chunked('\r\nab\r\n0\r\n\r\n'),
    'a chunk longer than its size': chunked('2\r\nabcd\r\n0\r\n\r\n'),
    'chunks that end in LF alone': chunked('2\nab\n0\n\n'),
    'a chunk that ends in CR alone': chunked('2\r\nab\r0\r\n\r\n'),
    'a chunk size that ends in LF alone': chunked('2\nab\r\n0\r\n\r\n'),
    'an LF in a chunk extension': chunked('2;a\nb\r\nab\r\n0\r\n\r\n'),
    'a CR in a chunk extension': chunked('2;a\rb\r\nab\r\n0\r\n\r\n'),
    'a last chunk that ends in LF alone': chunked('2\r\nab\r\n0\n\n'),
    'a length in a trailer': chunked('2\r\nab\r\n0\r\nContent-Length: 5\r\n\r\n'),
    'an encoding in a trailer': chunked('2\r\nab\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n'),
    'a trailer that is no header': chunked('2\r\nab\r\n0\r\nno header\r\n\r\n'),
  }),
  ...all(closed(400), { 'chunk extensions of 1 MiB': chunked(`2;${repeat('a', 1 << 20)}\r\nab\r\n0\r\n\r\n`) }),
  ...all(closed(431), { 'trailers of 1 MiB': chunked(`2\r\nab\r\n0\r\nX: ${repeat('a', 1 << 20)}\r\n\r\n`) }),
  ...all(closed(201, 404), {
    'chunk extensions': chunked('2;a="b;c";d\r\nab\r\n0;e\r\n\r\n'),
    'trailers that look like headers': chunked('2\r\nab\r\n0\r\nHost: y\r\nIf-Match: "0"\r\nExpect: x\r\n\r\n'),
  }),
]

const noBytes = ['\0', '\x01', '\x7f', '\v', '\f', '\x1b']
const hex = (text: string) => text.charCodeAt(0).toString(16).padStart(2, '0')

const lines: Case[] = [
  ...all(closed(400), {
    'lines that end in LF alone': get().replaceAll('\r\n', '\n') + tail,
    'lines that end in CR alone': get().replaceAll('\r\n', '\r') + tail,
    'a header that ends in LF alone': get('X: y').replace('y\r\n', 'y\n') + tail,
    'a CR in a value': get('X: a\rTransfer-Encoding: chunked') + tail,
    'an LF in a value': get('X: a\nTransfer-Encoding: chunked\r') + tail,
    'headers that end in LF alone': `GET /v1/none HTTP/1.1\r\nHost: localhost\r\n\n${tail}`,
    'a header without a colon': get('X') + tail,
    'a header without a name': get(': y') + tail,
    'a space in a name': get('X Y: z') + tail,
    'a folded line': get('X: y', ' z') + tail,
    ...Object.fromEntries(noBytes.map((byte) => [`${hex(byte)} in a name`, get(`X${byte}: y`) + tail])),
    ...Object.fromEntries(noBytes.map((byte) => [`${hex(byte)} in a value`, get(`X: a${byte}b`) + tail])),
    'no Host': `GET /v1/none HTTP/1.1\r\nConnection: close\r\n\r\n${tail}`,
    'two Hosts': get('Host: y') + tail,
    'two Hosts that agree': get('Host: localhost') + tail,
    'HTTP/0.9': 'GET /v1/none\r\n\r\n',
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'random bytes': '\x9f\x02\xfe\x10\x00\x00\xaa\x99\r\n\r\n',
    'a TLS client': '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\r\n\r\n',
    'an SSH client': 'SSH-2.0-OpenSSH_9.2\r\n',
    ...Object.fromEntries(
      [
        'HTTP/1.2',
        'HTTP/2.0',
        'HTTP/0.9',
        'HTTP/9.9',
        'HTTP/1.10',
        'HTTP/01.1',
        'http/1.1',
        'HTTP/1.1 ',
        'HTTP/1',
        'XTTP/1.1',
      ].map((version) => [`version ${version}`, get().replace('HTTP/1.1', version) + tail]),
    ),
  }),
  ...all(closed(421), {
    'a Host that was made to lead here': get().replace('Host: localhost', 'Host: rebound.test') + tail,
  }),
  ...all(closed(404), {
    'obs-text in a value': get('X: \xe4\xff'),
    'empty lines before the request': `\r\n\r\n${get()}`,
    'HTTP/1.0 without Host': 'GET /v1/none HTTP/1.0\r\n\r\n',
    'a Host without a name': get().replace('Host: localhost', 'Host:'),
  }),
  ...all(closed(404, 404), {
    'HTTP/1.0 kept alive': `GET /v1/none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${tail}`,
  }),
]

const targets: Case[] = [
  ...all(closed(404), {
    'the absolute form with another host': get().replace('/v1/none', 'http://other.test:1/v1/none'),
  }),
  ...all(closed(200), { 'the absolute form with no path': get().replace('/v1/none', 'http://other.test') }),
  ...all(closed(404), { 'the asterisk form': get().replace('GET /v1/none', 'OPTIONS *') }, closed(400)),
  ...all(closed(400), {
    'a path without a slash': get().replace('/v1/none', 'v1/none') + tail,
    'a space in the path': get().replace('/v1/none', '/v1/no ne') + tail,
    'UTF-8 in the path': get().replace('/v1/none', '/v1/\xc3\xa4') + tail,
    'a tab in the path': get().replace('/v1/none', '/v1/no\tne') + tail,
    ...Object.fromEntries(
      noBytes.map((byte) => [`${hex(byte)} in the path`, get().replace('/none', `/n${byte}`) + tail]),
    ),
  }),
  ...all(closed(405), {
    CONNECT: `CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n${tail}`,
    'an unknown method': get().replace('GET', 'BREW') + tail,
    'a method in small letters': get().replace('GET', 'get') + tail,
  }),
  ...all(closed(400), {
    'a method of 10,000 letters': get().replace('GET', repeat('G', 10_000)) + tail,
    'NUL before the method': `\0${get()}${tail}`,
  }),
]

const sizes: Case[] = all(closed(431), {
  '100,000 headers': get(Array.from({ length: 100_000 }, (_, n) => `h${n}: v`).join('\r\n')) + tail,
  'a header of 1 MiB': get(`X: ${repeat('x', 1 << 20)}`) + tail,
  'a header’s name of 1 MiB': get(`${repeat('x', 1 << 20)}: y`) + tail,
  'a path of 1 MiB': get().replace('/none', `/${repeat('x', 1 << 20)}`) + tail,
  'a request line that does not end': `GET /${repeat('x', 1 << 20)}`,
})

const upgrades: Case[] = [
  ...all(closed(404), {
    'an upgrade to h2c': get('Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Connection: Upgrade'),
    'an upgrade to a WebSocket': get('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: eA=='),
  }),
  ...all(closed(404), {
    'an upgrade, and what would be its stream':
      head('GET /v1/none HTTP/1.1', 'Upgrade: websocket', 'Connection: Upgrade') + tail,
  }),
]

const chunkedCoding = 'Transfer-Encoding: chunked'
/** Two bytes in one chunk, and the last chunk. */
const twoBytes = '2\r\nab\r\n0\r\n\r\n'

const bodies: Case[] = [
  ...all(closed(404, 404), {
    'a GET with a body': `${head('GET /v1/none HTTP/1.1', 'Content-Length: 2')}ab${tail}`,
    'a GET with a body in chunks': `${head('GET /v1/none HTTP/1.1', chunkedCoding)}${twoBytes}${tail}`,
    'a GET whose body is a request': head('GET /v1/none HTTP/1.1', `Content-Length: ${tail.length}`) + tail + tail,
  }),
  ...all(closed(200, 404), {
    'a DELETE with a body': `${head('DELETE /v1/hostile HTTP/1.1', 'Content-Length: 2')}ab${tail}`,
    'a DELETE with a body in chunks': `${head('DELETE /v1/hostile HTTP/1.1', chunkedCoding)}${twoBytes}${tail}`,
  }),
  ...all(closed(100, 201, 404), { 'Expect: 100-continue': put(['Expect: 100-continue', 'Content-Length: 2'], 'ab') }),
  ...all(closed(201, 404), {
    'an expectation nobody knows': put(['Expect: 200-ok', 'Content-Length: 2'], 'ab'),
    '3,000 headers before chunked': put(
      [...Array.from({ length: 3_000 }, () => 'a:'), 'Transfer-Encoding: chunked'],
      '2\r\nab\r\n0\r\n\r\n',
    ),
  }),
]

export const cases: readonly Case[] = [
  ...framing,
  ...coded,
  ...chunks,
  ...lines,
  ...targets,
  ...sizes,
  ...upgrades,
  ...bodies,
]
