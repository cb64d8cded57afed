import { expect, test, vi } from 'vitest'
import { describeOnLinux } from '../../support/skips.ts'
import { until } from '../../support/until.ts'
import { expectService, expectUnharmed, holdingOf, serveMeanwhile } from './health.ts'
import { get, open, start } from './raw-client.ts'

vi.setConfig({ testTimeout: 300_000 })
const connectTo = 'CONNECT x:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n'
const head = (length: number) => `PUT /v1/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`

describeOnLinux('a client that', () => {
  test('sends its headers or its body drop by drop is answered 408, however many there are', async () => {
    const { node } = await start({ KVS_HEADERS_TIMEOUT: '2s', KVS_REQUEST_TIMEOUT: '2s' })
    await expectService(node)
    const before = holdingOf(node)
    const stop = serveMeanwhile(node)
    const clients = Array.from({ length: 200 }, () => open(node))
    for (const [n, { socket }] of clients.entries())
      socket.write(n % 2 ? head(1_000_000) : 'GET /v1/a HTTP/1.1\r\n').valueOf()
    const drip = setInterval(() => {
      for (const [n, { socket }] of clients.entries()) if (socket.writable) socket.write(n % 2 ? 'x' : 'X: y\r\n')
    }, 100)
    for (const { socket } of clients) socket.resume()
    await until('all are told', () => clients.every(({ statuses }) => statuses().includes(408)))
    clearInterval(drip)
    await stop()
    await expectUnharmed(node, before, 100)
  })

  test('never reads its answer is let go after KVS_IDLE_TIMEOUT, and costs no copy of the value', async () => {
    const { node } = await start({
      KVS_IDLE_TIMEOUT: '5s',
      KVS_KEEPALIVE_TIMEOUT: '2s',
      KVS_APPEND_TIMEOUT: '1s',
      KVS_WAIT_TIMEOUT: '1s',
    })
    await fetch(`${node.url}/v1/large`, { method: 'PUT', body: Buffer.alloc(1 << 20, 'x') })
    await expectService(node)
    const before = holdingOf(node)
    const stop = serveMeanwhile(node)
    const clients = Array.from({ length: 200 }, () => open(node))
    for (const { socket } of clients) socket.write(get('/v1/large').repeat(100))
    await until('all are connected', () => clients.every(({ socket }) => !socket.connecting))
    expect(holdingOf(node).mebibytes).toBeLessThan(before.mebibytes + 450)
    await until('all are let go', () => holdingOf(node).files <= before.files + 5, 60_000)
    await stop()
    await expectUnharmed(node, before, 450)
  })

  test('goes away in the middle, by FIN or RST, of a request or of an answer, leaves nothing behind', async () => {
    const { node } = await start()
    await fetch(`${node.url}/v1/large`, { method: 'PUT', body: Buffer.alloc(1 << 20, 'x') })
    await expectService(node)
    const before = holdingOf(node)
    const parts = [
      '',
      'GET /v1/a HT',
      head(10),
      `${head(10)}abc`,
      get('/v1/large'),
      get('/v1/large').repeat(20),
      connectTo,
    ]
    for (let round = 0; round < 100; round++) {
      for (const part of parts) {
        for (const end of ['end', 'resetAndDestroy'] as const) {
          const { socket } = open(node)
          await until('it is connected', () => !socket.connecting)
          socket.write(part, () => socket[end]())
          if (end === 'end') socket.resume()
        }
      }
    }
    await expectUnharmed(node, before, 150)
  })
})
