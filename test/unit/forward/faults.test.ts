import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Guard } from '../../../kvs/http/exchange/caller.ts'
import { makeHttpTally } from '../../../kvs/http/exchange/request-tally.ts'
import { makeLogger } from '../../../kvs/logger/logger.ts'
import { until } from '../../support/until.ts'
import {
  cannotForward,
  freePort,
  head,
  ok,
  request,
  startClient,
  startForwarder,
  startRawTarget,
  startTarget,
} from './serve.ts'

test('where nothing listens, a request is answered with 503 and an error in JSON', async () => {
  const { url } = await startForwarder(await freePort())
  for (const init of [{}, { method: 'PUT', body: 'x' }, { method: 'DELETE' }]) {
    const answer = await fetch(`${url}/v1/a`, init)
    expect([answer.status, await answer.text()]).toEqual([503, cannotForward])
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('retry-after')).toBe('1')
  }
})

test('a client that is still sending gets that answer all the same', async () => {
  const { url } = await startForwarder(await freePort())
  const answer = await fetch(`${url}/v1/a`, { method: 'PUT', body: Buffer.alloc(3_000_000) })
  expect([answer.status, await answer.text()]).toEqual([503, cannotForward])
})

test.each([
  ['GET', ''],
  ['PUT', 'hello'],
])('a target that takes a %s and says nothing is given up on, and told so', async (method, body) => {
  const target = await startRawTarget()
  const { port } = await startForwarder(target.port, { forwardTimeoutMs: 100 })
  const answer = await request(port, method, '/v1/a', `Content-Length: ${body.length}\r\n`, body)
  expect(answer).toMatch(/^HTTP\/1.1 503 [\s\S]*\r\n\r\n{"error":"Cannot forward request"}$/)
  await until('the target is told', (await target.connection()).ended)
  expect(target.requests()).toBe(1)
})

test('a target that takes no more of a body is given up on', async () => {
  const target = await startRawTarget(({ socket }) => socket.pause())
  const { port } = await startForwarder(target.port, { forwardTimeoutMs: 200 })
  const client = startClient(port)
  client.send(head('PUT', 'Content-Length: 90000000\r\n'))
  client.send(Buffer.alloc(30_000_000))
  await client.receives(/^HTTP\/1.1 503 [\s\S]*{"error":"Cannot forward request"}/)
})

test('a slow client is not taken for a slow target', async () => {
  const target = await startRawTarget(({ socket, text }) => text().endsWith('hello') && socket.write(ok))
  const { port } = await startForwarder(target.port, { forwardTimeoutMs: 50 })
  const client = startClient(port)
  client.send(`${head('PUT', 'Content-Length: 5\r\n')}he`)
  await until('the first of it has arrived', (await target.connection()).text)
  // Begun later, these have each waited as long as is waited.
  for (let i = 0; i < 3; i++) expect(await request(port, 'GET', '/v1/silent')).toMatch(/^HTTP\/1.1 503 /)
  client.send('llo')
  await client.receives(/^HTTP\/1.1 200 OK[\s\S]*hi$/)
})

test.each([
  ['with its length', 'Content-Length: 10\r\n', 'five!'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n', '5\r\nfive!\r\n'],
])('an upload %s that breaks off has broken off for the target', async (_, header, body) => {
  const whole: boolean[] = []
  const target = await startTarget((request) => {
    request.resume().on('close', () => whole.push(request.complete))
  })
  const raw = await startRawTarget()
  for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const client = startClient((await startForwarder(target.port)).port)
    client.send(head('PUT', header) + body)
    await once(target.server, 'request')
    client.socket[end]()
  }
  await until('the target is told', () => whole.length === 3)
  expect(whole).toEqual([false, false, false])

  const client = startClient((await startForwarder(raw.port)).port)
  client.send(head('PUT', header) + body)
  const seen = await raw.connection()
  await until('it has arrived', () => seen.text().includes('five!'))
  client.socket.destroy()
  await until('the target is told', seen.ended)
  expect(seen.text()).toMatch(/five!(\r\n)?$/)
})

test('an upload that takes too long gets its 408, and has broken off for the target', async () => {
  const target = await startRawTarget()
  const { port } = await startForwarder(target.port, { headersTimeoutMs: 300, requestTimeoutMs: 300 })
  const client = startClient(port)
  client.send(`${head('PUT', 'Content-Length: 10\r\n')}five!`)
  await client.receives(/^HTTP\/1.1 408 /)
  client.socket.end()
  await until('the target is told', (await target.connection()).ended)
})

