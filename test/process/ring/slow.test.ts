import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { listProcesses } from '../../support/leftovers.ts'
import { until } from '../../support/until.ts'
import { keysOf, type RingNode, startRing } from './nodes.ts'

const draining = (node: RingNode) =>
  until('it drains', () => node.process.output().includes('finishing what is under way'))

async function expectGone(node: RingNode): Promise<void> {
  expect(await node.process.ended).toBe(0)
  expect(listProcesses(node.directory)).toEqual([])
}

test('SIGTERM of a member that waits for the one it has passed a write on to: it hands over the answer', async () => {
  const { nodes, positions } = await startRing()
  const [one, two] = nodes
  const [key = ''] = keysOf(positions, two.address, 1, 'slow')
  const lock = await two.database.connect()
  await lock.query('BEGIN; LOCK TABLE transactions IN SHARE MODE')
  const answered = one.put(key, 'late')
  await until('the owner waits for its log', async () => {
    const waiting = `SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'kvs' AND wait_event_type = 'Lock'`
    return (await two.database.sql(waiting)).length > 0
  })
  one.process.kill('SIGTERM')
  await draining(one)
  await lock.query('COMMIT')
  expect((await answered).status).toBe(201)
  await expectGone(one)
  expect((await two.get(key)).body).toBe('late')
})

test('SIGTERM of a member that still receives what it is to pass on: it receives it, and passes it on', async () => {
  const { nodes, positions } = await startRing()
  const [, two, standby] = nodes
  const [key = ''] = keysOf(positions, two.address, 1, 'slow')
  const socket = connect(Number(new URL(standby.url).port), '127.0.0.1')
  socket.write(`PUT /v1/${key} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`)
  await once(socket, 'data') // told to go on
  standby.process.kill('SIGTERM')
  await draining(standby)
  socket.write('late')
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 201 /)
  await expectGone(standby)
  expect((await two.get(key)).body).toBe('late')
})
