import { expect, test } from 'vitest'
import { makeSitesWorld, type World } from './sites-world.ts'

async function startAll(world: World) {
  const nodes = [
    await world.start(0, 0, ['1.0']),
    await world.start(0, 1, ['1.0']),
    await world.start(1, 0, ['0.0', '0.1']),
  ] as const
  await world.until('all serve', () => nodes.every(({ isServing }) => isServing))
  return nodes
}

const leads = ({ sites }: { sites: { status: { leads: boolean } } }) => sites.status.leads
const put = (world: World, node: Awaited<ReturnType<World['start']>>, key: string) =>
  world.settled(
    node.store.write({ kind: 'put', key, value: Buffer.from(key), contentType: undefined, deadline: undefined }),
  )
const originsOf = ({ entries }: World['servers'][number]) =>
  entries.flatMap(({ origin }) => (origin === undefined ? [] : [`${origin.logId}@${origin.sequence}`]))

test('one node of a site leads; where its connection is lost, it or another one does', async () => {
  const world = makeSitesWorld(2)
  const [one, two, other] = await startAll(world)
  await world.until('somebody leads', () => leads(one) || leads(two))
  await world.pass(5_000)
  expect([leads(one), leads(two)].filter(Boolean)).toHaveLength(1)
  const [leader, follower] = leads(one) ? [one, two] : [two, one]
  leader.kill()
  await world.until('the other one leads', () => leads(follower))
  await put(world, other, 'k')
  await world.until('it is taken over', () => follower.store.get('k') !== undefined)
  expect(follower.sites.measures).toEqual({ entries: 1, superseded: 0, farStamps: 0, shortWrites: 0 })
  expect(follower.sites.status.peers).toMatchObject([
    { address: '1.0', state: 'following', log: world.servers[1]?.logId },
  ])
})

test('a node that reaches no other site for long gives the lead to one that may', async () => {
  const world = makeSitesWorld(2)
  const [one, two, other] = await startAll(world)
  await world.until('somebody leads', () => leads(one) || leads(two))
  const [leader, follower] = leads(one) ? [one, two] : [two, one]
  world.cut(0, 1)
  await world.until('the other one leads', () => leads(follower), 120_000)
  expect(leads(leader)).toBe(false)
  world.heal()
  await put(world, other, 'k')
  await world.until('it is taken over', () => leader.store.get('k') !== undefined)
})

test('what a node has taken over counts over its leads', async () => {
  const world = makeSitesWorld(2)
  const node = await world.start(0, 0, ['1.0'])
  const other = await world.start(1, 0, ['0.0'])
  await world.until('both serve', () => node.isServing && other.isServing)
  for (const key of ['a', 'b', 'c']) {
    await put(world, other, key)
    await world.until('it is taken over', () => node.store.get(key) !== undefined)
    world.servers[0]?.endSessions()
    await world.until('the lead is lost', () => !leads(node))
    await world.until('it leads again', () => leads(node) && node.isServing)
  }
  expect(node.sites.measures.entries).toBe(3)
  node.stopping.abort()
  await world.until('it leads no more', () => !leads(node))
  expect(node.sites.status.peers[0]?.state).toBe('idle')
})

test('nothing is taken over twice where a leader stands still, another one leads, and it goes on', async () => {
  const world = makeSitesWorld(2)
  const [one, two, other] = await startAll(world)
  for (let round = 0; round < 4; round++) {
    await world.until('somebody leads', () => leads(one) || leads(two))
    const [leader, follower] = leads(one) ? [one, two] : [two, one]
    for (let number = 0; number < 20; number++) await put(world, other, `${round}.${number}`)
    leader.pause()
    world.servers[0]?.endSessions()
    await world.until('the other one leads', () => leads(follower))
    for (let number = 20; number < 40; number++) await put(world, other, `${round}.${number}`)
    leader.resume()
    await world.until('it has all', () => follower.store.get(`${round}.39`) !== undefined)
  }
  const [server] = world.servers
  const origins = server ? originsOf(server) : []
  expect(origins).toHaveLength(160)
  expect(new Set(origins).size).toBe(160)
})

test('a node that diverged leaves the lead, ranks nothing and feeds nobody; another one leads', async () => {
  const world = makeSitesWorld(2)
  const [server] = world.servers
  const node = await world.start(0, 0, ['1.0'])
  const other = await world.start(1, 0, ['0.0'])
  await world.until('both serve', () => node.isServing && other.isServing)
  await put(world, other, 'before')
  await world.until('it is taken over', () => node.store.get('before') !== undefined)
  const backup = server?.copy()
  await put(world, node, 'lost')
  if (backup) server?.restore(backup)
  await world.until('it diverged', () => node.store.status().state === 'log diverged')
  await world.until('it leads no more', () => !leads(node))
  const count = server?.entries.length
  await put(world, other, 'lost')
  await world.pass(20_000)
  expect([leads(node), server?.entries.length]).toEqual([false, count])
  expect(other.sites.status.peers[0]).toMatchObject({ state: 'unreachable' })
  const fresh = await world.start(0, 1, ['1.0'])
  await world.until('the new node has it', () => fresh.isServing && fresh.store.get('lost') !== undefined)
})
