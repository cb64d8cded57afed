import { expect, test } from 'vitest'
import type { Write } from '../../../kvs/core/entry.ts'
import { maxStamp } from '../../../kvs/core/rank.ts'
import { floorOf } from '../../../kvs/sites/floor.ts'
import { put, remove } from '../../support/entries.ts'
import { makeSitesWorld, type World, type WorldNode } from './sites-world.ts'

const forgetEveryMs = 1_000

const write = (world: World, { store }: WorldNode, write: Write) => world.settled(store.write(write))
const countAt = ({ store }: WorldNode) => store.followed.deletes().count
const valueAt = ({ store }: WorldNode, key: string) => store.get(key)?.value.toString()
const leadOf = (nodes: readonly WorldNode[]) => nodes.find(({ sites }) => sites.status.leads)

/** Sites with a node each but for the first one, which has two. `missing` is one that has not been started yet. */
async function startAll(world: World, missing: readonly number[] = []) {
  const addresses = ['0.0', '0.1', '1.0', '2.0']
  const start = (site: number, number: number) =>
    world.start(
      site,
      number,
      addresses.filter((address) => !address.startsWith(`${site}.`)),
    )
  const nodes: WorldNode[] = []
  for (const [site, number] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [2, 0],
  ] as const) {
    if (!missing.includes(site)) nodes.push(await start(site, number))
  }
  await world.until('all serve', () => nodes.every(({ isServing }) => isServing))
  return { nodes, start }
}

/** Puts and deletes keys at each node, and waits until each has all of it. */
async function deleteSome(world: World, nodes: readonly WorldNode[], prefix: string) {
  for (const node of nodes) {
    const key = `${prefix} of ${node.name}`
    await write(world, node, put(key))
    await write(world, node, remove(key))
  }
  const last = nodes.at(-1) as WorldNode
  await write(world, last, put(`end of ${prefix}`))
  await world.until('all have it', () => nodes.every((node) => valueAt(node, `end of ${prefix}`) !== undefined))
}

test('deletes are forgotten everywhere once every site has them, and what is written then wins and loses as ever', async () => {
  const world = makeSitesWorld(3, 1, { forgetEveryMs })
  const { nodes, start } = await startAll(world)
  await deleteSome(world, nodes, 'first')
  expect(nodes.map(countAt)).not.toContain(0)
  await world.until('no node remembers any', () => nodes.every((node) => countAt(node) === 0))
  for (const server of world.servers) server.advanceCheckpoint(Infinity, true)
  const [one, , two] = nodes as [WorldNode, WorldNode, WorldNode, WorldNode]
  await write(world, one, remove('first of 0.0'))
  await write(world, one, put('first of 0.0', 'anew'))
  await write(world, two, put('first of 1.0', 'anew'))
  await world.until('all have both', () =>
    nodes.every((node) => ['0.0', '1.0'].every((name) => valueAt(node, `first of ${name}`) === 'anew')),
  )
  one.kill()
  const again = await start(0, 0)
  await world.until('it serves', () => again.isServing)
  expect([valueAt(again, 'first of 0.0'), valueAt(again, 'first of 2.0'), countAt(again)]).toEqual([
    'anew',
    undefined,
    0,
  ])
})

test('as long as a member was never reached, or is cut off, no delete is forgotten that it lacks', async () => {
  const world = makeSitesWorld(3, 2, { forgetEveryMs })
  const { nodes, start } = await startAll(world, [2])
  await deleteSome(world, nodes, 'early')
  await world.pass(20 * forgetEveryMs)
  expect(nodes.map(countAt)).toEqual(nodes.map(() => nodes.length))
  const late = await start(2, 0)
  const all = [...nodes, late]
  await world.until('no node remembers any', () => late.isServing && all.every((node) => countAt(node) === 0))

  for (const site of [0, 1]) {
    world.cut(site, 2)
    world.cut(2, site)
  }
  await write(world, late, put('k', 'old'))
  await world.pass(500_000)
  await write(world, nodes[0] as WorldNode, remove('k'))
  await deleteSome(world, nodes, 'meanwhile')
  await world.pass(20 * forgetEveryMs)
  expect(nodes.map(countAt)).toEqual(nodes.map(() => nodes.length + 1))
  world.heal()
  await world.until('all are in step, and forget', () => all.every((node) => countAt(node) === 0), 300_000)
  expect(all.map((node) => valueAt(node, 'k'))).toEqual(all.map(() => valueAt(late, 'k')))
})

/** A site that wrote keys before it was a member, which the others have deleted since, and forgotten. */
async function joinLate(seed: number) {
  const world = makeSitesWorld(3, seed, { forgetEveryMs })
  const old = await world.start(2, 0, [])
  await world.until('it serves', () => old.isServing)
  for (const key of ['k', 'l', 'other']) await write(world, old, put(key, 'old'))
  await world.pass(500_000)
  const nodes = [await world.start(0, 0, ['1.0']), await world.start(1, 0, ['0.0'])] as const
  await world.until('all serve', () => nodes.every(({ isServing }) => isServing))
  for (const key of ['k', 'l']) await write(world, nodes[0], remove(key))
  await write(world, nodes[0], put('end'))
  await world.until('all have it', () => nodes.every((node) => valueAt(node, 'end') !== undefined))
  await world.until('both have forgotten', () => nodes.every((node) => countAt(node) === 0))
  for (const server of world.servers) server.advanceCheckpoint(Infinity, true)
  for (const node of [...nodes, old]) node.kill()
  const members = ['0.0', '1.0', '2.0']
  const again = await Promise.all(
    members.map((name, site) =>
      world.start(
        site,
        0,
        members.filter((other) => other !== name),
      ),
    ),
  )
  await world.until('all serve', () => again.every(({ isServing }) => isServing))
  await world.until('all have what was put alone', () => again.every((node) => valueAt(node, 'other') === 'old'))
  await world.until('all have all', () => again.every((node) => valueAt(node, 'end') !== undefined))
  return { world, again }
}

