import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { makeMemoryBudget } from '../../../../kvs/memory/memory-budget.ts'
import { until } from '../../../support/until.ts'
import { serve } from '../serve.ts'

const size = 8_000_000

async function start() {
  const budget = makeMemoryBudget(3 * size)
  const server = await serve({ maxValueBytes: size, budget })
  for (const key of ['a', 'b', 'c'])
    await server.store.write({ kind: 'put', key, value: Buffer.alloc(size), contentType: undefined })
  /** Asks for a value and reads none of it. */
  const ask = (path: string) => {
    const socket = connect(server.port, '127.0.0.1').pause()
    onTestFinished(() => void socket.destroy())
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    return socket
  }
  return { ...server, budget, ask }
}

test('answers that clients do not take are bounded; past it others are refused, until they are gone', async () => {
  const { url, budget, ask } = await start()
  const first = ask('/v1/a')
  await until('it is held', () => budget.held('answers') === size)
  const refused = await fetch(`${url}/v1/b`)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await refused.text()).toMatch(/answers wait for their clients/)
  // Small ones are not counted, headers alone hold nothing, and there is room for writes.
  expect((await fetch(`${url}/v1/b`, { method: 'HEAD' })).status).toBe(200)
  expect((await fetch(`${url}/v1/small`, { method: 'PUT', body: 'x' })).status).toBe(201)
  expect((await fetch(`${url}/v1/small`)).status).toBe(200)
  first.destroy()
  await until('it is given back', () => budget.held('answers') === 0)
  expect((await (await fetch(`${url}/v1/b`)).arrayBuffer()).byteLength).toBe(size)
  await until('that too', () => budget.held('answers') === 0)
})

test('one value that many ask for counts once, as long as one of them has not taken it', async () => {
  const { url, budget, ask } = await start()
  const readers = [ask('/v1/a'), ask('/v1/a'), ask('/v1/a')]
  const [last, ...others] = readers
  await until('it is held', () => budget.held('answers') === size)
  for (const socket of others) socket.destroy()
  expect((await fetch(`${url}/v1/b`)).status).toBe(503)
  last?.destroy()
  await until('it is given back', () => budget.held('answers') === 0)
})

test.each([
  ['plain text', 'x'.repeat(size), 1],
  ['control characters', '\0'.repeat(size), 1],
  ['one character beyond Latin-1', `☃${'x'.repeat(size - 3)}`, 2],
  ['Latin-1', 'é'.repeat(size / 2), 1],
  ['few bytes that are many as text', '\0'.repeat(10_000), 1],
])('in JSON %s counts as it is, as a string, and encoded', async (_, text, bytesEach) => {
  const { budget, ask, store, url } = await start()
  const value = Buffer.from(text)
  await store.write({ kind: 'put', key: 'a', value, contentType: undefined })
  const body = JSON.stringify({ result: 'found', value: text })
  const takes: number[] = []
  const { take } = budget
  budget.take = (purpose, ...bytes) => {
    if (purpose === 'answers') takes.push(bytes[0])
    return take(purpose, ...bytes)
  }
  expect(await (await fetch(`${url}/kvs/a`)).text()).toBe(body)
  expect(takes).toEqual([value.length + body.length * bytesEach + Buffer.byteLength(body)])
  const reader = ask('/kvs/a')
  await until('it was held', () => takes.length === 2)
  reader.destroy()
  await until('it is given back', () => budget.held('answers') === 0)
})

test('a value that is too long as JSON is answered with where it can be had', async () => {
  const { store, url, budget } = await start()
  await store.write({ kind: 'put', key: 'long', value: Buffer.alloc(100_000_000), contentType: undefined })
  for (const method of ['GET', 'HEAD']) {
    const answer = await fetch(`${url}/kvs/long`, { method })
    expect(answer.status).toBe(413)
    if (method === 'GET') expect(await answer.text()).toContain('GET /v1/KEY')
  }
  expect(budget.held('answers')).toBe(0)
})

test('an upload is held from its first byte until its write is done, whatever comes of it', async () => {
  const { port, budget, store, url } = await start()
  const open = (declared: number, body: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
    socket.write(`PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: ${declared}\r\n\r\n${body}`)
    return socket
  }
  const little = open(1_000_000, 'x'.repeat(10))
  await until('as far as it has arrived', () => budget.held('writes') === 10)
  little.write('x'.repeat(70_000))
  await until('as a whole, once it is large', () => budget.held('writes') === 1_000_000)
  little.resetAndDestroy()
  await until('it is given back', () => budget.held('writes') === 0)

  let store1: (() => void) | undefined
  const write = store.write
  store.write = async (content) => {
    await new Promise<void>((resolve) => {
      store1 = resolve
    })
    return write(content)
  }
  const whole = open(100_000, 'x'.repeat(100_000))
  await until('it waits for the log', () => store1 !== undefined)
  expect(budget.held('writes')).toBe(100_000)
  whole.destroy()
  store1?.()
  await until('it is done, for nobody', () => budget.held('writes') === 0)
  store.write = write
  store.failure = new Error('broken')
  await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x'.repeat(100_000) })
  expect(budget.held('writes')).toBe(0)
})

test.each([
  [5_000, 10],
  [500_000, 9_000],
])(
  'a body of %i bytes in pieces of %i, with and without its length, is put together as it was',
  async (length, step) => {
    const { port, budget, store } = await start()
    const body = Buffer.from(Array.from({ length }, (_, index) => (index * 31) % 251))
    for (const isChunked of [false, true]) {
      const writes = store.writes.length
      const socket = connect(port, '127.0.0.1').setNoDelay()
      onTestFinished(() => void socket.destroy())
      const coding = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
      socket.write(`PUT /v1/pieces HTTP/1.1\r\nHost: x\r\n${coding}\r\n\r\n`)
      for (let at = 0; at < length; at += step) {
        const piece = body.subarray(at, at + step)
        if (isChunked) socket.write(`${piece.length.toString(16)}\r\n`)
        socket.write(piece)
        if (isChunked) socket.write('\r\n')
        if (at % (10 * step) === 0) await until('it has begun to arrive', () => budget.held('writes') > 0)
        expect(budget.held('writes')).toBeLessThanOrEqual(2 * length)
      }
      if (isChunked) socket.write('0\r\n\r\n')
      await until('it is stored', () => store.writes.length > writes)
      expect(store.writes.at(-1)).toMatchObject({ value: body })
    }
  },
)
