import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { makeSeededRandom, type SeededRandom } from '../../../tools/lab/seeded-random.ts'
import { ownerByHand } from '../../container/ring-client.ts'
import type { Call } from '../../support/client.ts'
import { until } from '../../support/until.ts'
import { type Keeper, makeKeeper, possibleValues, shownIn } from './keepers.ts'
import { keysInLog, ownPart, type RingNode, type RingState, startRing } from './nodes.ts'
import { expectAtOwners, putValues, ringReport, seeAll } from './values.ts'

const kills = Number(process.env.RING_KILLS ?? 15)

/** Keys that are there all along, so that a change takes a second or two, and kills come while it moves them. */
const steady = Array.from({ length: 600 }, (_, number) => `steady-${number}`)
const env = { KVS_HANDOVER_RATE: '100' }

/** The slots of `0-2999,8001-9999`. */
function slotsIn(owns: string): number[] {
  return owns.split(',').flatMap((range) => {
    if (range === '') return []
    const [from = 0, through = 0] = range.split('-').map(Number)
    return Array.from({ length: through - from + 1 }, (_, index) => from + index)
  })
}

function ownedOnce(states: readonly RingState[]): boolean {
  const slots = states.flatMap(({ owns }) => slotsIn(owns))
  return slots.length === 10_000 && new Set(slots).size === 10_000
}

/** All nodes have the same version, no change is under way, each slot has one owner, and no copies are left. */
async function settled(nodes: readonly RingNode[]): Promise<RingState[] | undefined> {
  const states = await Promise.all(nodes.map((node) => node.state().catch(() => undefined)))
  const known = states.filter((state) => state !== undefined)
  const versions = new Set(known.map(({ ring }) => ring && `${ring.id}=${ring.version}`))
  const isSettled =
    known.length === nodes.length && versions.size === 1 && known.every(({ ring }) => ring?.next === null)
  if (!isSettled || !ownedOnce(known)) return undefined
  const reports = await Promise.all(nodes.map((node) => ringReport(node).catch(() => undefined)))
  return reports.every((report) => report?.copies === 0) ? known : undefined
}

/** Asks for changes of the ring, one after the other, until told to stop. Counts the answers by their status. */
function makeChanger(nodes: readonly [RingNode, RingNode, RingNode], random: SeededRandom) {
  const counts = new Map<number | 'broken off', number>()
  const [, two, { address }] = nodes
  const paths = [
    ...[`/add_node/5000/${address}`, `/add_node/9500/${address}`, `/remove_node/${address}`],
    ...[`/remove_node/${two.address}`, `/add_node/8000/${two.address}`],
  ]

  async function ask(call: Call): Promise<void> {
    const answer = await random
      .pick(nodes)
      .ask(call)
      .catch(() => undefined)
    const status = answer?.status ?? 'broken off'
    counts.set(status, (counts.get(status) ?? 0) + 1)
  }
  return {
    counts,
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        const changed = ask({ path: random.pick(paths) })
        if (random.chance(0.15)) {
          await sleep(random.integer(0, 500))
          await ask({ method: 'POST', path: '/ring/call_off' })
        }
        await changed
        await sleep(random.integer(0, 100))
      }
    },
  }
}

test('nodes killed at random moments while keys move again and again: each change ends, and no write is lost', {
  timeout: 1_800_000,
}, async () => {
  const seed = Number(process.env.RING_SEED ?? randomInt(2 ** 31))
  console.info(`RING_SEED=${seed}`)
  const random = makeSeededRandom(seed, 'ring')
  const { nodes } = await startRing(env)
  await putValues(nodes, steady, '10h')
  const before = await seeAll(nodes[0], steady)
  const keepers = Array.from({ length: 8 }, (_, number) => {
    const name = `keeper${number}`
    return makeKeeper({ name, nodes, random: random.fork(name) })
  })
  const changer = makeChanger(nodes, random.fork('changes'))
  const end = new AbortController()
  const keeping = Promise.all(keepers.map(({ run }) => run(end.signal)))

  const versions: number[] = []
  let [slowest, whileMoving] = [0, 0]
  for (let round = 0; round < kills; round++) {
    const pause = new AbortController()
    const changing = changer.run(pause.signal)
    await sleep(random.integer(0, 3_000))
    const taking = await Promise.all(nodes.map(async (one) => (await ringReport(one).catch(() => undefined))?.taking))
    if (taking.some((one) => one?.state === 'copying')) whileMoving++
    const node = random.pick(nodes)
    await node.kill()
    await sleep(random.integer(0, 500))
    pause.abort()
    await node.start()
    const began = performance.now()
    await changing
    const what = `the ring is settled after kill ${round} (RING_SEED=${seed}), of ${node.address}`
    const states = await until(what, () => settled(nodes), 60_000).catch(async (error) => {
      const now = await Promise.all(nodes.map((one) => ringReport(one).catch(String)))
      throw new Error(
        `${error.message}: ${JSON.stringify(now)}\n${nodes.map((one) => one.process.output()).join('\n')}`,
      )
    })
    slowest = Math.max(slowest, performance.now() - began)
    versions.push(states[0]?.ring?.version ?? 0)
  }
  end.abort()
  await keeping

  const counts = Object.fromEntries(changer.counts)
  const acknowledged = keepers.reduce((sum, keeper) => sum + keeper.acknowledged, 0)
  console.info({ counts, versions: versions.at(-1), whileMoving, slowestMs: Math.round(slowest), acknowledged })
  expect(await until('the ring is settled', () => settled(nodes))).toHaveLength(nodes.length)
  for (const node of nodes) expect(await seeAll(node, steady)).toEqual(before)
  await expectKept(nodes, keepers)
  expect(versions).toEqual(versions.toSorted((a, b) => a - b))
  expect(counts[200]).toBeGreaterThan(kills / 5)
  expect(whileMoving).toBeGreaterThan(0)
  expect(acknowledged).toBeGreaterThan(kills * 10)
})

/** Each key has what it may have, in the log of its owner alone; what nobody has a value for is in no log. */
async function expectKept(nodes: readonly RingNode[], keepers: readonly Keeper[]) {
  for (const { wrong } of keepers) expect(wrong).toEqual([])
  const positions = (await nodes[0]?.state())?.ring?.positions ?? {}
  const present = new Set(steady)
  for (const [key, kept] of keepers.flatMap(({ keys }) => [...keys])) {
    const at = nodes.find(({ address }) => address === ownerByHand(positions, key))
    const value = shownIn((await at?.get(key)) ?? { status: 0, headers: {}, body: '' })
    expect([key, possibleValues(kept)]).toEqual([key, expect.arrayContaining([value])])
    if (value !== undefined) present.add(key)
  }
  await expectAtOwners(nodes, positions, [...present])
  for (const node of nodes) {
    const shown: string[] = JSON.parse((await node.ask({ path: '/v1/:', headers: await ownPart(node) })).body)
    expect([node.address, shown.toSorted()]).toEqual([node.address, (await keysInLog(node)).toSorted()])
  }
}
