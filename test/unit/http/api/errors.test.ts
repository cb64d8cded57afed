import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { until } from '../../../support/until.ts'
import { notReady, serve } from '../serve.ts'

const put = { method: 'PUT' } as const

test.each([
  ['OPTIONS', '/v1/a', 'GET, HEAD, PUT, DELETE, POST'],
  ['PATCH', '/v1/a/b', 'GET, HEAD, PUT, DELETE, POST'],
  ['BREW', '/v1/a', 'GET, HEAD, PUT, DELETE, POST'],
  ['GET', '/v1', ''],
  ['PUT', '/v1/', ''],
  ['DELETE', '/v1/', ''],
  ['PUT', '/v1/:', 'GET, HEAD, DELETE, POST'],
  ['PATCH', '/v1/a:', 'GET, HEAD, DELETE, POST'],
  ['PUT', '/readyz', 'GET, HEAD'],
  ['POST', '/livez', 'GET, HEAD'],
])('%s %s is answered with 405 and Allow: %s', async (method, path, allow) => {
  const { request } = await serve()
  const answer = await request(method, path)
  expect(answer).toMatch(/^HTTP\/1.1 405 Method Not Allowed\r\n/)
  expect(/\r\nAllow: ?(.*)\r\n/.exec(answer)?.[1]).toBe(allow)
})

test.each([
  ['PATCH', '/v1/a', 'PUT, DELETE and POST'],
  ['POST', '/kvs/a', 'PUT and DELETE'],
  ['BREW', '/v1/a', 'PUT, DELETE and POST'],
  ['CONNECT', 'x:1', 'PUT, DELETE and POST'],
])('the 405 to %s %s names the methods of a key, and says how a value is stored', async (method, path, named) => {
  const { request } = await serve()
  const answer = await request(method, path)
  expect(answer).toMatch(/^HTTP\/1.1 405 /)
  expect(answer).toContain(`here: GET, HEAD, ${named} are; a value is stored with PUT`)
})

test('the 405 of another page names its own methods', async () => {
  const { request } = await serve()
  expect(await request('POST', '/readyz')).toMatch(/^HTTP\/1.1 405 [\s\S]*not allowed here: GET and HEAD are\n$/)
})

test('the 405 of a collection says how a key that ends in a colon is written', async () => {
  const { request } = await serve()
  expect(await request('PUT', '/v1/a:')).toMatch(
    /^HTTP\/1.1 405 [\s\S]*here: GET, HEAD, DELETE and POST are; a key that ends in a colon is written %3A\n$/,
  )
})

test('any other path is answered with 404', async () => {
  const { url } = await serve()
  for (const path of ['/x', '/v2/a', '/favicon.ico', '/V1/a', '/readyz/x']) {
    expect((await fetch(url + path)).status).toBe(404)
  }
})

test('an error is one line of text, or problem+json for who asks for JSON', async () => {
  const { url } = await serve()
  const plain = await fetch(`${url}/v1/a`)
  expect(plain.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(await plain.text()).toBe('no such key\n')
  for (const accept of ['application/json', 'text/html;q=0.5, application/problem+json']) {
    const problem = await fetch(`${url}/v1/a`, { headers: { accept } })
    expect(problem.headers.get('content-type')).toBe('application/problem+json')
    expect(await problem.json()).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'no such key',
      code: 'no_such_key',
    })
  }
  for (const accept of ['*/*', 'text/plain', 'application/json;q=0']) {
    const text = await fetch(`${url}/v1/a`, { headers: { accept } })
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  }
})

test('where the node can’t answer, 503 says why and when to come back', async () => {
  const { url, store } = await serve()
  store.failure = notReady
  for (const request of [{}, { ...put, body: 'x' }, { method: 'DELETE' }]) {
    const answer = await fetch(`${url}/v1/a`, request)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(await answer.text()).toBe('the log is not replayed yet\n')
  }
  store.failure = new KvsError('undecided')
  expect(await (await fetch(`${url}/v1/a`, { ...put, body: 'x' })).text()).toContain('may or may not have been stored')
})

test('a defect is told apart from what clients do, and tells them nothing', async () => {
  const { url, store } = await serve()
  store.failure = new TypeError('secret detail')
  const answer = await fetch(`${url}/v1/a`)
  expect([answer.status, await answer.text()]).toEqual([500, 'an unexpected error; see the log\n'])
})

