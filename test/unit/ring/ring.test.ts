import { describe, expect, test } from 'vitest'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { countSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import { a, addresses, b, c, d, first, formed, keyIn, ownedBy, positionsAt } from './formed-ring.ts'
import { makeRingWorld, type RingWorld } from './ring-world.ts'

describe('a ring is formed', () => {
  test('each log owns what the positions give its member, and nothing twice', async () => {
    const world = await formed()
    expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '3001-8000', '', ''])
    expect(positionsAt(world, b)).toEqual([...first])
  })

  test('the same asked of several nodes, a standby among them, at the same time and later, is one ring', async () => {
    const world = makeRingWorld({ addresses })
    await world.settle(Promise.all([c, b, a].map((address) => world.node(address).replace(first))))
    await world.settle(world.node(d).replace(first))
    const rings = addresses.map((address) => world.node(address).current())
    expect(new Set(rings.map((ring) => ring?.id)).size).toBe(1)
    expect(rings[0]?.standbys).toEqual([c, d])
    expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '3001-8000', '', ''])
    // A standby owns nothing by its own log, so that it takes nothing after a restart either.
    expect(world.logOf(c).owns).toEqual([])
  })

  test('a key of another’s slots keeps it from being formed, and all is as before', async () => {
    const world = makeRingWorld({ addresses })
    const advice = `form the ring with ${b} alone, and add the others then`
    const key = keyIn(0, 3000)
    await world.settle(world.put(b, key))
    await expect(world.settle(world.node(a).replace(first))).rejects.toMatchObject({
      code: 'ring_conflict',
      message: `${b} has 1 key of others’ slots, and a node that joins has none: ${advice}; nothing was changed`,
    })
    expect(world.node(b).owns(key)).toBe(true)
    expect(world.node(a).owns(keyIn(3001, 8000))).toBe(true)
    await world.settle(world.remove(b, key))
    await world.settle(world.node(a).replace(first))
    expect(world.node(b).owns(key)).toBe(false)
  })

  test('a key that came while the members were asked keeps it from being formed, too', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const world = makeRingWorld({ addresses, seed })
      const forming = world.node(a).replace(first)
      forming.catch(() => undefined)
      await world.pass(seed * 5)
      const key = keyIn(0, 3000)
      const isStored = await world.settle(world.put(b, key))
      await world.settle(forming.catch(() => undefined))
      await world.pass(20_000)
      // Whoever has the key takes it.
      if (isStored) expect(world.node(b).owns(key)).toBe(true)
    }
  })

  test('a member that is not there is named, and nothing is changed', async () => {
    const world = makeRingWorld({ addresses })
    world.kill(b)
    await expect(world.settle(world.node(a).replace(first))).rejects.toMatchObject({
      code: 'cannot_forward',
      message: expect.stringContaining(b),
    })
    expect(world.logOf(a).owns).toBe(undefined)
  })

  test('a node of another ring stays where it is', async () => {
    const world = await formed()
    await expect(
      world.settle(
        world.node(c).replace(
          new Map([
            [1, c],
            [2, b],
          ]),
        ),
      ),
    ).resolves.toBe(undefined)
    // It was asked for at a node that knows no ring, of members one of whom is in one: that one it is.
    expect(positionsAt(world, a)).toEqual([
      [1, c],
      [2, b],
    ])
  })

  test('a node that is in no ring says so where it is asked to add to it', async () => {
    const world = makeRingWorld({ addresses })
    await expect(world.settle(world.node(a).add(5000, b))).rejects.toThrow('POST /hash_ring forms one')
  })
})

