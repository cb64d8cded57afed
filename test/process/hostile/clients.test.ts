import type { Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { describeOnLinux } from '../../support/skips.ts'
import { until } from '../../support/until.ts'
import { expectService, expectUnharmed, holdingOf, serveMeanwhile } from './health.ts'
import { get, open, start } from './raw-client.ts'

vi.setConfig({ testTimeout: 300_000 })

/** Writes until the other side takes no more, or until there is so much of it. */
async function flood(socket: Socket, piece: Buffer, maxBytes: number): Promise<number> {
  let taken = 0
  const isStuck = () =>
    new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(true), 2_000)
      socket.once('drain', () => {
        clearTimeout(timer)
        resolve(false)
      })
    })
  for (; taken < maxBytes; taken += piece.length) {
    if (!socket.write(piece) && (await isStuck())) break
  }
  return taken
}

describeOnLinux('a client that', () => {
  test('sends ever more requests and reads no answer is read from no more', async () => {
    const { node } = await start()
    await fetch(`${node.url}/v1/a`, { method: 'PUT', body: 'x'.repeat(1_000) })
    await expectService(node)
    const before = holdingOf(node)
    const stop = serveMeanwhile(node)
    const clients = [open(node), open(node), open(node)]
    const taken = await Promise.all(
      clients.map(({ socket }) => flood(socket, Buffer.from(get('/v1/a').repeat(1_000)), 50e6)),
    )
    for (const bytes of taken) expect(bytes).toBeLessThan(50e6)
    expect(holdingOf(node).mebibytes).toBeLessThan(before.mebibytes + 150)
    for (const { socket } of clients) socket.destroy()
    await stop()
    await expectUnharmed(node, before, 150)
  })

  test('sends 10,000 requests at once gets 10,000 answers, once it reads', async () => {
    const { node } = await start()
    const { socket, statuses } = open(node)
    socket.write(`PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx${get('/v1/a').repeat(9_999)}`)
    await expectService(node)
    socket.resume()
    await until('all are answered', () => statuses().length === 10_000, 120_000)
    expect(statuses().slice(0, 3)).toEqual([201, 200, 200])
  })

  test('sends ever more requests behind a write that waits for the log is read from no more', async () => {
    const { node, database } = await start({ KVS_APPEND_TIMEOUT: '60s', POSTGRES_TIMEOUT: '120s' })
    await expectService(node)
    const before = holdingOf(node)
    const lock = await database.connect()
    await lock.query('BEGIN')
    await lock.query('LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE')
    const { socket, statuses } = open(node)
    socket.write('PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx')
    const taken = await flood(socket, Buffer.from(get('/v1/a').repeat(1_000)), 50e6)
    expect(taken).toBeLessThan(50e6)
    expect(holdingOf(node).mebibytes).toBeLessThan(before.mebibytes + 100)
    await lock.query('ROLLBACK')
    socket.resume()
    await until('the write is answered, and what came behind it', () => statuses().length > 1_000)
    expect(statuses()[0]).toBe(201)
    socket.destroy()
    await expectUnharmed(node, before, 150)
  })

  test('is one too many is told so, with Retry-After; far too many are closed, and none keeps others out', async () => {
    const { node } = await start({ KVS_MAX_CONNECTIONS: '100', KVS_KEEPALIVE_TIMEOUT: '60s' })
    const before = holdingOf(node)
    const idle = Array.from({ length: 98 }, () => open(node))
    await until('all are connected', () => holdingOf(node).files >= before.files + 98)
    const one = open(node)
    one.socket.resume().write(get('/v1/none'))
    await until('it is served', () => one.statuses()[0] === 404)
    const more = Array.from({ length: 300 }, () => open(node))
    for (const { socket } of more)
      socket.resume().write(`PUT /v1/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx`)
    await until('all are closed', () => more.filter(({ isClosed }) => isClosed()).length >= 299)
    const told = more.filter(({ statuses }) => statuses()[0] === 503)
    expect(told.length).toBeGreaterThanOrEqual(20)
    expect(told[0]?.text()).toMatch(
      /Retry-After: 1\r\n[\s\S]*Connection: close\r\n[\s\S]*too many connections are open/,
    )
    one.socket.write(get('/livez'))
    await until('who was there first is served on', () => one.statuses()[1] === 200)
    for (const { socket } of idle) socket.destroy()
    await until('there is room again', async () => (await fetch(`${node.url}/v1/none`)).status === 404)
    for (const { socket } of more) socket.destroy()
    await expectUnharmed(node, before, 100)
  })

  test('comes over and over to a node that is full gets no file, and no time, that others need', async () => {
    const { node } = await start({ KVS_MAX_CONNECTIONS: '20' })
    const first = open(node)
    first.socket.resume().write(get('/v1/none'))
    await until('it is served', () => first.statuses().length === 1)
    const before = holdingOf(node)
    const idle = Array.from({ length: 19 }, () => open(node))
    await until('it is full', () => holdingOf(node).files >= before.files + 19)
    for (let round = 0; round < 20; round++) {
      const silent = Array.from({ length: 200 }, () => open(node))
      expect(holdingOf(node).files).toBeLessThan(before.files + 19 + 64 + 20)
      first.socket.write(get('/v1/none'))
      await until('it is served', () => first.statuses().length === 2 + round)
      for (const { socket } of silent) socket.destroy()
    }
    for (const { socket } of idle) socket.destroy()
    await expectUnharmed(node, before, 100)
  })
})