test.each([
  ['with its length', 'Content-Length: 10\r\n\r\nfive!'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n'],
])('an answer %s that breaks off has broken off for the client', async (_, rest) => {
  const target = await startRawTarget(({ socket }) => socket.write(`HTTP/1.1 200 OK\r\n${rest}`))
  const { port, url } = await startForwarder(target.port)
  for (const end of ['destroy', 'resetAndDestroy'] as const) {
    const client = startClient(port)
    client.send(head('GET'))
    await client.receives(/five!/)
    for (const { socket } of target.connections) socket[end]()
    expect(await until('the client is told', client.ended)).toBe('error')
    expect(client.text()).not.toContain('0\r\n\r\n')
  }
  const answer = await fetch(`${url}/v1/a`)
  for (const { socket } of target.connections) socket.destroy()
  await expect(answer.text()).rejects.toThrow()
})

test('an answer that comes to a halt breaks off for the client, and the target is told', async () => {
  const target = await startRawTarget(({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!'),
  )
  const { port } = await startForwarder(target.port, { forwardTimeoutMs: 100 })
  const client = startClient(port)
  client.send(head('GET'))
  await client.receives(/five!/)
  expect(await until('the client is told', client.ended)).toBe('error')
  await until('the target is told', (await target.connection()).ended)
})

test('a client that takes its answer slowly is not taken for a target that has come to a halt', async () => {
  const size = 50_000_000
  const { port: targetPort } = await startTarget((request, response) => {
    if (request.url?.endsWith('large')) response.end(Buffer.alloc(size))
  })
  const { port } = await startForwarder(targetPort, { forwardTimeoutMs: 50 })
  const client = connect(port)
  onTestFinished(() => void client.destroy())
  client.write('GET /v1/large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await once(client, 'readable')
  // Begun later, these have each waited as long as is waited.
  for (let i = 0; i < 3; i++) expect(await request(port, 'GET', '/v1/silent')).toMatch(/^HTTP\/1.1 503 /)
  let bytes = 0
  for await (const chunk of client) bytes += chunk.length
  expect(bytes).toBeGreaterThan(size)
})

test('a target is not late where the forwarder itself was held up', async () => {
  const target = await startRawTarget(({ socket }) => {
    socket.write(ok)
    const until = performance.now() + 200
    while (performance.now() < until);
  })
  const { url } = await startForwarder(target.port, { forwardTimeoutMs: 100 })
  expect(await (await fetch(`${url}/v1/a`)).text()).toBe('hi')
})

test.each([
  ['before the answer', ''],
  ['during the answer', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst'],
])('a client that goes away %s cancels its request', async (_, answer) => {
  const target = await startRawTarget(({ socket }) => socket.write(answer))
  const { port } = await startForwarder(target.port)
  const client = startClient(port)
  client.send(head('GET'))
  const seen = await target.connection()
  await until('the target has the request', seen.text)
  if (answer !== '') await client.receives(/first/)
  client.socket.destroy()
  await until('the target is told', seen.ended)
})

test.each(['destroy', 'resetAndDestroy'] as const)(
  'a request that the target has read before it ended the connection (%s) is not sent again',
  async (end) => {
    for (const [method, body] of [
      ['PUT', 'hello'],
      ['DELETE', ''],
      ['GET', ''],
    ] as const) {
      // A new connection, and one that was kept
      for (const answers of [0, 1]) {
        let answered = 0
        const target = await startRawTarget(({ socket, text }) => {
          if (!text().endsWith(`\r\n\r\n${body}`) && !text().endsWith('\r\n\r\n')) return
          if (answered++ < answers) socket.write(ok)
          else socket[end]()
        })
        const { url } = await startForwarder(target.port)
        const init = { method, ...(body && { body }) }
        if (answers > 0) expect(await (await fetch(`${url}/v1/a`)).text()).toBe('hi')
        const lost = await fetch(`${url}/v1/a`, init)
        expect([lost.status, await lost.text()]).toEqual([503, cannotForward])
        expect([target.requests(), target.connections.length]).toEqual([answers + 1, 1])
      }
    }
  },
)

test('a connection is kept for the next request, and one that the target closed meanwhile is not used', async () => {
  const target = await startRawTarget(({ socket }) => socket.write(ok))
  const { url } = await startForwarder(target.port)
  const get = async () => (await fetch(`${url}/v1/a`)).text()
  for (let i = 0; i < 3; i++) expect(await get()).toBe('hi')
  expect(target.connections).toHaveLength(1)
  const { socket } = await target.connection()
  socket.end()
  await once(socket, 'close')
  for (let i = 0; i < 3; i++) expect(await get()).toBe('hi')
  expect(target.connections).toHaveLength(2)
})

test('a connection that the target is about to close is not kept', async () => {
  const target = await startTarget((_, response) => response.end('hi'), { keepAliveTimeout: 1_000 })
  const { url } = await startForwarder(target.port)
  const ports = new Set<number | undefined>()
  target.server.on('request', ({ socket }) => ports.add(socket.remotePort))
  for (let i = 0; i < 3; i++) expect(await (await fetch(`${url}/v1/a`)).text()).toBe('hi')
  expect(ports.size).toBe(3)
})

test('a page of the forwarder’s own that fails is answered 500 and logged, and the forwarder goes on', async () => {
  const lines: unknown[] = []
  const logger = Object.assign(makeLogger({ level: 'silent', format: 'json', isTerminal: false }), {
    error: (fields: object, message: string) => void lines.push({ ...fields, message }),
  })
  const defect = new Error('a defect')
  const fail = () => {
    throw defect
  }
  const guard: Guard = { admit: fail, recognise: fail }
  const tally = Object.assign(makeHttpTally(), { requests: fail })
  const target = await startTarget((_, response) => response.end('{}'))
  const guarded = await startForwarder(target.port, { logger, guard })
  const open = await startForwarder(target.port, { logger, tally })
  for (const url of [
    `${guarded.url}/livez`,
    `${guarded.url}/readyz`,
    `${guarded.url}/metrics`,
    `${open.url}/metrics`,
  ]) {
    const answer = await fetch(url)
    expect([answer.status, await answer.text()]).toEqual([500, 'an unexpected error; see the log\n'])
    const message = `GET ${new URL(url).pathname} failed`
    expect(lines.pop()).toEqual({ err: defect, traceId: answer.headers.get('x-request-id'), message })
  }
  expect(lines).toEqual([])
  expect((await fetch(`${open.url}/livez`)).status).toBe(200)
})