test('readyz follows the state, livez does not', async () => {
  const { url, store } = await serve()
  for (const [state, status] of [
    ['starting', 503],
    ['replaying', 503],
    ['serving', 200],
    ['log down', 200],
    ['log diverged', 503],
    ['draining', 503],
  ] as const) {
    store.state = state
    for (const path of ['/readyz', '/healthz']) {
      const ready = await fetch(url + path)
      expect([ready.status, await ready.json()]).toEqual([status, store.status()])
      expect(ready.headers.get('retry-after')).toBe(status === 503 ? '1' : null)
    }
    expect((await fetch(`${url}/livez`)).status).toBe(200)
  }
})

test('a value that is too large is refused by its Content-Length, before it is read', async () => {
  const { port, store } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.write('PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n') // and not one byte of it
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 413 [\s\S]*1001 bytes; 1000 bytes at most/)
  socket.destroy()
  expect(store.writes).toEqual([])
})

test('a client that waits to be told to go on is told that its value is too large', async () => {
  const { port } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.write('PUT /v1/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n')
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 413 /)
  socket.destroy()
})

test('a client that waits to be told to go on is told to, where its value fits', async () => {
  const { port, store } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.write('PUT /v1/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 100 /)
  socket.write('hi')
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 201 /)
  socket.destroy()
  expect(store.writes).toHaveLength(1)
})

test('a client that speaks HTTP/1.0 is not told to go on, and its value is stored', async () => {
  const { raw, store } = await serve()
  const answer = await raw('PUT /v1/a HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n', 'hi')
  expect(answer).toMatch(/^HTTP\/1.1 201 /)
  expect(store.writes).toHaveLength(1)
})

test('a client that is still sending a value that is too large gets its answer all the same', async () => {
  const { url, store, request } = await serve()
  const large = await fetch(`${url}/v1/a`, { ...put, body: Buffer.alloc(3_000_000) })
  expect(large.status).toBe(413)
  const body = `${(700).toString(16)}\r\n${'x'.repeat(700)}\r\n`
  const chunked = await request('PUT', '/v1/a', 'Transfer-Encoding: chunked\r\n', `${body}${body}0\r\n\r\n`)
  expect(chunked).toMatch(/^HTTP\/1.1 413 [\s\S]*larger than 1000 bytes/)
  expect(store.writes).toEqual([])
  expect((await fetch(`${url}/v1/a`, { ...put, body: Buffer.alloc(1_000) })).status).toBe(201)
})

test.each([
  ['with Content-Length', 'Content-Length: 10\r\n\r\nfive!'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n'],
])('an upload %s that breaks off writes nothing', async (_, rest) => {
  const { port, store, url } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.write(`PUT /v1/a HTTP/1.1\r\nHost: x\r\n${rest}`)
  await until('it is connected', () => !socket.connecting)
  socket.resume().end()
  await once(socket, 'close')
  expect((await fetch(`${url}/v1/a`)).status).toBe(404)
  expect(store.writes).toEqual([])
})

test('pipelined requests take effect in their order', async () => {
  const { raw, store } = await serve()
  const head = '/v1/a HTTP/1.1\r\nHost: x\r\n'
  const answers = await raw(
    `PUT ${head}Content-Length: 1\r\n\r\nxDELETE ${head}\r\nPUT ${head}Content-Length: 1\r\n\r\ny`,
    `GET ${head}Connection: close\r\n\r\n`,
  )
  expect(answers.match(/HTTP\/1.1 \d+/g)?.map((line) => line.slice(-3))).toEqual(['201', '200', '201', '200'])
  expect(answers.endsWith('y')).toBe(true)
  expect(store.writes.map((write) => write.kind)).toEqual(['put', 'delete', 'put'])
})

test('a connection on which nothing moves is closed', async () => {
  const { raw } = await serve({ idleTimeoutMs: 200 })
  expect(await raw('')).toBe('')
})

test('what all clients are sending is bounded; who is past it is answered at once, and others finish', async () => {
  const { port, url } = await serve({ maxValueBytes: 60_000, maxWaitingBytes: 100_000 })
  const half = 'x'.repeat(40_000)
  const open = (key: string) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    socket.write(`PUT /v1/${key} HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n${half}`)
    return { socket, answer: () => answer }
  }
  const slow = [open('a'), open('b')]
  await until('the third is refused', async () => {
    const third = open('c')
    await Promise.race([once(third.socket, 'data'), once(third.socket, 'close')])
    third.socket.destroy()
    return /^HTTP\/1.1 503 [\s\S]*Retry-After: 1[\s\S]*nothing was stored/.test(third.answer())
  })
  for (const { socket } of slow) socket.write('x'.repeat(10_000))
  await until('the others are done', () => slow.every(({ answer }) => answer().startsWith('HTTP/1.1 201')))
  expect((await fetch(`${url}/v1/c`, { ...put, body: half })).status).toBe(201)
  for (const { socket } of slow) socket.destroy()
})
