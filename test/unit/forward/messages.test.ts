import { assert, asyncProperty, constantFrom, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { cannotForward, request, startClient, startForwarder, startRawTarget, startTarget } from './serve.ts'

/** Answers with what it was sent, and where. */
const echo = () =>
  startTarget((request, response) => {
    response.writeHead(200, ['X-Method', request.method ?? '', 'X-Url', request.url ?? ''])
    request.pipe(response)
  })

/** Answers with the headers it was sent, one a line. */
const tellHeaders = () =>
  startTarget(({ rawHeaders }, response) => {
    const lines = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : []))
    response.end(lines.join('\n'), 'latin1')
  })

const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4)

test.each([
  ['GET', '/v1/a', ''],
  ['GET', '/v1/a%2Fb/../%FF?x=1&y#z', ''],
  ['GET', '//', ''],
  ['DELETE', '/v1/a', ''],
  ['DELETE', '/v1/a', 'with a body'],
  ['GET', '/v1/a', 'with a body'],
  ['PUT', '/v1/a', 'value'],
  ['POST', '/livez', 'value'],
  ['PATCH', '/v1/a?b', 'value'],
  ['OPTIONS', '/v1/a', ''],
  ['BREW', '/v1/a', ''],
])('%s %s goes on with its path as it came, and its body %j', async (method, path, body) => {
  const { port } = await startForwarder((await echo()).port)
  if (method === 'BREW') return expect(await request(port, method, path)).toMatch(/^HTTP\/1.1 405 /)
  const length = body ? `Content-Length: ${body.length}\r\n` : ''
  const answer = await request(port, method, path, length, body)
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  expect(answer).toContain(`\r\nX-Method: ${method}\r\nX-Url: ${path}\r\n`)
  expect(bodyOf(answer)).toContain(body)
})