test('a site that joins with older puts of forgotten keys does not bring them back, nor does a start from a checkpoint', async () => {
  const { world, again } = await joinLate(3)
  await world.pass(5_000)
  for (const node of again)
    expect([node.name, valueAt(node, 'k'), valueAt(node, 'l')]).toEqual([node.name, undefined, undefined])
  expect(world.told.filter((message) => message.includes('reading the deletes from the whole log'))).toHaveLength(2)
  for (const server of world.servers) server.advanceCheckpoint(Infinity, true)
  for (const [site, node] of again.entries()) {
    node.kill()
    const fresh = await world.start(site, 0, [])
    await world.until('it serves', () => fresh.isServing)
    expect([valueAt(fresh, 'k'), valueAt(fresh, 'other')]).toEqual([undefined, 'old'])
  }
})

test('a site that was taken out, wrote older puts, and is added again, does not bring keys back', async () => {
  const world = makeSitesWorld(3, 6, { forgetEveryMs })
  const members = ['0.0', '1.0', '2.0']
  const start = (site: number, name: string) =>
    world.start(
      site,
      0,
      members.filter((other) => other !== name),
      name,
    )
  const nodes = await Promise.all(members.map((name, site) => start(site, name)))
  const [one, two, away] = nodes as [WorldNode, WorldNode, WorldNode]
  await world.until('all serve', () => nodes.every(({ isServing }) => isServing))
  await write(world, away, put('k', 'old'))
  await world.until('all have it', () => nodes.every((node) => valueAt(node, 'k') === 'old'))
  expect(await world.settled(one.sites.members.remove('2.0'))).toBe('removed')
  await world.until('it knows', () => away.sites.isRemoved)
  await write(world, away, put('k', 'from outside'))
  await write(world, away, put('l', 'from outside'))
  await world.pass(500_000)
  for (const key of ['k', 'l']) await write(world, two, remove(key))
  await write(world, two, put('end'))
  await world.until('both have it', () => [one, two].every((node) => valueAt(node, 'end') !== undefined))
  await world.until('both forget', () => [one, two].every((node) => countAt(node) === 0))

  expect(await world.settled(one.sites.members.add('2.0'))).toBe('added')
  await world.until('it is back', () => !away.sites.isRemoved && valueAt(away, 'end') !== undefined)
  await write(world, away, put('last'))
  await world.until('all have all', () => nodes.every((node) => valueAt(node, 'last') !== undefined))
  for (const node of nodes) expect([valueAt(node, 'k'), valueAt(node, 'l')]).toEqual([undefined, undefined])
  await world.until('all forget again', () => nodes.every((node) => countAt(node) === 0))
})

test('what was read again is forgotten again, later', async () => {
  const { world, again } = await joinLate(4)
  await world.until('it is remembered', () => again.some((node) => countAt(node) === 2))
  await write(world, again[0] as WorldNode, put('later'))
  await world.until('no node remembers any', () => again.every((node) => countAt(node) === 0))
  for (const node of again) expect([valueAt(node, 'k'), valueAt(node, 'l')]).toEqual([undefined, undefined])
})

test('a site whose deletes are all forgotten at once, whatever the members have, keeps every key as it has to be', async () => {
  const world = makeSitesWorld(2, 5, { forgetEveryMs })
  const nodes = [await world.start(0, 0, ['1.0']), await world.start(1, 0, ['0.0'])] as const
  const [here, there] = nodes
  await world.until('all serve', () => nodes.every(({ isServing }) => isServing))
  await world.until('both lead', () => nodes.every((node) => leadOf([node]) !== undefined))
  world.cut(0, 1)
  world.cut(1, 0)
  for (let at = 0; at < 30; at++) await write(world, there, put(`k${at}`, 'old'))
  await world.pass(500_000)
  for (let at = 0; at < 30; at += 2) await write(world, here, remove(`k${at}`))
  const [server] = world.servers
  here.store.followed.deletes().forget(maxStamp)
  await world.until('it has forgotten', () => countAt(here) === 0)
  world.heal()
  await world.until('it has the others', () => valueAt(here, 'k29') === 'old')
  for (let at = 0; at < 30; at++) expect([at, valueAt(here, `k${at}`)]).toEqual([at, at % 2 === 0 ? undefined : 'old'])
  expect(server?.entries.filter(({ superseded }) => superseded)).toHaveLength(15)
})

test('the floor is the least promise of the logs of all members, this one’s aside', () => {
  const at = (log: string, stamp: number) => ({ log, stamp })
  expect(floorOf([at('a', 7), at('b', 5)], 'own')).toBe(5)
  expect(floorOf([at('a', 7), at('b', 5), undefined], 'own')).toBeUndefined()
  expect(floorOf([at('a', 7), at('own', 0)], 'own')).toBe(7)
  // A second address of a log, which is followed at the first one
  expect(floorOf([at('a', 7), at('a', 0)], 'own')).toBe(7)
  // An older program says nothing.
  expect(floorOf([at('a', 7), at('b', 0)], 'own')).toBeUndefined()
  expect(floorOf([], 'own')).toBeUndefined()
  expect(floorOf([at('own', 0)], 'own')).toBeUndefined()
})
