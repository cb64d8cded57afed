import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { shutDownGracefully } from '../../../../kvs/http/wire/graceful-shutdown.ts'
import { closeByLingering } from '../../../../kvs/http/wire/lingering-close.ts'
import { systemClock } from '../../../../kvs/lib/clock.ts'
import { makeAuthority } from '../../../support/certificates.ts'
import { until } from '../../../support/until.ts'
import { freePort, startForwarder, startTarget } from '../../forward/serve.ts'
import { guarded } from '../guarded.ts'
import { serve } from '../serve.ts'

vi.setConfig({ testTimeout: 120_000 })

/**
 * More than two sockets' buffers hold: a server that closes before it has read all of it has bytes left to be read, so
 * that its kernel sends a reset, and the client's writing fails.
 */
const more = Buffer.alloc(32 * 1024 * 1024, 'x')

/** Which Node's types do not know of TLS. */
const halfOpen = { allowHalfOpen: true }
const open = (port: number) => connect({ port, host: '127.0.0.1', ...halfOpen })

/** Sends all of it before it reads anything; whatever goes wrong on the way is thrown. */
async function sendThenRead(socket: Socket, first: string, rest: Buffer = more): Promise<string> {
  onTestFinished(() => void socket.destroy())
  socket.pause()
  socket.write(first, 'latin1')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.write(rest, (error) => (error ? reject(error) : resolve()))
  })
  let text = ''
  socket.on('data', (data) => (text += data.toString('latin1'))).resume()
  await once(socket, 'end') // rejects with a reset
  return text
}

const put = (...headers: string[]) => ['PUT /v1/a HTTP/1.1', 'Host: x', ...headers, '', ''].join('\r\n')
const size = `Content-Length: ${more.length}`
const chunk = `${more.length.toString(16)}\r\n`

