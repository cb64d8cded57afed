import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { limitConnections } from '../../../../kvs/http/wire/connection-limit.ts'
import { listen } from '../../../../kvs/http/wire/listening.ts'
import { systemClock } from '../../../../kvs/lib/clock.ts'
import { freePort } from '../../../../tools/lab/ports.ts'
import { until } from '../../../support/until.ts'

/** How many past the maximum are told so at a time. */
const lobby = 64

/** A server on two ports, with what it has taken. */
async function startOnTwo(maxConnections: number) {
  const server = createServer()
  const tally = { connections: 0, refused: 0 }
  const isSurplus = limitConnections(maxConnections, server, tally, systemClock)
  const taken: Socket[] = []
  let most = 0
  server.on('connection', (socket: Socket) => {
    taken.push(socket)
    most = Math.max(most, tally.connections)
  })
  const quiet = { info() {}, warn() {}, error() {} }
  const { listeners } = await listen(server, { host: '127.0.0.1', ports: [0, 0] }, quiet)
  const [first = 0, second = 0] = [server, ...listeners].map((each) => (each.address() as AddressInfo).port)
  const opened: Socket[] = []
  onTestFinished(() => {
    for (const socket of [...opened, ...taken]) socket.destroy()
    for (const each of [server, ...listeners]) each.close()
  })
  const open = (port: number, localPort = 0) => {
    const socket = connect({ host: '127.0.0.1', port, localPort }).on('error', () => undefined)
    opened.push(socket)
  }
  return { first, second, open, taken, tally, isSurplus, most: () => most }
}

test('connections past those that are told that they are too many are closed, counted over all ports', async () => {
  const { first, second, open, taken, tally, most } = await startOnTwo(4)
  for (let round = 0; round < 80; round++) for (const port of [first, second]) open(port)
  await until('all have come', () => taken.length === 160)
  expect(most()).toBe(4 + lobby)
  expect(tally.refused).toBe(160 - 4)
  for (const socket of taken) socket.destroy()
  await until('none is left', () => tally.connections === 0)
  open(second)
  await until('there is room again', () => tally.connections === 1)
})

test('one port of a client, connected to two of the server’s, is two connections', async () => {
  const { first, second, open, taken, isSurplus } = await startOnTwo(1)
  const localPort = await freePort()
  open(first, localPort)
  await until('the first has come', () => taken.length === 1)
  open(second, localPort)
  await until('the second has come', () => taken.length === 2)
  expect(taken.map((socket) => socket.remotePort)).toEqual([localPort, localPort])
  expect(taken.map(isSurplus)).toEqual([false, true])
})
