import { describe, expect, test } from 'vitest'
import type { KvsError } from '../../../kvs/core/errors.ts'
import type { RingMember } from '../../../kvs/ring/index.ts'
import { a, b, c, d, formed } from './formed-ring.ts'
import { lostWorld } from './lost-world.ts'
import type { RingWorld } from './ring-world.ts'

const noWait = () => undefined
const ringAt = (world: RingWorld, address: string) => world.logOf(address).bound?.ring

const changes = {
  'c gets some of b’s slots': (member: RingMember) => member.add(5_000, c),
  'c gets some of the home’s slots': (member: RingMember) => member.add(9_000, c),
  'the home gets b’s slots': (member: RingMember) => member.remove(b),
  'c and d get all': (member: RingMember) =>
    member.replace(
      new Map([
        [2_000, c],
        [7_000, d],
      ]),
    ),
  'the home is taken out': (member: RingMember) => member.remove(a),
} as const

describe.each(Object.entries(changes))('while %s', (_, change) => {
  const steps = {
    'before anybody has given': (world: RingWorld) => ringAt(world, a)?.next !== undefined,
    'once b has given, or the change is made': (world: RingWorld) =>
      ringAt(world, b)?.next !== undefined || (ringAt(world, a)?.version ?? 0) > 3,
    'once the home has decided that it is made': (world: RingWorld) => (ringAt(world, a)?.version ?? 0) === 4,
  }

  test.each(Object.entries(steps))('the home is lost %s', async (__, isThen) => {
    for (let seed = 1; seed <= 5; seed++) {
      const { world, lose, removeLost, expectAllThere } = await lostWorld(seed)
      await world.pass(1_000)
      change(world.node(seed % 2 === 0 ? b : a)).catch(noWait)
      expect(await world.scheduler.run(() => isThen(world), world.scheduler.now + 60_000)).toBe(true)
      lose(a)
      await world.pass(3_000)
      await removeLost(b)
      await expectAllThere()
    }
  })

  test.each([
    ['the home', a, b],
    ['b, which is not the home,', b, a],
  ])('%s is lost at any moment', async (__, lost, asked) => {
    for (let seed = 1; seed <= 40; seed++) {
      const { world, lose, removeLost, expectAllThere } = await lostWorld(seed, 1 + (seed % 2))
      await world.pass(1_000)
      const [name = ''] = world.names.filter((one) => world.live(one).address === (seed % 3 ? a : b))
      change(world.node(name)).catch(noWait)
      await world.pass(seed * 9)
      lose(lost)
      await world.pass(seed % 4 === 0 ? 100 : 2_500)
      await removeLost(asked)
      await expectAllThere()
    }
  })
})

test('a drain is not answered as done whose member was taken out without its keys meanwhile', async () => {
  const sentences: string[] = []
  for (let seed = 1; seed <= 6; seed++) {
    const world = await formed({ seed })
    const keys = Array.from({ length: 60 }, (_, index) => `key${index}`).filter((key) => world.node(b).owns(key))
    for (const key of keys) await world.settle(world.put(b, key))
    const drain = world
      .node(a)
      .remove(b)
      .then(noWait, (error: KvsError) => error)
    const hasSome = () => ringAt(world, a)?.next !== undefined && world.logOf(a).held.size > 1
    expect(await world.scheduler.run(hasSome, world.scheduler.now + 20_000)).toBe(true)
    world.kill(b)
    await world.settle(world.node(a).removeLost([b], ringAt(world, a)?.version))
    const error = await world.settle(drain)
    expect([seed, error?.code]).toEqual([seed, 'ring_conflict'])
    sentences.push(error?.message ?? '')
  }
  expect(sentences).toContainEqual(expect.stringContaining(`${b}: taken out without any keys`))
})