test('any body comes through, with its length or in chunks', async () => {
  const { url } = await startForwarder((await echo()).port)
  const sizes = constantFrom(0, 1, 1_000, 16_384, 65_536, 300_000)
  await assert(
    asyncProperty(uint8Array({ maxLength: 50 }), sizes, constantFrom(true, false), async (bytes, size, isChunked) => {
      const body = Buffer.concat([bytes, Buffer.alloc(size, 'x')])
      const init = isChunked ? { body: new Blob([body]).stream(), duplex: 'half' as const } : { body }
      const answer = await fetch(`${url}/v1/a`, { method: 'PUT', ...init })
      expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

test('a request’s headers go on as they came, but for those of the connection', async () => {
  const { port } = await startForwarder((await tellHeaders()).port)
  const hopByHop = [
    ...['Connection: X-Named, x-other', 'X-Named: 1', 'x-OTHER: 2', 'Keep-Alive: timeout=5', 'Proxy-Connection: close'],
    ...['TE: trailers', 'Trailer: X-Later', 'Upgrade: websocket', 'Transfer-Encoding: chunked', 'Expect: nothing'],
  ]
  const kept = ['X-Case: Kept', 'x-twice: 1', 'X-Twice: 2', 'If-Match: "1"', 'KVS-Position: a=1', 'X-Latin: caf\xe9']
  const answer = await request(
    port,
    'PUT',
    '/v1/a',
    `${[...hopByHop, ...kept].join('\r\n')}\r\n`,
    '1\r\nx\r\n0\r\n\r\n',
  )
  const lines = bodyOf(answer).split('\n')
  for (const line of kept) expect(lines).toContain(line)
  const names = lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
  expect(names.filter((name) => !/^x-(case|twice|latin)$/.test(name)).toSorted()).toEqual(
    // The last two are undici's, about its own connection.
    ['host', 'if-match', 'kvs-position', 'via', 'traceparent', 'connection', 'transfer-encoding'].toSorted(),
  )
  expect(lines).toContain('connection: keep-alive')
})

test('the target gets the Host that the client has sent, and one more name in Via', async () => {
  const { port } = await startForwarder((await tellHeaders()).port)
  const answer = await request(port, 'GET', '/v1/a', 'Via: 1.0 fred, 1.1 p.example.net\r\n')
  expect(bodyOf(answer)).toMatch(/^host: x$/m)
  expect(bodyOf(answer)).toMatch(/^Via: 1.0 fred, 1.1 p.example.net\nVia: 1.1 kvs-[0-9a-f]{16}$/m)
})

test('a request without a Host, or with two, is refused; HTTP/1.0 needs none', async () => {
  const target = await tellHeaders()
  const { port } = await startForwarder(target.port)
  for (const hosts of ['', 'Host: a\r\nHost: b\r\n']) {
    const client = startClient(port)
    client.send(`GET /v1/a HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`)
    await client.receives(/^HTTP\/1.1 400 [\s\S]*{"error":"a request needs one Host header/)
  }
  const old = startClient(port)
  old.send('GET /v1/a HTTP/1.0\r\n\r\n')
  const [, host, via] = await old.receives(/^HTTP\/1.1 200 [\s\S]*host: (.*)\n[\s\S]*Via: 1.0 (.*)/)
  expect([host, via]).toEqual([`127.0.0.1:${target.port}`, expect.stringMatching(/^kvs-/)])
})

test('the absolute form goes on as a path, and what is no path is refused', async () => {
  const { port } = await startForwarder((await echo()).port)
  expect(await request(port, 'GET', 'http://x:1/v1/a?b')).toContain('\r\nX-Url: /v1/a?b\r\n')
  expect(await request(port, 'PUT', 'HTTP://x')).toContain('\r\nX-Url: /\r\n')
  expect(await request(port, 'OPTIONS', '*')).toMatch(/^HTTP\/1.1 400 [\s\S]*{"error":"only a path can be forwarded"}$/)
})

test('an answer comes back as it is, but for the headers of the connection', async () => {
  const target = await startRawTarget(({ socket }) => {
    const headers = [
      ...['Connection: X-Named', 'X-Named: 1', 'Keep-Alive: timeout=30', 'Proxy-Connection: x', 'Trailer: X-Later'],
      ...['Upgrade: h2c', 'ETag: "1"', 'set-cookie: a', 'Set-Cookie: b', 'X-Latin: caf\xe9', 'Date: yesterday'],
    ]
    socket.write(
      Buffer.from(`HTTP/1.1 299 Quite Fine\r\n${headers.join('\r\n')}\r\nContent-Length: 2\r\n\r\nhi`, 'latin1'),
    )
  })
  const { port } = await startForwarder(target.port)
  expect(await request(port, 'GET', '/v1/a')).toBe(
    'HTTP/1.1 299 Quite Fine\r\nETag: "1"\r\nset-cookie: a\r\nSet-Cookie: b\r\n' +
      'X-Latin: caf\xe9\r\nDate: yesterday\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi',
  )
})

test.each([
  [
    'HEAD',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    /^HTTP\/1.1 200 OK\r\nContent-Length: 5\r\n[\s\S]*\r\n\r\n$/,
  ],
  [
    'GET',
    'HTTP/1.1 204 No Content\r\n\r\n',
    /^HTTP\/1.1 204 No Content\r\n(?!Content-Length|Transfer)[\s\S]*\r\n\r\n$/,
  ],
  [
    'GET',
    'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n',
    /^HTTP\/1.1 304 Not Modified\r\nETag: "1"\r\n[\s\S]*\r\n\r\n$/,
  ],
  ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1.1 200 OK\r\nContent-Length: 0\r\n[\s\S]*\r\n\r\n$/],
  [
    'GET',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\nTransfer-Encoding: chunked\r\n\r\n[\s\S]*abc[\s\S]*de\r\n0\r\n\r\n$/,
  ],
  [
    'GET',
    'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\nhi$/,
  ],
  ['GET', 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno', /^HTTP\/1.1 404 Not Found\r\n[\s\S]*\r\n\r\nno$/],
  [
    'PUT',
    'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n',
    /^HTTP\/1.1 503 [\s\S]*\r\nRetry-After: 7\r\n/,
  ],
])('%s is answered %j', async (method, answer, expected) => {
  const target = await startRawTarget(({ socket }) => socket.write(answer))
  const { port } = await startForwarder(target.port)
  expect(await request(port, method, '/v1/a')).toMatch(expected)
})

test.each([
  ['one that a byte spoils', Buffer.from('Gr\xf6', 'latin1')],
  ['one with characters that a status line can’t have', Buffer.from('Fine \u{1f600}')],
])('%s is no reason phrase to pass back', async (_, reason) => {
  const line = Buffer.concat([Buffer.from('HTTP/1.1 200 '), reason, Buffer.from('\r\nContent-Length: 2\r\n\r\nhi')])
  const target = await startRawTarget(({ socket }) => socket.write(line))
  const { port } = await startForwarder(target.port)
  expect(await request(port, 'GET', '/v1/a')).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*hi$/)
})

test('of hundreds of names in Connection, each is dropped', async () => {
  const names = Array.from({ length: 500 }, (_, index) => `x${index}`)
  const { port } = await startForwarder((await tellHeaders()).port)
  const named = names.map((name) => `${name.toUpperCase()}: 1\r\n`).join('')
  const answer = await request(port, 'GET', '/v1/a', `Connection: ,, ${names.join(',')}\r\n${named}Kept: 1\r\n`)
  expect(bodyOf(answer)).not.toMatch(/x\d/i)
  expect(bodyOf(answer)).toContain('Kept: 1')
})

test('an answer that ends with its connection is whole, and in one piece for HTTP/1.0', async () => {
  const target = await startRawTarget(({ socket }) => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'))
  const { port } = await startForwarder(target.port)
  expect(await (await fetch(`http://127.0.0.1:${port}/v1/a`)).text()).toBe('all of it')
  const old = startClient(port)
  old.send('GET /v1/a HTTP/1.0\r\n\r\n')
  await old.receives(/\r\n\r\nall of it$/)
})

test.each([
  'hello\r\n\r\n',
  'HTTP/1.1 abc\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
])('a target that answers %j has not answered', async (answer) => {
  const target = await startRawTarget(({ socket }) => socket.write(answer))
  const { port } = await startForwarder(target.port)
  expect(bodyOf(await request(port, 'GET', '/v1/a'))).toBe(cannotForward)
})

test('a trace’s state goes on as it came, and only with its trace', async () => {
  const { port } = await startForwarder((await tellHeaders()).port)
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const told = async (traceparent: string) =>
    bodyOf(await request(port, 'GET', '/v1/a', `traceparent: ${traceparent}\r\ntracestate: a=1, b=2\r\n`)).split('\n')
  const known = await told(`00-${trace}-00f067aa0ba902b7-01`)
  expect(known).toContain('tracestate: a=1, b=2')
  expect(known.filter((line) => /^traceparent: /.test(line))).toEqual([
    expect.stringMatching(new RegExp(`^traceparent: 00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`)),
  ])
  const unknown = await told(`00-${trace}-0-01`)
  expect(unknown.join()).not.toMatch(/tracestate/)
  expect(unknown.join()).toMatch(/traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00/)
  expect(unknown.join()).not.toContain(trace)
})
