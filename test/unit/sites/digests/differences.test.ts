import { expect, test } from 'vitest'
import { makeSitesWorld, type World, type WorldNode } from '../sites-world.ts'

const put = ({ store }: WorldNode, key: string, value: string, deadline?: number) =>
  store.write({ kind: 'put', key, value: Buffer.from(value), contentType: undefined, deadline })

const comparisonsOf = ({ sites }: WorldNode) => sites.status.peers.flatMap(({ comparison }) => comparison ?? [])
const differing = (node: WorldNode) => comparisonsOf(node).some(({ differing }) => differing > 0)
const examplesOf = (node: WorldNode) => [...new Set(comparisonsOf(node).flatMap(({ examples }) => examples))].toSorted()
const alarms = ({ told }: World) => told.filter((line) => line.includes('different values'))

async function startSites(world: World, count: number): Promise<readonly WorldNode[]> {
  const names = Array.from({ length: count }, (_, site) => `${site}.0`)
  const nodes: WorldNode[] = []
  for (const site of names.keys()) {
    const others = names.filter((_, other) => other !== site)
    nodes.push(await world.start(site, 0, others))
  }
  await world.until('all lead', () => nodes.every(({ isServing, sites }) => isServing && sites.status.leads))
  return nodes
}

/** Puts, deletes and keys that end by themselves, at all sites, faster than they come over. */
async function keepWriting(world: World, nodes: readonly WorldNode[], steps: number): Promise<number> {
  const { random } = world
  let compared = 0
  for (let step = 0; step < steps; step++) {
    const node = nodes[random.integer(0, nodes.length - 1)] as WorldNode
    const key = `k${random.integer(0, 30)}`
    const chance = random.next()
    const deadline = chance < 0.2 && node.isServing ? node.store.now() + random.integer(1, 200) : undefined
    const written = chance < 0.7 ? put(node, key, `${step}`, deadline) : node.store.write({ kind: 'delete', key })
    written.catch(() => undefined)
    if (chance > 0.98) world.cut(random.integer(0, nodes.length - 1), random.integer(0, nodes.length - 1))
    if (chance > 0.95 && chance < 0.98) world.heal()
    const passedMs = random.integer(0, 15)
    await world.pass(passedMs)
    for (const one of nodes) {
      expect(differing(one), alarms(world).join('\n')).toBe(false)
      compared += comparisonsOf(one).filter(({ age }) => age < passedMs).length
    }
  }
  return compared
}

const seeds = Array.from(
  { length: Number(process.env.SEEDS ?? 12) },
  (_, index) => index + Number(process.env.FIRST_SEED ?? 1),
)

test.each(seeds)('no difference is found between sites that are written to all the time: seed %i', async (seed) => {
  const world = makeSitesWorld(2 + (seed % 2), seed, { compareEveryMs: 20 })
  const nodes = await startSites(world, world.servers.length)
  const compared = await keepWriting(world, nodes, 400)
  expect(compared).toBeGreaterThan(10)
  expect(alarms(world)).toEqual([])
})

test('sites that took other entries under the same sequences from a log that was restored are found', async () => {
  const world = makeSitesWorld(3, 1, { compareEveryMs: 5_000 })
  const [server] = world.servers
  const [a, b, c] = (await startSites(world, 3)) as [WorldNode, WorldNode, WorldNode]
  await world.settled(put(a, 'before', 'x'))
  await world.settled(put(a, 'deleted later', 'x'))
  await world.until('all have it', () => [b, c].every(({ store }) => store.get('deleted later') !== undefined))
  const backup = server?.copy()
  // c hears of nothing that is lost then.
  for (const [from, to] of [
    [2, 0],
    [2, 1],
  ] as const)
    world.cut(from, to)
  await world.settled(put(a, 'lost', 'x'))
  await world.settled(put(a, 'both', 'lost'))
  await world.settled(a.store.write({ kind: 'delete', key: 'deleted later' }))
  await world.until('b has it', () => b.store.get('deleted later') === undefined)
  a.kill()
  if (backup) server?.restore(backup)
  const restored = await world.start(0, 0, ['1.0', '2.0'])
  await world.until('it serves', () => restored.isServing)
  for (const key of ['both', 'other', 'another', 'more']) await world.settled(put(restored, key, 'restored'))
  expect(examplesOf(b)).toEqual([])
  // From b it would take over what was lost, and refuse the log that was restored, as b does.
  world.heal()
  world.cut(2, 1)
  await world.until('c has it', () => c.store.get('more') !== undefined)
  world.heal()
  await world.until('b tells', () => differing(b))
  await world.until('c tells', () => differing(c))
  // Each tells of those that it has a value of.
  expect([...new Set([...examplesOf(b), ...examplesOf(c)])].toSorted()).toEqual(
    expect.arrayContaining(['both', 'deleted later', 'lost', 'other']),
  )
  await world.pass(30_000)
  const told = alarms(world).length
  await world.pass(30_000)
  expect(alarms(world)).toHaveLength(told)

  // What is written anew is the same everywhere, and the finding goes.
  for (const key of ['lost', 'both', 'deleted later', 'other', 'another', 'more'])
    await world.settled(put(b, key, 'anew'))
  await world.until('nothing differs any more', () => !differing(b) && !differing(c), 300_000)
  expect(world.told.some((line) => line.startsWith('no key differs any more'))).toBe(true)
})
