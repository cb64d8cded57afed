import type { Found } from '../../../kvs/core/entry.ts'
import { KvsError } from '../../../kvs/core/errors.ts'
import type { Lane } from '../../../tools/simulator/scheduler.ts'
import type { RingWorld } from './ring-world.ts'
import type { KeyEntry } from './world-log.ts'
import type { WorldNode } from './world-nodes.ts'
import type { Truth } from './world-truth.ts'

/** Clients that write and read keys all the time. Each key has one writer. */
export interface WorldClients {
  /** How many writes were acknowledged, and how many reads were answered. */
  readonly done: { writes: number; reads: number }
  /** Has each of them stop after what it is at. */
  stop(): void
}

export interface ClientsOptions {
  readonly world: RingWorld
  readonly truth: Truth
  readonly count?: number
}

/** What a node answers where the key is another member's. */
const notOwner = Symbol('not owner')

/** How long a client waits for an answer, in milliseconds. */
const patienceMs = 3_000
/** How often a node looks for the owner of a key. */
const mostTries = 8

/** Later than any run. */
const farDeadline = Date.UTC(2030, 0, 1)

export function startClients({ world, truth, count = 3 }: ClientsOptions): WorldClients {
  const done = { writes: 0, reads: 0 }
  let isStopped = false
  for (let number = 0; number < count; number++) {
    const lane = world.scheduler.lane()
    const own = truth.keys.filter((_, index) => index % count === number)
    void live(lane, own, `client ${number}`)
  }

  async function live(lane: Lane, own: readonly string[], name: string): Promise<void> {
    const { random, parts } = world
    for (let turn = 1; !isStopped; turn++) {
      await parts.delay(lane, random.integer(10, 150))
      const entry = anyNode(world)
      if (entry === undefined) continue
      if (random.chance(0.4)) await read(lane, entry, random.pick(truth.keys))
      else await write(lane, entry, writeOf(random.pick(own), `${name}, ${turn}`))
    }
  }

  function writeOf(key: string, value: string): KeyEntry {
    if (world.random.chance(0.25)) return { kind: 'delete', key }
    return { kind: 'put', key, value, deadline: world.random.chance(0.25) ? farDeadline : undefined }
  }

  async function write(lane: Lane, entry: WorldNode, written: KeyEntry): Promise<void> {
    const isForced = world.parts.plants.trustsSenders === true
    const answer = await within(world, lane, () =>
      throughOwner(world, entry, written.key, async (node) => {
        const outcome = await node.write(written, isForced && node !== entry)
        return outcome === 'refused' ? notOwner : outcome
      }),
    )
    if (answer !== 'stored') return
    done.writes++
    truth.acknowledged(written.key, written.value)
  }

  async function read(lane: Lane, entry: WorldNode, key: string): Promise<void> {
    const from = truth.beginRead(key)
    const answer = await within(world, lane, () =>
      throughOwner(world, entry, key, async (node) => {
        const found = await node.read(key)
        return found === 'refused' ? notOwner : { found }
      }),
    )
    if (answer === undefined) return
    done.reads++
    const wrong = truth.endRead(key, from, (answer as { found: Found | undefined }).found)
    if (wrong === undefined) return
    world.violations.push(wrong)
    world.note('a client', wrong)
  }

  return {
    done,
    stop() {
      isStopped = true
    },
  }
}

/** One of the nodes in the ring that are up. */
function anyNode({ names, isUp, live, random }: RingWorld): WorldNode | undefined {
  const inRing = names.filter((name) => isUp(name) && live(name).member.current() !== undefined)
  return inRing.length === 0 ? undefined : live(random.pick(inRing))
}

/** An answer; undefined where it does not come in time. */
function within<T>({ parts }: RingWorld, lane: Lane, ask: () => Promise<T>): Promise<T | undefined> {
  return Promise.race([ask(), parts.delay(lane, patienceMs).then(() => undefined)])
}

/**
 * Has the owner of a key do something, as a node finds it: it asks whoever owns the key by what it knows. Who does not
 * own it knows more, or will soon.
 * @returns undefined where the owner was not found, or gave no answer: a write may be done then
 */
async function throughOwner<T>(
  { network, parts }: RingWorld,
  { lane, address, member }: WorldNode,
  key: string,
  act: (node: WorldNode) => Promise<T | typeof notOwner>,
): Promise<T | undefined> {
  // The way from the client to its node.
  await parts.delay(lane)
  for (let tries = 1; tries <= mostTries; tries++) {
    const id = member.current()?.id
    if (id === undefined) return undefined
    for (const owner of member.ownersOf(key)) {
      try {
        const answer = await network.ask(lane, owner, async (node) => {
          return node.member.current()?.id === id ? act(node) : notOwner
        })
        if (answer !== notOwner) return answer
      } catch (error) {
        if (error instanceof KvsError) return undefined
        throw error
      }
      if (owner !== address) await member.learnFrom(owner)
    }
    await parts.delay(lane, tries * 20)
  }
  return undefined
}
