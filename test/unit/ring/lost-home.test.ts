import { describe, expect, test } from 'vitest'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { formatRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import { a, addresses, b, c, d, formed, keyIn, ownedBy } from './formed-ring.ts'
import { lostWorld } from './lost-world.ts'
import { makeRingWorld, type RingWorld } from './ring-world.ts'

const ring = new Map([
  [3_000, a],
  [5_000, c],
  [8_000, b],
])
const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: Error) => error.message,
  )
const versionOf = (world: RingWorld, address: string) => world.node(address).current()?.version
const ownsOf = (world: RingWorld, address: string) => formatRanges(world.logOf(address).owns ?? [])

/** A ring of a, b and c, whose home a is lost. */
async function withoutHome(seed = 1) {
  const lost = await lostWorld(seed)
  await lost.world.settle(lost.world.node(a).replace(ring))
  await lost.world.pass(3_000)
  lost.lose(a)
  return lost
}

test('who is asked says what it would do, and does that only where the version is confirmed', async () => {
  const { world, ask, expectAllThere } = await withoutHome()
  for (const [asked, confirmed] of [
    [b, undefined],
    [c, 3],
    [c, 5],
  ] as const) {
    await expect(ask(asked, confirmed)).rejects.toMatchObject({
      code: 'confirmation_needed',
      message:
        `this takes ${a} out of the ring for good, without any keys; the keys of 5000 slots (0-3000,8001-9999) are ` +
        `lost, but for copies at ${c}, which may be of older values, or of keys that were deleted since; copies at ` +
        `others stay in their logs, and nobody shows them; ${c} is the home of the ring from then on; whatever version ${a} has decided that no other node knows is void; nothing ` +
        `may serve clients from the log of ${a} from now on; those who go on are ${c}, ${b}; to have it done, ` +
        'send the same with confirm=4; nothing was changed',
    })
  }
  expect([versionOf(world, b), versionOf(world, c)]).toEqual([4, 4])
  await ask(b, 4)
  expect(world.node(b).current()).toMatchObject({
    ...{ version: 2_000_004, home: c, next: undefined, standbys: [a] },
    ...{
      positions: new Map([
        [5_000, c],
        [8_000, b],
      ]),
      lost: [{ address: a, after: 4, version: 2_000_004 }],
    },
  })
  expect([ownsOf(world, b), ownsOf(world, c)]).toEqual(['5001-8000', '0-5000,8001-9999'])
  await ask(c, 4)
  expect(versionOf(world, c)).toBe(2_000_004)
  await expectAllThere()
})

test('the ring can be changed again, and whoever is out of reach by then is named', async () => {
  const { world, removeLost, expectAllThere } = await withoutHome()
  await removeLost(b)
  await world.settle(world.node(b).add(9_000, d))
  await world.settle(world.node(d).remove(b))
  expect([ownsOf(world, c), ownsOf(world, d)]).toEqual(['0-5000,9001-9999', '5001-9000'])
  await expectAllThere()
})

test('two administrators at the same time make one version', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { world, ask, expectAllThere } = await withoutHome(seed)
    expect(await Promise.all([ask(b, 4), ask(c, 4), ask(b, 4), ask(c, 4)].map(outcome))).toEqual([
      'done',
      'done',
      'done',
      'done',
    ])
    expect([versionOf(world, b), versionOf(world, c)]).toEqual([2_000_004, 2_000_004])
    await expectAllThere()
  }
})

describe('it is refused', () => {
  test('where the member answers, or is not in the ring', async () => {
    const world = await formed()
    for (const [asked, lost, sentence] of [
      [a, b, `${b} answers: stop all its nodes, or take it out with its keys, by /remove_node`],
      [b, a, `${a} answers`],
      [b, b, `${b} answers`],
      [b, d, `${d} is not in the ring: ${a}, ${b}`],
    ] as const) {
      await expect(world.settle(world.node(asked).removeLost([lost], 2))).rejects.toMatchObject({
        code: 'ring_conflict',
        message: expect.stringContaining(sentence),
      })
    }
    await expect(world.settle(world.node(d).removeLost([a], 2))).rejects.toThrow(`${d} is in no ring`)
    expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '3001-8000', '', ''])
  })

  test('where the member answers one of several questions', async () => {
    const world = await formed()
    world.kill(b)
    const asked = world
      .node(a)
      .removeLost([b], 2)
      .catch((error: Error) => error)
    await world.pass(1_000)
    world.start(b)
    expect(await world.settle(asked)).toMatchObject({ message: expect.stringContaining(`${b} answers`) })
    expect(versionOf(world, a)).toBe(2)
  })

  test('where a member can’t be asked that may know more than the new home', async () => {
    const { world, ask } = await withoutHome()
    world.kill(b)
    await expect(ask(c, 4)).rejects.toThrow(`${b} may know a newer version of the ring, and can’t be asked`)
    world.start(b)
    await ask(c, 4)
  })

  test('where no member is left', async () => {
    const world = await formed()
    await expect(world.settle(world.node(b).removeLost([a, b], 2))).rejects.toThrow('no member of the ring is left')
  })
})

