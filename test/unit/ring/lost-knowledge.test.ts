import { describe, expect, test } from 'vitest'
import { formatRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import { a, addresses, b, c, formed, keyIn } from './formed-ring.ts'
import { lostWorld } from './lost-world.ts'
import { makeRingWorld, type RingWorld } from './ring-world.ts'

const versionOf = (world: RingWorld, address: string) => world.node(address).current()?.version
const ownsOf = (world: RingWorld, address: string) => formatRanges(world.logOf(address).owns ?? [])

describe('the home is lost before all know what it has decided', () => {
  /** a, the home, has given 8001 to 9000 to c while b was down, so that only the two of them know of it. */
  async function withUnknown(seed: number) {
    const lost = await lostWorld(seed)
    const { world } = lost
    world.kill(b)
    world
      .node(a)
      .add(9_000, c)
      .catch(() => undefined)
    const isMade = () => ownsOf(world, c) === '8001-9000'
    expect(await world.scheduler.run(isMade, world.scheduler.now + 20_000)).toBe(true)
    return lost
  }

  test('others hear of it from whoever knows', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, lose, removeLost, expectAllThere } = await withUnknown(seed)
      lose(a)
      world.start(b)
      expect(versionOf(world, b)).toBe(2)
      await world.pass(6_000)
      expect(versionOf(world, b)).toBe(4)
      await removeLost(b)
      expect([ownsOf(world, b), ownsOf(world, c)]).toEqual(['0-8000,9001-9999', '8001-9000'])
      await expectAllThere()
    }
  })

  test('where they can’t, a log that nobody knew of keeps its keys, and gives up its slots', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, lose, ask } = await withUnknown(seed)
      await world.pass(500)
      lose(a)
      world.kill(c)
      world.start(b)
      await world.pass(5_000)
      const held = [...world.logOf(c).keys()]
      expect(held.length).toBeGreaterThan(3)
      await ask(b, 2)
      expect(ownsOf(world, b)).toBe('0-9999')
      world.start(c)
      await world.pass(15_000)
      expect(world.node(c).current()).toEqual(world.node(b).current())
      expect(ownsOf(world, c)).toBe('')
      expect([...world.logOf(c).keys()]).toEqual(held)
    }
  })
})

test('where the new home is lost as well before anybody knows, the one that more are lost for is the home', async () => {
  let count = 0
  for (let seed = 1; seed <= 10; seed++) {
    const { world, lose, ask, removeLost, expectAllThere } = await lostWorld(seed)
    await world.settle(world.node(b).add(5_000, c))
    await world.pass(3_000)
    lose(a)
    ask(b, 4).catch(() => undefined)
    const isDecided = () => (world.logOf(c).bound?.ring.version ?? 0) > 1_000_000
    expect(await world.scheduler.run(isDecided, world.scheduler.now + 10_000)).toBe(true)
    lose(c)
    await world.pass(5_000)
    if (versionOf(world, b) === 4) count++
    await removeLost(b)
    world.start(c)
    await world.pass(10_000)
    expect(world.node(b).current()).toMatchObject({ home: b, standbys: [a, c] })
    expect(world.node(c).current()).toEqual(world.node(b).current())
    expect([ownsOf(world, b), ownsOf(world, c)]).toEqual(['0-9999', ''])
    await expectAllThere()
  }
  expect(count).toBeGreaterThan(0)
})

test('a member that was the new home, counts as lost and is back, voids nothing that was decided since', async () => {
  const all = [1, 2, 3, 4, 5].map((number) => `10.0.0.${number}:5000`)
  const [home, second, third, ...others] = all as [string, string, string, string, string]
  const positions = new Map(all.map((address, index) => [1_999 * (index + 1), address]))
  for (let seed = 1; seed <= 4; seed++) {
    const world = makeRingWorld({ addresses: all, seed })
    await world.settle(world.node(home).replace(positions))
    await world.pass(5_000)
    for (const address of [home, ...others]) world.kill(address)
    world
      .node(second)
      .removeLost([home, ...others], 2)
      .catch(() => undefined)
    const isDecided = () => (world.logOf(second).bound?.ring.version ?? 0) > 1_000_000
    expect(await world.scheduler.run(isDecided, world.scheduler.now + 20_000)).toBe(true)
    world.kill(second)
    for (const address of others) world.start(address)
    await world.pass(8_000)
    await world.settle(world.node(third).removeLost([home, second], 2))
    await world.pass(5_000)
    const decided = world.node(third).current()
    const key = keyIn(6_000, 7_000)
    await world.settle(world.put(others[0] as string, key))
    world.start(second)
    await world.pass(30_000)
    for (const address of [second, third, ...others]) expect(world.node(address).current()).toEqual(decided)
    expect(world.node(second).ownersOf(key)).toEqual([others[0]])
    expect(world.logOf(others[0] as string).held.has(key)).toBe(true)
  }
})

