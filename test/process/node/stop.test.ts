import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { embeddedPid, makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { put, reaches, status } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('told to stop, a node serves on for KVS_DRAIN_DELAY, and says so on /readyz', async () => {
  const { target } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(target), KVS_DRAIN_DELAY: '1h' })
  const told = Date.now()
  node.kill('SIGTERM')
  await reaches(node, 'draining')
  expect(Date.parse((await status(node)).since)).toBeGreaterThanOrEqual(told)
  expect((await fetch(`${node.url}/readyz`)).status).toBe(503)
  expect((await put(node, 'a', 'x')).status).toBe(201)
})

test('SIGTERM finishes the request under way, and takes no new connection', async () => {
  const { target } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), toEnvironment(target))
  const { port } = new URL(node.url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  await once(socket, 'data') // told to go on
  node.kill('SIGTERM')
  await until('it drains', () => node.output().includes('finishing what is under way'))
  await expect(fetch(`${node.url}/livez`)).rejects.toThrow()
  socket.write('late')
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 201 /)
  expect(await node.ended).toBe(0)
})

test('SIGTERM ends a node within KVS_SHUTDOWN_TIMEOUT, whatever a client holds open', async () => {
  const { target } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(target), KVS_SHUTDOWN_TIMEOUT: '500ms' })
  const socket = connect(Number(new URL(node.url).port), '127.0.0.1')
  socket.write('PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  await once(socket, 'data')
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
  socket.destroy()
})

test('a second signal ends a node at once', async () => {
  const { target } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(target), KVS_SHUTDOWN_TIMEOUT: '10m' })
  const socket = connect(Number(new URL(node.url).port), '127.0.0.1')
  socket.write('PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  await once(socket, 'data')
  node.kill('SIGTERM')
  await until('it drains', () => node.output().includes('finishing what is under way'))
  const ended = until('it has ended', () => {
    node.kill('SIGTERM')
    return node.process.exitCode !== null
  })
  await ended
  expect(await node.ended).toBe(1)
  socket.destroy()
})

test('no process is left behind', async () => {
  const directory = makeDirectory()
  const node = await startReadyNode(directory)
  const pid = embeddedPid(directory) ?? Number.NaN
  expect(isAlive(pid)).toBe(true)
  node.kill('SIGINT')
  expect(await node.ended).toBe(0)
  expect(isAlive(pid)).toBe(false)
})
