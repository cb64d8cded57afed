import { describe, expect, test } from 'vitest'
import { countSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import { a, addresses, b, c, d, formed, keyIn, ownedBy, positionsAt } from './formed-ring.ts'
import type { RingWorld } from './ring-world.ts'

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
