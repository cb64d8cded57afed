import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { count } from '../../support/count.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, serves, startNode, toEnvironment } from '../../support/node.ts'
import { describeOnLinux } from '../../support/skips.ts'
import { until } from '../../support/until.ts'
import { startTarget } from '../../unit/forward/serve.ts'

const shortage = /file descriptors: this process may have 64, and KVS_MAX_CONNECTIONS \(\d+\) can need (\d+): raise/
const out = /out of file descriptors \(EMFILE, the limit is 64\): raise it/

/** Opens so many connections, and holds those that the node keeps. */
async function openTo({ url }: Node, connections: number): Promise<Socket[]> {
  const { port, hostname } = new URL(url)
  const sockets = Array.from({ length: connections }, () => connect(Number(port), hostname))
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()))
  await Promise.all(
    sockets.map((socket) =>
      once(
        socket.on('error', () => undefined),
        'connect',
      ),
    ),
  )
  return sockets
}

async function runsOut(node: Node, needed: number): Promise<void> {
  await until('the shortage is told', () => shortage.test(node.output()))
  expect(shortage.exec(node.output())?.[1]).toBe(String(needed))
  expect(node.output()).not.toMatch(out)
  const sockets = await openTo(node, 100)
  await until('it is told that there are none left', () => out.test(node.output()))
  const lines = node.output().split('\n').length
  // It goes on so for many connections more, and not a line is added.
  await Promise.all((await openTo(node, 100)).slice(0, 50).map((socket) => once(socket.resume(), 'close')))
  for (const socket of sockets) socket.destroy()
  await until('it answers again', async () => (await fetch(`${node.url}/livez`).catch(() => undefined))?.ok)
  expect(count(node.output(), out)).toBe(1)
  expect(node.output().split('\n').length - lines).toBeLessThan(5)
}

describeOnLinux('a process that may have 64 files open', () => {
  test('says so at its start and when there are none left, as a node', async () => {
    const { target } = await makeDatabase()
    const env = { ...toEnvironment(target), KVS_MAX_CONNECTIONS: '200' }
    const node = await startNode(makeDirectory(), env, { openFiles: 64 })
    await serves(node)
    await runsOut(node, 300)
  })

  test('and as a forwarding node, which may need two for each client', async () => {
    const { port } = await startTarget((_, response) => response.end())
    const env = { FORWARDING_ADDRESS: `127.0.0.1:${port}`, KVS_MAX_CONNECTIONS: '200' }
    await runsOut(await startNode(makeDirectory(), env, { openFiles: 64 }), 500)
  })
})

test('where there are enough, nothing is said', async () => {
  const env = { FORWARDING_ADDRESS: '127.0.0.1:1', KVS_MAX_CONNECTIONS: '50' }
  const node = await startNode(makeDirectory(), env, { openFiles: 200 })
  await openTo(node, 50)
  await until('they are all there', async () => {
    const answer = await fetch(`${node.url}/livez`).catch(() => undefined)
    return answer?.status === 503 // past KVS_MAX_CONNECTIONS, and answered
  })
  expect(node.output()).not.toContain('descriptors')
})
