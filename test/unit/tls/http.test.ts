import { connect } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cases } from '../../process/hostile/cases.ts'
import { holdingOf } from '../../process/hostile/health.ts'
import { send, statusesOf, tlsTo } from '../../process/hostile/wire.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { ask, handshake } from '../../support/https.ts'
import type { Node } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { startTlsNode } from './serve.ts'

vi.setConfig({ testTimeout: 180_000 })

const portOf = ({ url }: Node) => Number(new URL(url).port)
const anyCertificate = { rejectUnauthorized: false }
const put = (length: number) => `PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`
const get = 'GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n'

async function open(node: Node) {
  const socket = await handshake(node.url, anyCertificate)
  return { socket, statuses: statusesOn(socket) }
}

function statusesOn(socket: TLSSocket): () => number[] {
  let text = ''
  socket.removeAllListeners('error').on('error', () => undefined)
  socket.on('data', (data) => (text += data.toString('latin1')))
  return () => statusesOf(text)
}

test('each request of the hostile corpus has the outcome that it has over plain HTTP', async () => {
  const node = await startTlsNode(makeAuthority().issue('server'))
  const left = cases.values()
  const client = async () => {
    for (const { name, bytes, outcome } of left) {
      expect.soft({ name, outcome: (await send(tlsTo(portOf(node)), bytes)).outcome }).toEqual({ name, outcome })
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
})

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

test('connections in a handshake count; who is one too many is told so', async () => {
  const node = await startTlsNode(makeAuthority().issue('server'), { KVS_MAX_CONNECTIONS: '20' })
  const { socket, statuses } = await open(node)
  const before = holdingOf(node)
  const silent = Array.from({ length: 19 }, () => connect({ port: portOf(node), host: '127.0.0.1' }))
  onTestFinished(() => {
    for (const socket of silent) socket.destroy()
  })
  await until('it is full', () => holdingOf(node).files >= before.files + 18)
  expect(await ask(`${node.url}/v1/a`, anyCertificate)).toMatchObject({
    status: 503,
    body: 'too many connections are open; nothing was done\n',
  })
  socket.write(get)
  await until('who was there is served', () => statuses()[0] === 404)
  for (const one of silent) one.destroy()
  await until('there is room again', async () => (await ask(`${node.url}/v1/a`, anyCertificate)).status === 404)
})

test('told to stop, it finishes what is under way, closes what is idle, and ends', async () => {
  const node = await startTlsNode(makeAuthority().issue('server'))
  const [idle, busy] = [await open(node), await open(node)]
  busy.socket.write(`${put(2)}x`)
  await until('it has come', async () => (await ask(`${node.url}/livez`, anyCertificate)).status === 200)
  node.kill('SIGTERM')
  await until('the idle one is closed', () => idle.socket.readableEnded || idle.socket.closed)
  busy.socket.write('x')
  await until('the other one is answered', () => busy.statuses()[0] === 201)
  expect(await node.ended).toBe(0)
})
