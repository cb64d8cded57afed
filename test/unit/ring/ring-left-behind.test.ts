import { describe, expect, test } from 'vitest'
import { formatRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import { a, b, c, d, formed, keyIn, ownedBy } from './formed-ring.ts'
import type { RingWorld } from './ring-world.ts'

const noWait = () => undefined

/** Runs until the home's log has a version, or says whether it does not within a minute. */
async function untilVersion(world: RingWorld, version: number): Promise<void> {
  const isThere = () => world.logOf(a).bound?.ring.version === version
  expect(await world.scheduler.run(isThere, world.scheduler.now + 60_000)).toBe(true)
}

/** Has a change be under way that gives d what a has from 8001 on, and that waits for d: for 10 s, and no longer. */
async function beginAnother(world: RingWorld, version: number): Promise<void> {
  world.node(a).add(9000, d).catch(noWait)
  await untilVersion(world, version)
  world.kill(d)
}

const isUnderWay = (world: RingWorld) => world.logOf(a).bound?.ring.next !== undefined

describe('while a change is under way that does not concern it', () => {
  test('a member that was down when a change before ended owns what that gave it', async () => {
    const world = await formed()
    const key = keyIn(3500, 5000)
    await world.settle(world.put(b, key))
    const adding = world.node(b).add(5000, c).then(String, String)
    await untilVersion(world, 4)
    world.kill(c)
    expect(await world.settle(adding)).toContain(`${c} does not own its part yet`)
    await beginAnother(world, 5)
    world.start(c)
    await world.pass(4_000)
    expect(isUnderWay(world)).toBe(true)
    expect(ownedBy(world).slice(1, 3)).toEqual(['5001-8000', '3001-5000'])
    expect(world.node(c).owns(key)).toBe(true)
    await world.pass(20_000)
    expect(isUnderWay(world)).toBe(false)
    expect(ownedBy(world).slice(0, 3)).toEqual(['0-3000,8001-9999', '5001-8000', '3001-5000'])
  })

  test('a member that has given, and missed that this was called off, has it back', async () => {
    const world = await formed()
    const key = keyIn(3500, 5000)
    await world.settle(world.put(b, key))
    const adding = world.node(a).add(5000, c).then(String, String)
    const hasGiven = () => formatRanges(world.logOf(b).owns ?? []) === '5001-8000'
    expect(await world.scheduler.run(hasGiven, world.scheduler.now + 60_000)).toBe(true)
    for (const address of [b, c]) world.kill(address)
    expect(await world.settle(adding)).not.toBe('undefined')
    await untilVersion(world, 4)
    await beginAnother(world, 5)
    world.start(b)
    await world.pass(4_000)
    expect(isUnderWay(world)).toBe(true)
    expect(ownedBy(world)[1]).toBe('3001-8000')
    expect(world.node(b).owns(key)).toBe(true)
  })

  test('a member with a new log refuses others’ keys soon, and says to own none until its log has that', async () => {
    const world = await formed()
    await beginAnother(world, 3)
    world.restore(b, [])
    const hasHeard = () => world.node(b).current() !== undefined
    expect(await world.scheduler.run(hasHeard, world.scheduler.now + 8_000)).toBe(true)
    expect(isUnderWay(world)).toBe(true)
    expect(world.logOf(b).bound).toBe(undefined)
    expect(world.node(b).owns(keyIn(0, 3000))).toBe(false)
    expect(world.node(b).owns(keyIn(3001, 8000))).toBe(true)
    expect(world.node(b).state().owns).toEqual([])
    await world.pass(500)
    expect(isUnderWay(world)).toBe(true)
    expect(ownedBy(world)[1]).toBe('3001-8000')
    expect(formatRanges(world.node(b).state().owns)).toBe('3001-8000')
  })
})

test('a change is called off after a while where one of those that have keys is halted', async () => {
  const world = await formed()
  await world.settle(world.put(a, keyIn(0, 3000)))
  await world.settle(world.put(b, keyIn(3001, 8000)))
  const changing = world
    .node(a)
    .replace(new Map([[9999, c]]))
    .then(String, String)
  await world.scheduler.run(() => world.node(c).progress().taking !== null, world.scheduler.now + 60_000)
  world.live(b).lane.pause()
  expect(await world.settle(changing)).toContain(`${c} can’t take its keys: ${b}`)
  world.live(b).lane.resume()
  await world.pass(10_000)
  expect(ownedBy(world)).toEqual(['0-3000,8001-9999', '3001-8000', '', ''])
})
