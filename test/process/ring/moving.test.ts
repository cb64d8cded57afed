import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { ownerByHand, type RingPositions, slotByHand } from '../../container/ring-client.ts'
import { until } from '../../support/until.ts'
import { makeBusyClient } from './busy-clients.ts'
import { keysInLog, keysOf, ownPart, type RingNode, startRing } from './nodes.ts'
import { entriesByKey, expectAtOwners, putValues, ringReport, see, seeAll, withoutCopies } from './values.ts'

const numbered = (count: number, prefix: string) => Array.from({ length: count }, (_, number) => `${prefix}-${number}`)
const inByteOrder = (keys: readonly string[]) =>
  keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

/** The slots that the third node gets with the position 5000. */
const moves = (key: string) => slotByHand(key) > 3000 && slotByHand(key) <= 5000

async function change(node: RingNode, path: string): Promise<void> {
  const { status, body } = await node.ask({ path })
  expect([path, status, body]).toEqual([path, 200, 'OK'])
}

/** Lists and counts all keys at one node after the other, until told to stop. Returns how often it has. */
async function listAllAlong(nodes: readonly RingNode[], keys: readonly string[], signal: AbortSignal): Promise<number> {
  const sorted = inByteOrder(keys)
  for (let turn = 0; ; turn++) {
    if (signal.aborted) return turn
    const { address, ask } = nodes[turn % nodes.length] as RingNode
    const [count, list] = [await ask({ path: '/v1/:?count' }), await ask({ path: '/v1/:' })]
    const listed = list.status === 200 && isDeepStrictEqual(JSON.parse(list.body), sorted) ? 'all keys' : list
    const counted = count.status === 200 && JSON.parse(count.body).count === keys.length ? 'all keys' : count
    expect([address, listed, counted]).toEqual([address, 'all keys', 'all keys'])
  }
}

/** Makes a change while lists and counts are asked for. */
async function changeUnderLists(nodes: readonly RingNode[], keys: readonly string[], path: string): Promise<void> {
  const end = new AbortController()
  const listed = listAllAlong(nodes, keys, end.signal)
  // The lists may fail first, and say why.
  await Promise.race([change(nodes[1] as RingNode, path), listed])
  await Promise.race([withoutCopies(nodes), listed])
  end.abort()
  expect(await listed).toBeGreaterThan(0)
}

test('keys move to a member that comes, and from one that goes, as they were; lists and counts are exact all along', {
  timeout: 120_000,
}, async () => {
  const { nodes, positions } = await startRing()
  const [one, two, three] = nodes
  const keys = numbered(400, 'key')
  await putValues(nodes, keys)
  const before = await seeAll(one, keys)
  const entries = await entriesByKey(two)

  await changeUnderLists(nodes, keys, `/add_node/5000/${three.address}`)
  const withThree: RingPositions = { ...positions, 5000: three.address }
  for (const node of nodes) expect(await seeAll(node, keys)).toEqual(before)
  await expectAtOwners(nodes, withThree, keys)
  // Each that moved was written once there, and deleted once here; no other one was touched.
  expect([...(await entriesByKey(three))].toSorted()).toEqual(
    keys
      .filter(moves)
      .map((key) => [key, 1])
      .toSorted(),
  )
  for (const [key, count] of await entriesByKey(two)) {
    expect([key, count]).toEqual([key, (entries.get(key) ?? 0) + (moves(key) ? 1 : 0)])
  }
  for (const node of nodes) {
    const own = inByteOrder(keys.filter((key) => ownerByHand(withThree, key) === node.address))
    const shown = await node.ask({ path: '/v1/:', headers: await ownPart(node) })
    expect([node.address, JSON.parse(shown.body)]).toEqual([node.address, own])
  }

  await changeUnderLists(nodes, keys, `/remove_node/${two.address}`)
  for (const node of nodes) expect(await seeAll(node, keys)).toEqual(before)
  await expectAtOwners(nodes, { 3000: one.address, 5000: three.address }, keys)
  expect(await keysInLog(two)).toEqual([])

  // What has moved can be written under its old ETag, and what has not changed is not sent again.
  for (const key of keys.filter(moves).slice(0, 20)) {
    const { ETag, 'Last-Modified': modified } = before.get(key)?.headers ?? {}
    expect((await two.get(key, { 'If-None-Match': ETag ?? '' })).status).toBe(304)
    expect((await two.get(key, { 'If-Modified-Since': modified ?? '' })).status).toBe(304)
    expect((await two.put(key, 'new', { 'If-Match': ETag ?? '' })).status).toBe(201)
    expect((await one.put(key, 'newer', { 'If-Match': ETag ?? '' })).status).toBe(412)
  }
})

