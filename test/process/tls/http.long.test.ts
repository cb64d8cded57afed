import { expect, test, vi } from 'vitest'
import { makeAuthority } from '../../support/certificates.ts'
import { ask } from '../../support/https.ts'
import { until } from '../../support/until.ts'
import { holdingOf } from '../hostile/health.ts'
import { startTlsNode } from './tls-node.ts'
import { anyCertificate, get, open, put } from './tls-requests.ts'

vi.setConfig({ testTimeout: 180_000 })

test('pipelined requests take effect in their order, and a client that does not read is read from no more', async () => {
  const node = await startTlsNode(makeAuthority().issue('server'))
  const { socket, statuses } = await open(node)
  socket.write(`${put(1)}x${get}DELETE /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n${get}`)
  await until('all are answered', () => statuses().length === 4)
  expect(statuses()).toEqual([201, 200, 200, 404])

  const before = holdingOf(node)
  socket.pause()
  const piece = Buffer.from(get.repeat(1_000))
  let taken = 0
  const feed = () => {
    while (taken < 30e6 && socket.write(piece)) taken += piece.length
  }
  socket.on('drain', feed)
  feed()
  let last = -1
  await until('it takes no more', async () => {
    const isStuck = taken === last
    last = taken
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    return isStuck
  })
  expect(taken).toBeLessThan(30e6)
  expect(holdingOf(node).mebibytes).toBeLessThan(before.mebibytes + 100)
  expect((await ask(`${node.url}/livez`, anyCertificate)).status).toBe(200)
})

test('who sends nothing, or not the whole of its headers or its body, is answered 408 in time', async () => {
  const times = {
    KVS_HEADERS_TIMEOUT: '1s',
    KVS_REQUEST_TIMEOUT: '1s',
    KVS_IDLE_TIMEOUT: '4s',
    KVS_KEEPALIVE_TIMEOUT: '1s',
  }
  const more = { KVS_APPEND_TIMEOUT: '1s', KVS_WAIT_TIMEOUT: '1s' }
  const node = await startTlsNode(makeAuthority().issue('server'), { ...times, ...more })
  for (const [part, status] of [
    ['GET /v1/a HT', 408],
    [`${put(5)}ab`, 408],
    ['', 408],
  ] as const) {
    const { socket, statuses } = await open(node)
    socket.write(part)
    await until('it is closed', () => socket.closed || socket.readableEnded)
    expect(statuses()).toEqual([status])
  }
})