/** Each way by which a request is answered before its body, or what comes behind it, is read. */
const ways: [name: string, status: number, first: string][] = [
  ['HTTP/1.0 with chunks', 400, `PUT /v1/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`],
  ['HTTP/1.0 with chunks that have ended', 400, 'PUT /v1/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a coding nobody knows', 501, `${put('Transfer-Encoding: gzip, chunked')}${chunk}`],
  ['what is no HTTP', 400, 'hello\r\n\r\n'],
  ['what is no HTTP behind a request that closes', 404, 'GET /v1/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n\0'],
  ['a method nobody knows', 405, 'BREW /v1/a HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['CONNECT', 405, 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n'],
  ['headers too large', 431, `GET /v1/a HTTP/1.1\r\nX: ${'y'.repeat(9_000)}`],
  ['a body whose chunk is broken', 400, `${put('Transfer-Encoding: chunked')}2\r\nabcd`],
  ['a version nobody knows', 400, put(size).replace('1.1', '1.2')],
  ['two Hosts', 400, put('Host: y', size)],
  ['no key', 405, put(size).replace('/a', '/')],
  ['a key that is none', 400, put(size).replace('/a', '/%FF')],
  ['a method that keys do not take', 405, put(size).replace('PUT', 'PATCH')],
  ['a page that is not there', 404, put(size).replace('/v1/a', '/none')],
  ['another dialect', 413, put(size).replace('/v1/', '/kvs/')],
  ['a value too large', 413, put(size)],
  ['a value too large, in chunks', 413, `${put('Transfer-Encoding: chunked')}${chunk}`],
  ['one that is sent without waiting to be told to', 413, put(size, 'Expect: 100-continue')],
  ['a coded value', 415, put(size, 'Content-Encoding: gzip')],
  ['a digest that can’t be checked', 400, put(size, 'Content-MD5: x')],
  ['an upgrade', 404, 'GET /v1/a HTTP/1.1\r\nHost: x\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ['a client that says it is the last request', 404, 'GET /v1/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
]

/** A forwarder has a client go on once there is a connection to hand its body on to. */
const begins = (status: number) => new RegExp(`^(HTTP/1\\.1 100 Continue\r\n\r\n)?HTTP/1\\.1 ${status} `)

test.each(ways)('the answer to %s reaches a client that sends on: %i', async (_, status, first) => {
  const { port, store } = await serve()
  expect(await sendThenRead(open(port), first)).toMatch(begins(status))
  expect(store.writes).toEqual([])
})

test('so does the answer to whoever has no token', async () => {
  const { port } = await guarded()
  expect(await sendThenRead(open(port), put(size))).toMatch(begins(401))
})

test('so does that to one connection too many, a request or not', async () => {
  const { port } = await serve({ maxConnections: 1 })
  const served = open(port)
  served.write('GET /v1/a HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(served, 'data')
  expect(await sendThenRead(open(port), put(size))).toMatch(begins(503))
  expect(await sendThenRead(open(port), 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 503 [\s\S]*Retry-After: 1\r\n/)
  served.destroy()
})

test.each([
  ['its headers', 'GET /v1/a HTTP/1.1\r\nX: '],
  ['its body', put(size)],
])('so does a 408 to a client that was slow with %s', async (_, first) => {
  const { port } = await serve({ headersTimeoutMs: 300, requestTimeoutMs: 300, maxValueBytes: more.length })
  const socket = open(port)
  socket.write(first)
  await once(socket, 'readable') // the answer is there
  expect(await sendThenRead(socket, 'x')).toMatch(begins(408))
})

test('so does the answer to a request under way when the server stops', async () => {
  const { port, server } = await serve()
  const socket = open(port)
  const asked = once(server, 'request')
  socket.write(put('Transfer-Encoding: chunked'))
  await asked
  const finished = shutDownGracefully(
    { server, listeners: [] },
    () => Promise.resolve(),
    () => 30_000,
    systemClock,
  )
  expect(await sendThenRead(socket, chunk)).toMatch(begins(413))
  socket.end()
  await finished
})

test('so does that of a forwarder without a target, and that of a target that does not wait for the body', async () => {
  const lonely = await startForwarder(await freePort())
  expect(await sendThenRead(open(lonely.port), put(size))).toMatch(begins(503))
  const target = await serve()
  const forwarder = await startForwarder(target.port)
  for (const [name, status, first] of ways) {
    expect([name, await sendThenRead(open(forwarder.port), first)]).toEqual([
      name,
      expect.stringMatching(begins(status)),
    ])
  }
  const early = await startTarget((_, response) => response.writeHead(403).end('no'))
  const before = await startForwarder(early.port)
  expect(await sendThenRead(open(before.port), put(size))).toMatch(begins(403))
})

test('so do they over TLS, and that to plain HTTP where TLS is spoken', async () => {
  const { cert, key } = makeAuthority().issue('server')
  const { port } = await serve({ tls: { texts: { cert, key } } })
  for (const [name, status, first] of ways) {
    const socket = connectTls({ ...halfOpen, port, host: '127.0.0.1', rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    expect([name, await sendThenRead(socket, first)]).toEqual([name, expect.stringMatching(begins(status))])
  }
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const answer = await sendThenRead(open(port), put(size).replace('PUT', method))
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*this port speaks HTTPS/)
  }
})

test('a TLS client that goes away before it has said anything leaves nothing behind', async () => {
  const { cert, key } = makeAuthority().issue('server')
  const { port, server } = await serve({
    tls: { texts: { cert, key } },
    headersTimeoutMs: 1 << 30,
    requestTimeoutMs: 1 << 30,
  })
  const connected = once(server, 'connection')
  const client = open(port).resume()
  const [socket] = (await connected) as [Socket]
  client.end()
  await until('it is gone', () => socket.destroyed)
})

test('a client that neither sends nor closes is let go, and so is one that sends on and on', async () => {
  const server = createServer((_, response) => response.end('hi'))
  closeByLingering(server, systemClock, 20)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const count = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
  for (const intervalMs of [1 << 30, 5]) {
    const client = open((server.address() as AddressInfo).port)
    client.on('error', () => undefined).resume()
    client.write('GET / HTTP/1.0\r\n\r\n')
    const sending = setInterval(() => client.write('x'), intervalMs)
    onTestFinished(() => clearInterval(sending))
    await once(client, 'end')
    await until('it is let go', async () => (await count()) === 0)
    client.destroy()
  }
})
