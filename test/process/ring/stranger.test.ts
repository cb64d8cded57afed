import { expect, test } from 'vitest'
import { makeDirectory, startNode, toEnvironment } from '../../support/node.ts'
import { put, reaches, status } from '../../support/requests.ts'
import { keysInLog, keysOf, startRing } from './nodes.ts'

const sentence = 'the log belongs to a member of a ring: set KVS_ADDRESS, and not KVS_PEERS'

test('a node that starts on the log of a member without KVS_ADDRESS, or with KVS_PEERS, says so and serves nothing', async () => {
  const { nodes, positions } = await startRing()
  const [one] = nodes
  const [key = '', own = ''] = keysOf(positions, one.address, 2, 'own')
  expect((await one.put(own, 'x')).status).toBe(201)
  for (const settings of [{}, { KVS_ADDRESS: one.address, KVS_PEERS: nodes[1].address }]) {
    const stranger = await startNode(makeDirectory(), { ...toEnvironment(one.database.target), ...settings })
    await reaches(stranger, 'log diverged')
    expect((await status(stranger)).reason).toContain(sentence)
    expect((await fetch(`${stranger.url}/readyz`)).status).toBe(503)
    expect((await put(stranger, key, 'x')).status).toBe(503)
    stranger.kill('SIGTERM')
    expect(await stranger.ended).toBe(0)
  }
  expect(await keysInLog(one)).toEqual([own])
})

test('nor does one on the log of a standby', async () => {
  const { nodes } = await startRing()
  const [one, , standby] = nodes
  const stranger = await startNode(makeDirectory(), toEnvironment(standby.database.target))
  await reaches(stranger, 'log diverged')
  expect((await put(stranger, 'any', 'x')).status).toBe(503)
  expect(await keysInLog(standby)).toEqual([])
  expect((await one.put('any', 'x')).status).toBe(201)
})

test('nor does a member’s own directory without its address', async () => {
  const { nodes, positions } = await startRing()
  const [one] = nodes
  const [key = ''] = keysOf(positions, one.address, 1, 'own')
  await one.kill()
  const stranger = await startNode(one.directory, toEnvironment(one.database.target))
  await reaches(stranger, 'log diverged')
  expect((await status(stranger)).reason).toContain(sentence)
  expect((await put(stranger, key, 'x')).status).toBe(503)
  stranger.kill('SIGTERM')
  expect(await stranger.ended).toBe(0)
  await one.start()
  expect((await one.put(key, 'x')).status).toBe(201)
})
