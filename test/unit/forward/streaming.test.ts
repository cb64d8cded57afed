import { expect, test } from 'vitest'
import { systemClock } from '../../../kvs/lib/clock.ts'
import { until } from '../../support/until.ts'
import { freePort, head, ok, startClient, startForwarder, startRawTarget, startTarget } from './serve.ts'

test('an answer that comes while the body is being sent reaches the client, which may go on sending', async () => {
  const refusal = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!'
  const target = await startRawTarget(({ socket }) => socket.writable && socket.write(refusal))
  const { port, url } = await startForwarder(target.port)
  const large = await fetch(`${url}/v1/a`, { method: 'PUT', body: Buffer.alloc(3_000_000) })
  expect([large.status, await large.text()]).toEqual([413, 'no!'])

  const client = startClient(port)
  client.send(`${head('PUT', 'Content-Length: 100\r\n')}begun`)
  await client.receives(/^HTTP\/1.1 413 [\s\S]*\r\nConnection: close\r\n[\s\S]*no!/)
  await until('the connection is closed', client.ended)
})

test('a client that waits to be told to go on is told once its request is on its way', async () => {
  const target = await startRawTarget(({ socket, text }) => text().endsWith('hello') && socket.write(ok))
  const client = startClient((await startForwarder(target.port)).port)
  client.send(head('PUT', 'Expect: 100-continue\r\nContent-Length: 5\r\n'))
  await client.receives(/^HTTP\/1.1 100 Continue\r\n\r\n$/)
  client.send('hello')
  await client.receives(/HTTP\/1.1 200 OK[\s\S]*hi$/)
  expect((await target.connection()).text()).not.toMatch(/expect/i)

  const inVain = startClient((await startForwarder(await freePort())).port)
  inVain.send(head('PUT', 'Expect: 100-continue\r\nContent-Length: 5\r\n'))
  await inVain.receives(/^HTTP\/1.1 503 /)
})

test('a client that speaks HTTP/1.0 is not told to go on, and its body goes on all the same', async () => {
  const { port: targetPort } = await startTarget((request, response) => request.pipe(response))
  const { port } = await startForwarder(targetPort)
  const client = startClient(port)
  client.send('PUT /v1/a HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
  client.send('hi')
  await client.receives(/\r\n\r\nhi$/)
  expect(client.text()).toMatch(/^HTTP\/1.1 200 /)
})

test('what does not wait for its end goes through as it comes, both ways', async () => {
  const target = await startTarget((request, response) => {
    response.writeHead(200).flushHeaders()
    request.pipe(response)
  })
  const client = startClient((await startForwarder(target.port)).port)
  client.send(head('PUT', 'Transfer-Encoding: chunked\r\n'))
  client.send('5\r\nfirst\r\n')
  await client.receives(/^HTTP\/1.1 200 OK[\s\S]*first/)
  client.send('6\r\nsecond\r\n')
  await client.receives(/second/)
  client.send('0\r\n\r\n')
  await client.receives(/\r\n0\r\n\r\n$/)
})

test('answers that come in one turn go back together at its end; a large one goes back as it comes', async () => {
  const held: (() => void)[] = []
  let isHeld = false
  const soon = (act: () => void) => void (isHeld ? held.push(act) : systemClock.soon(act))
  const target = await startRawTarget()
  const { port } = await startForwarder(target.port, { clock: { ...systemClock, soon } })
  const clients = [0, 1, 2].map(() => startClient(port))
  for (const client of clients) client.send(head('GET'))
  for (const n of [0, 1, 2]) await until('the target has it', (await target.connection(n)).text)
  isHeld = true
  const [one, other, third] = target.connections.map(({ socket }) => socket)
  one?.write(ok)
  other?.write(ok)
  await until('the first is there', () => held.length > 0)
  third?.write(`HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n${'x'.repeat(20_000)}`)
  await until('the large one goes back', () => clients.some((client) => client.text().endsWith('xxx')))
  expect(clients.filter((client) => client.text() !== '')).toHaveLength(1)
  expect(held).toHaveLength(1)
  held[0]?.()
  await until('the others do', () => clients.filter((client) => client.text().endsWith('\r\n\r\nhi')).length === 2)
})

test('headers go ahead of a body that is not there yet', async () => {
  const target = await startRawTarget(({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\nX-Early: 1\r\nContent-Length: 2\r\n\r\n'),
  )
  const client = startClient((await startForwarder(target.port)).port)
  client.send(head('GET'))
  await client.receives(/\r\nX-Early: 1\r\n[\s\S]*\r\n\r\n$/)
  ;(await target.connection()).socket.write('hi')
  await client.receives(/hi$/)
})

test('a client that reads slowly slows the target down, and loses nothing', async () => {
  const size = 50_000_000
  let sent = 0
  const target = await startTarget((_, response) => {
    response.writeHead(200, { 'content-length': size })
    const send = (): void => {
      while (sent < size) {
        sent += 100_000
        if (!response.write(Buffer.alloc(100_000, 'x'))) return void response.once('drain', send)
      }
      response.end()
    }
    send()
  })
  const client = startClient((await startForwarder(target.port)).port)
  client.socket.pause()
  client.send(head('GET'))
  let before = 0
  let looks = 0
  await until('the target has to wait', () => {
    looks = sent === before ? looks + 1 : 0
    before = sent
    return sent > 0 && looks > 20
  })
  expect(sent).toBeLessThan(size)
  client.socket.resume()
  await until('all is there', () => client.text().length >= size)
})

test('pipelined requests reach the target in their order, one after the other', async () => {
  const order: string[] = []
  const target = await startTarget((request, response) => {
    order.push(`${request.url} begins`)
    request.resume().on('end', () =>
      setImmediate(() => {
        order.push(`${request.url} ends`)
        response.end(request.url)
      }),
    )
  })
  const client = startClient((await startForwarder(target.port)).port)
  const requests = [1, 2, 3].map((n) => `PUT /v1/${n} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx`)
  client.send(`${requests.join('')}GET /v1/4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  await until('the answers have ended', client.ended)
  expect(client.text().match(/\/v1\/\d/g)).toEqual(['/v1/1', '/v1/2', '/v1/3', '/v1/4'])
  expect(order).toEqual([1, 2, 3, 4].flatMap((n) => [`/v1/${n} begins`, `/v1/${n} ends`]))
})