test('several are lost at the same time', async () => {
  const { world, lose, removeLost, expectAllThere } = await withoutHome()
  lose(c)
  await removeLost(b)
  expect(world.node(b).current()).toMatchObject({ home: b, standbys: [a, c] })
  expect(ownsOf(world, b)).toBe('0-9999')
  await expectAllThere()
})

test('who is to confirm it is told where more than half of all slots are lost', async () => {
  const { ask, lose } = await withoutHome()
  await expect(ask(b)).rejects.toThrow(/^(?!.*more than half)/)
  lose(c)
  await expect(ask(b)).rejects.toThrow(`more than half of all slots: look whether it is ${b} that is cut off`)
})

test('a ring that is being formed is given up, and can be formed anew', async () => {
  const world = makeRingWorld({ addresses })
  const noWait = () => undefined
  world.node(a).replace(ring).catch(noWait)
  const hasBegun = () => world.logOf(a).bound?.ring.next !== undefined && world.logOf(b).bound !== undefined
  expect(await world.scheduler.run(hasBegun, world.scheduler.now + 10_000)).toBe(true)
  world.kill(a)
  await world.pass(5_000)
  await expect(world.settle(world.node(b).removeLost([a], undefined))).rejects.toMatchObject({
    message:
      `this takes ${a} out of the ring for good, without any keys; the ring is not formed yet and is given up: nobody ` +
      `is in it from then on, and it can be formed anew; nothing may serve clients from the log of ${a} from now on; ` +
      `those who go on are ${c}, ${b}; to have it done, send the same with confirm=1; nothing was changed`,
  })
  await world.settle(world.node(b).removeLost([a], 1))
  await world.pass(8_000)
  expect(world.node(b).current()).toBeUndefined()
  await world.settle(
    world.node(b).replace(
      new Map([
        [3_000, b],
        [5_000, c],
      ]),
    ),
  )
  expect(ownsOf(world, b)).toBe('0-3000,5001-9999')
})

test('a standby is lost', async () => {
  const world = await formed()
  await world.settle(world.node(a).add(5_000, c))
  await world.settle(world.node(a).remove(c))
  world.kill(c)
  await world.settle(world.node(b).removeLost([c], 6))
  expect(world.node(b).current()).toMatchObject({ home: a, version: 7, lost: [{ address: c, after: 6, version: 7 }] })
  expect(ownedBy(world).slice(0, 3)).toEqual(['0-3000,8001-9999', '3001-8000', ''])
})

describe('a lost log is there again', () => {
  test('its node goes by the new version, and the log keeps its keys until it gets slots', async () => {
    const { world, removeLost, expectAllThere } = await withoutHome()
    const held = [...world.logOf(a).keys()]
    expect(held.length).toBeGreaterThan(10)
    await removeLost(b)
    await world.settle(world.node(b).add(9_000, d))
    world.start(a)
    await world.pass(10_000)
    expect(world.node(a).current()).toEqual(world.node(b).current())
    expect(world.node(a).ownersOf(keyIn(0, 3_000))).toEqual([c])
    expect(ownsOf(world, a)).toBe('')
    expect([...world.logOf(a).keys()]).toEqual(held)
    expect(world.lines.filter((line) => line.includes(`this log keeps ${held.length} keys`)).length).toBe(1)
    await expectAllThere()
    await world.settle(world.node(b).add(3_000, a))
    await world.pass(10_000)
    expect(ownsOf(world, a)).toBe('0-3000,9001-9999')
    for (const key of world.logOf(a).keys()) expect(world.node(a).owns(key)).toBe(true)
  })

  test('what it had decided and nobody knew is void, and a change that it had begun is off', async () => {
    const { world, removeLost, expectAllThere } = await withoutHome()
    world.start(a)
    world
      .node(a)
      .remove(b)
      .catch(() => undefined)
    const hasBegun = () => world.logOf(a).bound?.ring.next !== undefined
    expect(await world.scheduler.run(hasBegun, world.scheduler.now + 10_000)).toBe(true)
    world.kill(a)
    await removeLost(b)
    world.start(a)
    await world.pass(30_000)
    expect(world.node(a).current()).toEqual(world.node(b).current())
    expect(ownsOf(world, a)).toBe('')
    await expectAllThere()
  })

  test('who has missed it is told by the new home, whatever the one before says that is there again', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, removeLost } = await withoutHome(seed)
      const before = [...world.logOf(b).entries]
      await removeLost(c)
      const decided = world.logOf(c).bound?.ring
      world.restore(b, before)
      world.start(a)
      await world.settle(world.node(b).learn(decided as Ring))
      expect(world.logOf(b).bound?.ring).toEqual(decided)
    }
  })

  test('a new log in its place is told of the ring, and has nothing to itself', async () => {
    const { world, removeLost } = await withoutHome()
    await removeLost(b)
    world.restore(a, [])
    await world.pass(10_000)
    expect(world.node(a).current()).toEqual(world.node(b).current())
    expect(ownsOf(world, a)).toBe('')
  })
})