describe('a member that was lost once and has a new log counts', () => {
  /** c has 8001 to 9000 from a, the home, and b does not know of it, when a is lost. */
  async function withNewLog() {
    const world = await formed()
    await world.settle(world.node(a).add(9_000, c))
    world.kill(c)
    await world.settle(world.node(a).removeLost([c], 4))
    world.restore(c, [])
    await world.pass(20_000)
    world.kill(b)
    world
      .node(a)
      .add(9_000, c)
      .catch(() => undefined)
    const isMade = () => ownsOf(world, c) === '8001-9000'
    expect(await world.scheduler.run(isMade, world.scheduler.now + 20_000)).toBe(true)
    await world.pass(300)
    world.kill(a)
    const key = keyIn(8_001, 9_000)
    expect(await world.settle(world.put(c, key))).toBe(true)
    return { world, key }
  }

  test('what it knows is asked for before the home is taken out, and it keeps its slots', async () => {
    const { world, key } = await withNewLog()
    world.start(b)
    await expect(world.settle(world.node(b).removeLost([a], 5))).rejects.toMatchObject({ code: 'confirmation_needed' })
    await world.settle(world.node(b).removeLost([a], 7))
    expect([ownsOf(world, b), ownsOf(world, c)]).toEqual(['0-8000,9001-9999', '8001-9000'])
    expect(world.node(b).ownersOf(key)).toEqual([c])
  })

  test('where it is silent, it has to be named again, and its log keeps its keys', async () => {
    const { world, key } = await withNewLog()
    world.kill(c)
    world.start(b)
    await world.pass(3_000)
    await expect(world.settle(world.node(b).removeLost([a], 5))).rejects.toThrow(`${c} may know a newer version`)
    await world.settle(world.node(b).removeLost([a, c], 5))
    world.start(c)
    await world.pass(15_000)
    expect([ownsOf(world, b), ownsOf(world, c)]).toEqual(['0-9999', ''])
    expect(world.logOf(c).held.has(key)).toBe(true)
  })
})

describe('copies of a lost member’s keys stay where nobody else has them', () => {
  /** c is to have 3001 to 5000 and has copied them from a, when that is lost, and b gets these slots. */
  test.each([
    ['the change is under way still', b, 0],
    ['it was called off', b, 15_000],
    ['their member was the home', a, 3_000],
  ])('%s', async (_, home, wait) => {
    const world = makeRingWorld({ addresses })
    // The home is the one that has the lowest position at first.
    const [low, high] = [2_000, 8_000]
    await world.settle(world.node(home).replace(new Map([[low, home]])))
    await world.settle(
      world.node(home).replace(
        new Map([
          [low, b],
          [high, a],
        ]),
      ),
    )
    await world.pass(5_000)
    const key = keyIn(3_001, 5_000)
    expect(await world.settle(world.put(a, key))).toBe(true)
    world
      .node(b)
      .add(5_000, c)
      .catch(() => undefined)
    expect(await world.scheduler.run(() => world.logOf(c).held.has(key), world.scheduler.now + 20_000)).toBe(true)
    world.kill(a)
    await world.pass(wait)
    const ring = world.node(b).current()
    expect([ring?.home, ring?.next === undefined]).toEqual([home, wait > 10_000])
    await world.settle(world.node(b).removeLost([a], ring?.version))
    await world.pass(10_000)
    expect([ownsOf(world, b), ownsOf(world, c)]).toEqual(['0-9999', ''])
    expect([world.logOf(b).held.has(key), world.logOf(c).held.has(key)]).toEqual([false, true])
    expect(world.lines.filter((line) => /this log keeps \d+ keys/.test(line)).length).toBe(1)
    // It takes these slots as others have them, and keeps nothing of them beside that.
    await world.settle(world.node(b).add(5_000, c))
    await world.pass(10_000)
    expect(world.logOf(c).held.has(key)).toBe(false)
  })
})
