import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startProxy } from '../../../../../tools/lab/network/proxy.ts'

/** A server that sends back what it gets, a proxy before it, and a client of that. */
async function setUp() {
  const echo = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  const listen = { host: '127.0.0.1', port: 0 }
  const proxy = await startProxy(listen, { host: '127.0.0.1', port: (echo.address() as AddressInfo).port })
  onTestFinished(async () => {
    await proxy.close()
    echo.close()
  })
  const client = dial(proxy.port)
  await once(client, 'connect')
  return { proxy, client }
}

function dial(port: number): Socket {
  return connect(port, '127.0.0.1').on('error', () => undefined)
}

const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))

/** How long it takes until that many bytes are back, in milliseconds. */
async function echoed(client: Socket, bytes: number): Promise<number> {
  const since = performance.now()
  let missing = bytes
  const back = new Promise<void>((resolve) => {
    client.on('data', function count(chunk: Buffer) {
      missing -= chunk.length
      if (missing > 0) return
      client.off('data', count)
      resolve()
    })
  })
  client.write(Buffer.alloc(bytes, 'x'))
  await back
  return performance.now() - since
}

test('carries everything at once where nothing is set', async () => {
  const { client } = await setUp()
  expect(await echoed(client, 1_000_000)).toBeLessThan(5_000)
})

test('latency counts both ways, and a narrow network takes its time', async () => {
  const { proxy, client } = await setUp()
  proxy.set({ latencyMs: 50 })
  expect(await echoed(client, 10)).toBeGreaterThan(95)
  proxy.set({ bytesPerSecond: 1_000_000 })
  expect(await echoed(client, 200_000)).toBeGreaterThan(195)
})

test.each(['both', 'up', 'down'] as const)('what is held (%s) arrives when that has ended', async (holds) => {
  const { proxy, client } = await setUp()
  proxy.set({ holds })
  const back = echoed(client, 100)
  expect(await Promise.race([back, new Promise((resolve) => setTimeout(resolve, 100, 'held'))])).toBe('held')
  proxy.set({})
  await back
})

test('a cut ends connections, and new ones, until it is healed', async () => {
  const { proxy, client } = await setUp()
  proxy.set({ isCut: true })
  await closed(client)
  await closed(dial(proxy.port))
  proxy.set({})
  expect(await echoed(dial(proxy.port), 10)).toBeLessThan(5_000)
})
