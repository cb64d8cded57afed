import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../../support/until.ts'
import { startForwarder } from '../../forward/serve.ts'
import { serve } from '../serve.ts'

const chunked = 'Transfer-Encoding: chunked\r\n\r\n'

/**
 * A server with a value to delete, and a client that sends the beginning of a DELETE to it, or to a forwarder before
 * it.
 */
async function start(path: string, begin: string, options: Parameters<typeof serve>[0] & { forwards?: boolean } = {}) {
  const server = await serve(options)
  await server.store.write({ kind: 'put', key: 'a', value: Buffer.from('1'), contentType: undefined })
  const port = options.forwards ? (await startForwarder(server.port)).port : server.port
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  const seen = { answer: '' }
  socket.on('data', (data) => {
    seen.answer += data.toString('latin1')
  })
  socket.write(`DELETE ${path} HTTP/1.1\r\nHost: x\r\n${begin}`)
  // The server has had its turns to begin with the DELETE by the time that it has answered these.
  for (let n = 0; n < 3; n++) await fetch(`http://127.0.0.1:${port}/v1/a`)
  const kinds = () => server.store.writes.map(({ kind }) => kind)
  return { ...server, socket, seen, kinds }
}

const places = ['/v1/a', '/kvs/a'].flatMap((path) => [false, true].map((forwards) => [path, forwards] as const))

test.each(places)('a DELETE on %s whose rest is no HTTP is not done (forwarded: %s)', async (path, forwards) => {
  const { socket, seen, kinds } = await start(path, `${chunked}5\r\nhello\r\n`, { forwards })
  socket.write('zz\r\n')
  await until('it is answered', () => seen.answer !== '')
  expect(seen.answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*not valid HTTP/)
  expect(kinds()).toEqual(['put'])
})

test.each(['/v1/a', '/kvs/a'])('a DELETE on %s whose rest never comes is not done', async (path) => {
  const { seen, kinds } = await start(path, 'Content-Length: 5\r\n\r\nab', {
    requestTimeoutMs: 300,
    headersTimeoutMs: 300,
  })
  await until('it is answered', () => seen.answer !== '')
  expect(seen.answer).toMatch(/^HTTP\/1\.1 408 /)
  expect(kinds()).toEqual(['put'])
})

test.each(places)('a DELETE on %s whose client goes away is not done (forwarded: %s)', async (path, forwards) => {
  const { socket, server, kinds, seen } = await start(path, 'Content-Length: 5\r\n\r\nab', { forwards })
  const open = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
  const before = await open()
  socket.destroy()
  await until('the server has noticed', async () => (await open()) < before)
  expect([seen.answer, kinds()]).toEqual(['', ['put']])
})

test.each(places)('a DELETE on %s is done once all of it is there (forwarded: %s)', async (path, forwards) => {
  const { socket, seen, kinds } = await start(path, `${chunked}5\r\nhello\r\n`, { forwards })
  expect([seen.answer, kinds()]).toEqual(['', ['put']])
  socket.write('0\r\n\r\n')
  await until('it is answered', () => seen.answer !== '')
  expect(seen.answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(kinds()).toEqual(['put', 'delete'])
})

test.each(places)(
  'a client that waits to be told to go on with a DELETE on %s is told to (forwarded: %s)',
  async (path, forwards) => {
    const { socket, seen, kinds } = await start(path, 'Expect: 100-continue\r\nContent-Length: 2\r\n\r\n', { forwards })
    await until('it is told', () => seen.answer !== '')
    expect([seen.answer, kinds()]).toEqual(['HTTP/1.1 100 Continue\r\n\r\n', ['put']])
    socket.write('hi')
    await until('it is answered', () => /HTTP\/1\.1 200 /.test(seen.answer))
    expect(kinds()).toEqual(['put', 'delete'])
  },
)

test.each(['/v1/a', '/kvs/a'])(
  'a client with nothing to send is not told to go on with a DELETE on %s',
  async (path) => {
    for (const length of ['', 'Content-Length: 0\r\n']) {
      const { seen, kinds } = await start(path, `Expect: 100-continue\r\n${length}\r\n`)
      await until('it is answered', () => seen.answer !== '')
      expect(seen.answer).toMatch(/^HTTP\/1\.1 200 /)
      expect(kinds()).toEqual(['put', 'delete'])
    }
  },
)

test.each([
  ['/v1/a', 'Content-Length: 1001\r\n\r\n', 'has 1001 bytes; 1000 bytes at most'],
  ['/kvs/a', 'Content-Length: 1001\r\n\r\n', 'has 1001 bytes; 1000 bytes at most'],
  ['/v1/a', `${chunked}3e9\r\n${'x'.repeat(1001)}\r\n`, 'is larger than 1000 bytes'],
  ['/kvs/a', `Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n`, 'has 1001 bytes; 1000 bytes at most'],
])('a DELETE on %s with a body of more than a value may have is refused: %j', async (path, begin, message) => {
  const { seen, kinds } = await start(path, begin)
  await until('it is answered', () => seen.answer !== '')
  expect(seen.answer).toMatch(/^HTTP\/1\.1 413 /)
  expect(seen.answer).toContain(`the body ${message}`)
  expect(kinds()).toEqual(['put'])
})

test('a DELETE with a body that comes in many packets is done', async () => {
  const begin = `Content-Length: 900000\r\n\r\n${'x'.repeat(100_000)}`
  const { socket, seen, kinds } = await start('/v1/a', begin, { maxValueBytes: 1_000_000 })
  socket.write('x'.repeat(800_000))
  await until('it is answered', () => seen.answer !== '')
  expect(seen.answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(kinds()).toEqual(['put', 'delete'])
})
