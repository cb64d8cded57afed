import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { makeSeededRandom, type SeededRandom } from '../../../tools/lab/seeded-random.ts'
import { ownerByHand, slotByHand } from '../../container/ring-client.ts'
import { until } from '../../support/until.ts'
import { type Keeper, makeKeeper, possibleValues, shownIn } from './keepers.ts'
import { keysInLog, ownPart, type RingNode, type RingState, startRing } from './nodes.ts'

const kills = Number(process.env.RING_KILLS ?? 30)

/** The slots that change hands where the third node gets the positions 5000 and 9500, and loses them. */
const moves = (slot: number) => (slot > 3000 && slot <= 5000) || (slot > 8000 && slot <= 9500)
const stays = (slot: number) => !moves(slot)

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

/** All nodes have the same version, no change is under way, and each slot has one owner. */
async function settled(nodes: readonly RingNode[]): Promise<RingState[] | undefined> {
  const states = await Promise.all(nodes.map((node) => node.state().catch(() => undefined)))
  const known = states.filter((state) => state !== undefined)
  const versions = new Set(known.map(({ ring }) => ring && `${ring.id}=${ring.version}`))
  const isSettled =
    known.length === nodes.length && versions.size === 1 && known.every(({ ring }) => ring?.next === null)
  return isSettled && ownedOnce(known) ? known : undefined
}

/** Asks for changes of the ring, one after the other, until told to stop. Counts the answers by their status. */
function makeChanger(nodes: readonly [RingNode, RingNode, RingNode], random: SeededRandom) {
  const counts = new Map<number | 'broken off', number>()
  const { address } = nodes[2]
  return {
    counts,
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        const path = random.pick([`/add_node/5000/${address}`, `/add_node/9500/${address}`, `/remove_node/${address}`])
        const answer = await random
          .pick(nodes)
          .ask({ path })
          .catch(() => undefined)
        const status = answer?.status ?? 'broken off'
        counts.set(status, (counts.get(status) ?? 0) + 1)
        await sleep(random.integer(0, 100))
      }
    },
  }
}

test('nodes killed at random moments while the ring changes again and again: each change ends, and no write is lost', {
  timeout: 900_000,
}, async () => {
  const seed = Number(process.env.RING_SEED ?? randomInt(2 ** 31))
  console.info(`RING_SEED=${seed}`)
  const random = makeSeededRandom(seed, 'ring')
  const { nodes } = await startRing()
  const keeper = (number: number, deletes: boolean) => {
    const name = `${deletes ? 'moving' : 'staying'}${number}`
    return makeKeeper({ name, nodes, random: random.fork(name), isIn: deletes ? moves : stays, deletes })
  }
  const staying = Array.from({ length: 8 }, (_, number) => keeper(number, false))
  const moving = Array.from({ length: 2 }, (_, number) => keeper(number, true))
  const changer = makeChanger(nodes, random.fork('changes'))
  const end = new AbortController()
  const keeping = Promise.all([...staying, ...moving].map(({ run }) => run(end.signal)))

  const versions: number[] = []
  let slowest = 0
  for (let round = 0; round < kills; round++) {
    const pause = new AbortController()
    const changing = changer.run(pause.signal)
    await sleep(random.integer(0, 600))
    const node = random.pick(nodes)
    await node.kill()
    await sleep(random.integer(0, 500))
    pause.abort()
    await node.start()
    const began = performance.now()
    await changing
    const what = `the ring is settled after kill ${round} (RING_SEED=${seed}), of ${node.address}`
    const states = await until(what, () => settled(nodes), 30_000).catch(async (error) => {
      const now = await Promise.all(nodes.map((one) => one.state().catch(String)))
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
  const acknowledged = staying.reduce((sum, keeper) => sum + keeper.acknowledged, 0)
  console.info({ counts, versions: versions.at(-1), slowestMs: Math.round(slowest), acknowledged })
  expect(await until('the ring is settled', () => settled(nodes))).toHaveLength(nodes.length)
  await expectKept(nodes, staying, moving)
  expect(versions).toEqual(versions.toSorted((a, b) => a - b))
  expect(counts[200]).toBeGreaterThan(kills / 5)
  expect(counts[409]).toBeGreaterThan(0)
  expect(acknowledged).toBeGreaterThan(kills * 10)
})

/** Each key has what it may have, at its owner alone. */
async function expectKept(nodes: readonly RingNode[], staying: readonly Keeper[], moving: readonly Keeper[]) {
  for (const { wrong } of [...staying, ...moving]) expect(wrong).toEqual([])
  const positions = (await nodes[0]?.state())?.ring?.positions ?? {}
  const holders = new Map<string, string[]>()
  for (const node of nodes) {
    const shown: string[] = JSON.parse((await node.ask({ path: '/v1/:', headers: await ownPart(node) })).body)
    const stored = await keysInLog(node)
    expect([node.address, stored.toSorted()]).toEqual([node.address, shown.toSorted()])
    for (const key of stored) holders.set(key, [...(holders.get(key) ?? []), node.address])
  }
  for (const [key, at] of holders)
    expect([key, slotByHand(key), at]).toEqual([key, slotByHand(key), [ownerByHand(positions, key)]])
  for (const [keepers, deletes] of [
    [staying, false],
    [moving, true],
  ] as const) {
    for (const [key, kept] of keepers.flatMap(({ keys }) => [...keys])) {
      const at = nodes.find(({ address }) => address === ownerByHand(positions, key))
      const value = shownIn((await at?.get(key)) ?? { status: 0, headers: {}, body: '' })
      expect([key, possibleValues(kept, deletes)]).toEqual([key, expect.arrayContaining([value])])
    }
  }
}