test('a lifetime goes on where its key has moved to', { timeout: 120_000 }, async () => {
  const { nodes } = await startRing()
  const [one, two, three] = nodes
  const keys = numbered(200, 'short').filter(moves).slice(0, 10)
  for (const key of keys) await two.put(key, 'x', { 'KVS-TTL': '6s' })
  const ends = Date.parse((await see(one, keys[0] ?? '')).headers['KVS-Expires'] ?? '')
  await change(one, `/add_node/5000/${three.address}`)
  for (const key of keys) {
    const { status } = await one.get(key)
    if (Date.now() < ends) expect(status).toBe(200)
  }
  await until('all have ended', async () => {
    const [count, at] = [await two.ask({ path: '/v1/:?count' }), Date.now()]
    expect(count.status).toBe(200)
    const isOver = JSON.parse(count.body).count === 0
    if (isOver) expect(at).toBeGreaterThanOrEqual(ends)
    return isOver
  })
  // The log of the new owner records it.
  await until('nothing is in a log', async () => (await Promise.all(nodes.map(keysInLog))).flat().length === 0)
})

test('clients that write and read all the time see neither an error nor an old value while keys move', {
  timeout: 120_000,
}, async () => {
  const { nodes } = await startRing()
  const [one, two, three] = nodes
  await putValues(nodes, numbered(400, 'there'))
  const clients = Array.from({ length: 8 }, (_, number) => makeBusyClient(`client${number}`, nodes))
  const end = new AbortController()
  const running = Promise.all(clients.map(({ run }) => run(end.signal)))
  const making = async () => {
    for (const path of [
      `/add_node/5000/${three.address}`,
      `/remove_node/${two.address}`,
      `/add_node/8000/${two.address}`,
      `/remove_node/${three.address}`,
    ]) {
      await change(one, path)
      // Clients are to find it changed, too.
      await sleep(200)
    }
  }
  await Promise.race([making(), running])
  end.abort()
  await running

  for (const { wrong, writes } of clients) {
    expect(wrong).toEqual([])
    expect(writes).toBeGreaterThan(20)
  }
  await withoutCopies(nodes)
  const values = new Map(clients.flatMap(({ values }) => [...values]))
  for (const [key, value] of values) expect([key, (await three.get(key)).body]).toEqual([key, value])
  await expectAtOwners(nodes, { 3000: one.address, 8000: two.address }, [...values.keys(), ...numbered(400, 'there')])
})

test('KVS_HANDOVER_RATE bounds how fast keys move; a change that is called off meanwhile leaves nothing behind', {
  timeout: 120_000,
}, async () => {
  const { nodes, positions } = await startRing({ KVS_HANDOVER_RATE: '40' })
  const [one, two, three] = nodes
  const keys = numbered(2_000, 'slow').filter(moves).slice(0, 100)
  await putValues(nodes, [...keys, ...keysOf(positions, one.address, 20, 'other')])
  const before = await seeAll(one, keys)

  const asked = two.ask({ path: `/add_node/5000/${three.address}` })
  await until('some keys are copied', async () => (await keysInLog(three)).length > 0)
  expect(await ringReport(three)).toMatchObject({
    owns: '',
    change: { owns: '3001-5000' },
    taking: { state: 'copying', obstacle: null },
  })
  expect((await two.ask({ method: 'POST', path: '/ring/call_off' })).status).toBe(200)
  const refused = await asked
  expect([refused.status, refused.body]).toEqual([409, expect.stringContaining('nothing was changed')])
  await withoutCopies(nodes)
  expect(await keysInLog(three)).toEqual([])
  for (const node of nodes) {
    expect(JSON.parse((await node.ask({ path: '/hash_ring' })).body).ring).toEqual(positions)
    expect(await ringReport(node)).toMatchObject({ change: null, taking: null, copies: 0 })
    expect(await seeAll(node, keys)).toEqual(before)
  }
  expect((await two.ask({ method: 'POST', path: '/ring/call_off' })).status).toBe(409)

  const began = performance.now()
  await change(two, `/add_node/5000/${three.address}`)
  const seconds = (performance.now() - began) / 1_000
  expect(seconds).toBeGreaterThan(keys.length / 40 - 0.5)
  expect(seconds).toBeLessThan(20)
  expect(await seeAll(two, keys)).toEqual(before)
  await withoutCopies(nodes)
  expect((await keysInLog(three)).toSorted()).toEqual(keys.toSorted())
})

test('a change may take longer than KVS_IDLE_TIMEOUT: whoever asked is answered all the same', {
  timeout: 120_000,
}, async () => {
  const bounds = { KVS_IDLE_TIMEOUT: '2s', KVS_APPEND_TIMEOUT: '1s', KVS_WAIT_TIMEOUT: '1s' }
  const { nodes, positions } = await startRing({ KVS_HANDOVER_RATE: '10', ...bounds })
  const [, two, three] = nodes
  await putValues(nodes, numbered(1_000, 'slow').filter(moves).slice(0, 40))
  // Asked at another node than the home, so that two connections wait for it.
  for (const ask of [() => two.ask({ path: `/add_node/5000/${three.address}` }), () => three.setRing(positions)]) {
    const began = performance.now()
    expect(await ask()).toMatchObject({ status: 200, body: 'OK' })
    expect(performance.now() - began).toBeGreaterThan(2_500)
  }
})
