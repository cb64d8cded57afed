import { expect, test } from 'vitest'
import { ownerByHand, type RingPositions } from '../../container/ring-client.ts'
import { until } from '../../support/until.ts'
import { keysInLog, keysOf, type RingNode, startRing } from './nodes.ts'
import { putValues } from './values.ts'

/** Asks a node for a member to be taken out that is lost, as somebody who confirms what the answer says. */
async function removeLost(node: RingNode, lost: RingNode): Promise<string> {
  const body = `address=${lost.address}`
  const ask = (more = '') => node.ask({ method: 'POST', path: '/ring/remove_lost', body: body + more })
  const refused = await ask()
  expect(refused).toMatchObject({ status: 409, body: expect.stringContaining('nothing was changed') })
  const confirm = /confirm=\d+/.exec(refused.body)?.[0]
  expect(await ask(`&${confirm}`)).toMatchObject({ status: 200 })
  return refused.body
}

async function expectChange(node: RingNode, path: string): Promise<void> {
  expect(await node.ask({ path })).toMatchObject({ status: 200, body: 'OK' })
}

async function expectReads(nodes: readonly RingNode[], keys: readonly string[], status: number): Promise<void> {
  for (const node of nodes) {
    for (const key of keys) expect([key, (await node.get(key)).status]).toEqual([key, status])
  }
}

test('the home is lost with its log: another member is the home, keys of the others are there, and changes go on', {
  timeout: 240_000,
}, async () => {
  const { nodes, positions } = await startRing()
  const [one, two, three] = nodes
  await expectChange(two, `/add_node/5000/${three.address}`)
  const all: RingPositions = { ...positions, 5000: three.address }
  const lost = keysOf(all, one.address, 20, 'lost')
  const kept = [...keysOf(all, two.address, 20, 'kept'), ...keysOf(all, three.address, 20, 'kept')]
  await putValues(nodes, [...lost, ...kept])

  const isThere = await two.ask({ method: 'POST', path: '/ring/remove_lost', body: `address=${one.address}` })
  expect(isThere).toMatchObject({ status: 409, body: expect.stringContaining(`${one.address} answers`) })
  await one.kill()
  await one.database.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  expect((await two.get(lost[0] as string)).status).toBe(503)
  expect((await two.ask({ path: `/remove_node/${one.address}` })).status).toBe(503)

  const sentence = await removeLost(two, one)
  expect(sentence).toContain('the keys of 5000 slots (0-3000,8001-9999) are lost')
  expect(sentence).toContain(`${three.address} is the home of the ring from then on`)
  await expectReads([two, three], kept, 200)
  await expectReads([two, three], lost, 404)
  await putValues([two, three], lost)
  expect((await two.state()).ring).toMatchObject({ home: three.address, next: null, standbys: [one.address] })

  await expectChange(two, `/add_node/9000/${two.address}`)
  await expectReads([two, three], [...lost, ...kept], 200)

  // With a new log it is told of the ring, and is a member again where it is asked to.
  await one.start()
  await until('it knows the ring', async () => (await one.state()).owns === '')
  await expectReads([one], [...lost, ...kept], 200)
  await expectChange(one, `/add_node/3000/${one.address}`)
  const { ring, owns } = await one.state()
  expect(owns).toBe('0-3000,9001-9999')
  await expectReads(nodes, [...lost, ...kept], 200)
  for (const key of [...lost, ...kept]) {
    const owner = nodes.find(({ address }) => address === ownerByHand(ring?.positions ?? {}, key))
    expect(await keysInLog(owner as RingNode)).toContain(key)
  }
})

test('a member that counts as lost and is there again passes everything on, and its log keeps its keys', {
  timeout: 240_000,
}, async () => {
  const { nodes, positions } = await startRing()
  const [one, two, three] = nodes
  const keys = keysOf(positions, two.address, 20, 'kept')
  await putValues(nodes, keys)
  await two.kill()
  await removeLost(three, two)
  expect((await one.state()).owns).toBe('0-9999')
  await expectReads([one, three], keys, 404)

  await two.start()
  await until('it knows the ring', async () => (await two.state()).owns === '')
  await until('it says what it keeps', async () => two.process.output().includes(`this log keeps ${keys.length} keys`))
  await expectReads(nodes, keys, 404)
  expect((await keysInLog(two)).toSorted()).toEqual(keys.toSorted())
})
