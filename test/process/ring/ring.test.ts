import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { ownerByHand, type RingPositions } from '../../container/ring-client.ts'
import { type Answer, makeClient } from '../../support/client.ts'
import { keysInLog, keysOf, ownPart, type RingNode, startRing } from './nodes.ts'

type Ring = readonly [RingNode, RingNode, RingNode]

const randomKey = () => randomBytes(9).toString('base64url')
const makeKeys = (count: number) => Array.from({ length: count }, randomKey)

const inByteOrder = (keys: readonly string[]) =>
  keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

const statusOf = ({ status }: Answer) => status

test('a ring formed at its standby: each node stores, shows, lists and counts the keys of all', {
  timeout: 120_000,
}, async () => {
  const { nodes, positions } = await startRing()
  const [one, two, standby] = nodes
  for (const node of nodes) {
    const { status, body } = await node.ask({ path: '/hash_ring' })
    expect([status, JSON.parse(body)]).toEqual([200, { ring: positions, _sorted_keys: [3000, 8000] }])
  }
  const owns = await Promise.all(nodes.map(async (node) => (await node.state()).owns))
  expect(owns).toEqual(['0-3000,8001-9999', '3001-8000', ''])

  const keys = makeKeys(300)
  const nth = (index: number) => nodes[index % nodes.length] as RingNode
  const stored = await Promise.all(keys.map((key, index) => nth(index).put(key, `value of ${key}`)))
  expect(stored.map(statusOf)).toEqual(keys.map(() => 201))
  for (const node of nodes) {
    const read = await Promise.all(keys.map((key) => node.get(key)))
    expect(read.map(({ body }) => body)).toEqual(keys.map((key) => `value of ${key}`))
    expect(JSON.parse((await node.ask({ path: '/v1/:' })).body)).toEqual(inByteOrder(keys))
    expect(JSON.parse((await node.ask({ path: '/v1/:?count' })).body)).toEqual({ count: keys.length })
  }

  for (const node of [one, two, standby]) {
    const own = inByteOrder(keys.filter((key) => ownerByHand(positions, key) === node.address))
    const shown = await node.ask({ path: '/v1/:', headers: await ownPart(node) })
    expect([node.address, JSON.parse(shown.body)]).toEqual([node.address, own])
    expect([node.address, inByteOrder(await keysInLog(node))]).toEqual([node.address, own])
  }
})

test('/route_test agrees with the definition for 10,000 random keys', { timeout: 120_000 }, async () => {
  const { nodes, positions } = await startRing()
  const call = makeClient()
  const batch = 200
  for (let asked = 0; asked < 10_000; asked += batch) {
    const keys = makeKeys(batch)
    const url = nodes[2].url
    const answers = await Promise.all(keys.map((key) => call(url, { path: `/route_test?key=${key}` })))
    expect(answers.map(({ body }) => body)).toEqual(keys.map((key) => ownerByHand(positions, key)))
  }
})

test('what a request asks for beside its key holds through any node', async () => {
  const { nodes, positions } = await startRing()
  for (const key of makeKeys(6)) await expectConditionsHold(nodes, key)
  for (const key of makeKeys(4)) await expectDoneOnce(nodes, key)
  await expectOneOwner(nodes, positions)
})

async function expectConditionsHold([writer, other, reader]: Ring, key: string): Promise<void> {
  const { headers } = await writer.put(key, 'first')
  const etag = headers.etag ?? ''
  for (const node of [writer, other, reader]) expect((await node.get(key)).headers.etag).toBe(etag)
  expect(statusOf(await reader.get(key, { 'If-None-Match': etag }))).toBe(304)
  expect(statusOf(await reader.put(key, 'new', { 'If-None-Match': '*' }))).toBe(412)
  expect(statusOf(await other.put(key, 'second', { 'If-Match': etag }))).toBe(201)
  const late = await reader.put(key, 'third', { 'If-Match': etag })
  expect([late.status, late.headers.etag]).toEqual([412, (await writer.get(key)).headers.etag])
  for (const node of [writer, other, reader]) expect((await node.get(key)).body).toBe('second')
}

/** A write that comes again under its Idempotency-Key at another node. */
async function expectDoneOnce(nodes: Ring, key: string): Promise<void> {
  const once = { 'Idempotency-Key': `once ${key}` }
  const first = await nodes[0].put(key, 'first', once)
  expect(statusOf(await nodes[1].put(key, 'second'))).toBe(201)
  for (const node of nodes) {
    const again = await node.put(key, 'first', once)
    expect([again.status, again.headers.etag]).toEqual([201, first.headers.etag])
    expect(statusOf(await node.put(key, 'other', once))).toBe(422)
    expect((await node.get(key)).body).toBe('second')
  }
}

/** A transaction with keys of two members is refused with the names of both, and nothing of it is done. */
async function expectOneOwner(nodes: Ring, positions: RingPositions): Promise<void> {
  const [one, two] = nodes
  const [a = '', b = ''] = keysOf(positions, one.address, 2, 'one')
  const [c = ''] = keysOf(positions, two.address, 1, 'two')
  const transact = (node: RingNode, keys: readonly string[]) => {
    const body = JSON.stringify({ do: keys.map((key) => ({ put: key, value: 'x' })) })
    return node.ask({ method: 'POST', path: '/v1/:', body })
  }
  for (const node of nodes) {
    const refused = await transact(node, [a, c])
    expect(statusOf(refused)).toBe(409)
    for (const { address } of [one, two]) expect(refused.body).toContain(address)
    expect([statusOf(await node.get(a)), statusOf(await node.get(c))]).toEqual([404, 404])
  }
  for (const node of nodes) {
    expect(statusOf(await transact(node, [a, b]))).toBe(200)
    for (const key of [a, b]) {
      expect((await node.get(key)).body).toBe('x')
      await node.remove(key)
    }
  }
}
