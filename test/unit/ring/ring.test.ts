import { describe, expect, test } from 'vitest'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { countSlots, formatRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeRingWorld, type RingWorld } from './ring-world.ts'

const [a, b, c, d] = ['10.0.0.3:5000', '10.0.0.4:5000', '10.0.0.5:5000', '10.0.0.6:5000'] as const
const addresses = [a, b, c, d]
const first = new Map([
  [3000, a],
  [8000, b],
])

async function formed(options: { seed?: number; alias?: readonly [string, string] } = {}): Promise<RingWorld> {
  const world = makeRingWorld({ addresses, ...options })
  await world.settle(world.node(a).replace(first))
  return world
}

/** A key of a slot in the range. */
function keyIn(from: number, through: number): string {
  for (let number = 0; ; number++) {
    const slot = slotOf(`key${number}`)
    if (slot >= from && slot <= through) return `key${number}`
  }
}

const ownedBy = (world: RingWorld) => addresses.map((address) => formatRanges(world.logOf(address).owns ?? []))
const positionsAt = (world: RingWorld, address: string) => [...(world.node(address).current()?.positions ?? [])]

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

describe('a ring is changed', () => {
  test('a position is added: its member owns what lies before it, whoever was asked', async () => {
    for (const asked of [a, b]) {
      const world = await formed()
      await world.settle(world.node(asked).add(5000, c))
      expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '5001-8000', '3001-5000', ''])
      for (const address of [a, b, c]) expect(world.node(address).current()?.positions.get(5000)).toBe(c)
    }
  })

  test('a member is taken out, the one that was asked or the home as well, and still knows the ring', async () => {
    for (const [asked, removed] of [
      [a, b],
      [b, b],
      [b, a],
      [a, a],
    ] as const) {
      const world = await formed()
      await world.settle(world.node(asked).remove(removed))
      const stays = removed === a ? b : a
      expect(countSlots(world.logOf(stays).owns ?? [])).toBe(10_000)
      expect(world.logOf(removed).owns).toEqual([])
      expect(positionsAt(world, removed)).toEqual([[removed === a ? 8000 : 3000, stays]])
      expect(world.node(removed).ownersOf('any')).toEqual([stays])
      // The home has moved where it had to, and takes the next change.
      await world.settle(world.node(removed).add(6000, removed))
      expect(countSlots(world.logOf(removed).owns ?? [])).toBeGreaterThan(0)
    }
  })

  test('two at once are made one after the other', async () => {
    const world = await formed()
    await world.settle(Promise.all([world.node(b).add(5000, c), world.node(a).add(9000, d)]))
    expect(ownedBy(world)).toEqual(['0-3000,9001-9999', '5001-8000', '3001-5000', '8001-9000'])
  })

  test.each([
    ['a position that is taken', (world: RingWorld) => world.node(b).add(3000, c), `the position 3000 is ${a}’s`],
    ['a member that there is not', (world: RingWorld) => world.node(b).remove(c), `${c} is no member of the ring`],
    ['no member at all', (world: RingWorld) => world.node(a).replace(new Map()), 'one member at least'],
  ])('%s is refused', async (_, change, sentence) => {
    const world = await formed()
    await expect(world.settle(change(world))).rejects.toMatchObject({
      code: 'ring_conflict',
      message: expect.stringContaining(sentence),
    })
    expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '3001-8000', '', ''])
  })

  test('the only member stays', async () => {
    const world = await formed()
    await world.settle(world.node(a).remove(b))
    await expect(world.settle(world.node(b).remove(a))).rejects.toThrow('the only member')
  })

  test('keys move along as they are, and no copy stays', async () => {
    const world = await formed()
    const key = keyIn(3500, 5000)
    const stays = keyIn(5001, 8000)
    await world.settle(world.put(b, key))
    await world.settle(world.put(b, stays))
    const before = world.logOf(b).held.get(key)
    await world.settle(world.node(b).add(5000, c))
    expect(world.node(c).owns(key)).toBe(true)
    expect(world.live(c).held.get(key)).toEqual(before)
    expect(world.node(b).isCopy(key)).toBe(true)
    await world.pass(5_000)
    expect([...world.logOf(b).keys()]).toEqual([stays])
    await world.settle(world.node(c).remove(c))
    expect(world.live(b).held.get(key)).toEqual(before)
  })

  test('who joins has no keys', async () => {
    const world = await formed()
    const key = keyIn(3500, 5000)
    await world.settle(world.put(c, key))
    await expect(world.settle(world.node(b).add(5000, c))).rejects.toThrow(`${c} has 1 key of`)
    expect(world.node(c).owns(key)).toBe(true)
    await world.settle(world.remove(c, key))
    await world.settle(world.node(b).add(5000, c))
    expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '5001-8000', '3001-5000', ''])
  })

  test('a change is called off, whoever is asked, and all stays as it was', async () => {
    for (const asked of [a, b]) {
      const world = await formed()
      const key = keyIn(3500, 5000)
      await world.settle(world.put(b, key))
      await expect(world.settle(world.node(asked).callOff())).rejects.toThrow('no change of the ring is under way')
      const adding = world
        .node(b)
        .add(5000, c)
        .then(String, (error: Error) => error.message)
      await world.scheduler.run(() => world.logOf(a).bound?.ring.next !== undefined, 60_000)
      world.kill(c)
      await world.settle(world.node(asked).callOff())
      expect(await world.settle(adding)).not.toBe('undefined')
      world.start(c)
      await world.pass(10_000)
      expect(ownedBy(world).slice(0, 2)).toEqual(['0-3000,8001-9999', '3001-8000'])
      expect(world.node(c).current()).toBe(undefined)
      expect(world.logOf(c).keys().size).toBe(0)
    }
  })

  test('a member that does not answer keeps what it has, and the change is refused', async () => {
    const world = await formed()
    world.kill(b)
    await expect(world.settle(world.node(a).add(5000, c))).rejects.toThrow(b)
    world.start(b)
    await world.settle(world.node(a).add(5000, c))
    expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '5001-8000', '3001-5000', ''])
  })

  test('what the home has left under way when it was killed is brought to an end when it is back', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const world = await formed({ seed })
      world
        .node(b)
        .add(5000, c)
        .catch(() => undefined)
      await world.pass(10 + seed * 8)
      world.kill(a)
      await world.pass(3_000)
      world.start(a)
      await world.pass(30_000)
      const isMade = world.node(a).current()?.positions.has(5000)
      expect(ownedBy(world)[2]).toBe(isMade ? '3001-5000' : '')
      expect(ownedBy(world)[1]).toBe(isMade ? '5001-8000' : '3001-8000')
      for (const address of addresses.slice(0, 3)) expect(world.node(address).current()?.next).toBe(undefined)
    }
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