describe('a log that is not what it was', () => {
  test('the home, with the log of before it was taken out, goes by what the others know', async () => {
    const world = await formed()
    const before = [...world.logOf(a).entries]
    await world.settle(world.node(b).remove(a))
    world.restore(a, before)
    await world.pass(5_000)
    expect(ownedBy(world)).toEqual(['', '0-9999', '', ''])
    await world.settle(world.node(a).add(1000, a))
    expect(ownedBy(world)).toEqual(['0-1000,8001-9999', '1001-8000', '', ''])
  })

  test('it makes no change before that', async () => {
    const world = await formed()
    const before = [...world.logOf(a).entries]
    await world.settle(world.node(b).remove(a))
    world.restore(a, before)
    await world.settle(
      world
        .node(a)
        .add(1000, c)
        .catch(() => undefined),
    )
    const versions = new Set(addresses.slice(0, 3).map((address) => world.node(address).versionText()))
    await world.pass(5_000)
    expect([...versions].length).toBeLessThanOrEqual(2)
    expect(countSlots(world.logOf(b).owns ?? []) + countSlots(world.logOf(a).owns ?? [])).toBeLessThanOrEqual(10_000)
    expect(world.node(a).versionText()).toBe(world.node(b).versionText())
  })

  test('a member with the log of before a change takes nothing that is another’s by now, whatever keys it has', async () => {
    const world = await formed()
    const key = keyIn(3500, 5000)
    await world.settle(world.put(b, key))
    const before = [...world.logOf(b).entries]
    await world.settle(world.remove(b, key))
    await world.settle(world.node(b).add(5000, c))
    world.restore(b, before)
    await world.pass(5_000)
    expect(world.node(b).owns(key)).toBe(false)
    expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '5001-8000', '3001-5000', ''])
  })

  test('a member with an empty log hears from the home that the ring counts on it', async () => {
    const world = await formed()
    world.restore(b, [])
    expect(world.node(b).current()).toBe(undefined)
    await world.pass(10_000)
    expect(ownedBy(world)[1]).toBe('3001-8000')
  })
})

describe('an address has to be the one that its node goes by', () => {
  test.each([
    ['as a member to be', (world: RingWorld) => world.node(a).add(5000, 'alias:1')],
    ['in another ring of the same nodes', (world: RingWorld) => world.node(a).replace(new Map([[3000, 'alias:1']]))],
  ])('%s', async (_, change) => {
    const world = await formed({ alias: ['alias:1', c] })
    await expect(world.settle(change(world))).rejects.toMatchObject({
      code: 'ring_conflict',
      message: `the node at alias:1 has the address ${c} (KVS_ADDRESS); nothing was changed`,
    })
    expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '3001-8000', '', ''])
  })
})

describe('a version that a member is told of', () => {
  test('is one that the home has decided', async () => {
    const world = await formed()
    const ring = world.node(b).current() as Ring
    const forged = { ...ring, version: ring.version + 1, positions: new Map([[3000, a]]) }
    await expect(world.settle(world.node(b).learn(forged))).rejects.toThrow(`${a}, the home of the ring, does not know`)
    expect(ownedBy(world)[1]).toBe('3001-8000')
    world.kill(a)
    await expect(world.settle(world.node(b).learn(forged))).rejects.toMatchObject({ code: 'cannot_forward' })
  })

  test('is about the member', async () => {
    const world = await formed()
    const ring = { ...(world.node(b).current() as Ring), id: 'beef' }
    await expect(
      world.settle(world.node(d).learn({ ...ring, positions: new Map([[1, a]]), standbys: [] })),
    ).rejects.toThrow(`the ring does not name ${d}`)
  })
})

test('a ring has 1,000 positions at most', async () => {
  const world = makeRingWorld({ addresses })
  const positions = (count: number) => new Map(Array.from({ length: count }, (_, position) => [position, a]))
  await expect(world.settle(world.node(a).replace(positions(1_001)))).rejects.toThrow('1000 at most')
  await world.settle(world.node(a).replace(positions(1_000)))
  expect(ownedBy(world)[0]).toBe('0-9999')
})

test('an entry that this program does not know stops the node', async () => {
  const world = await formed()
  expect(() => world.node(a).note({ sequence: 99n, text: '{"ring":null}' })).toThrow('is on a ring')
})
