import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeAuthority } from '../../support/certificates.ts'
import { ask } from '../../support/https.ts'
import type { Node } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { cases } from '../hostile/cases.ts'
import { holdingOf } from '../hostile/health.ts'
import { send, tlsTo } from '../hostile/wire.ts'
import { startTlsNode } from './tls-node.ts'
import { anyCertificate, get, open, put } from './tls-requests.ts'

vi.setConfig({ testTimeout: 180_000 })

const portOf = ({ url }: Node) => Number(new URL(url).port)

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
