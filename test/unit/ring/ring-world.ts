import type { RingMember } from '../../../kvs/ring/index.ts'
import type { SeededRandom } from '../../../tools/lab/seeded-random.ts'
import type { Scheduler } from '../../../tools/simulator/scheduler.ts'
import { type LogEntry, makeWorldLog, type StoredEntry, type WorldLog } from './world-log.ts'
import { makeWorldNetwork, type WorldNetwork } from './world-network.ts'
import { startNode, type WorldNode } from './world-nodes.ts'
import { type Faults, makeWorldParts, type WorldParts } from './world-parts.ts'

export interface WorldOptions {
  readonly seed?: number
  /** Addresses of the members. */
  readonly addresses: readonly string[]
  /** Another address at which a member is reached. */
  readonly alias?: readonly [alias: string, address: string] | undefined
  /** How many nodes each member's log has, behind its address. */
  readonly nodes?: number
  readonly faults?: Partial<Faults>
  /** Called after each entry that a log has taken. */
  readonly onEntry?: (world: RingWorld, address: string, entry: StoredEntry) => void
}

export interface RingWorld {
  readonly parts: WorldParts
  readonly network: WorldNetwork
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  /** What nodes say, and what else is worth knowing of a run that has failed. */
  readonly lines: string[]
  /** What must never be, as `onEntry` has found it. */
  readonly violations: string[]
  readonly addresses: readonly string[]
  /** Names of all nodes: the address, where its log has one alone. */
  readonly names: readonly string[]
  note(name: string, line: string): void
  logOf(address: string): WorldLog
  /** Puts another log in the place of a member's, and starts its nodes anew. */
  restore(address: string, entries: readonly LogEntry[]): void
  node(name: string): RingMember
  /** The same with all that the world has of it. */
  live(name: string): WorldNode
  isUp(name: string): boolean
  kill(name: string): void
  start(name: string): void
  /** Writes a key at a node, as a client that the node would not pass on. Returns whether the log has taken it. */
  put(name: string, key: string): Promise<boolean>
  remove(name: string, key: string): Promise<boolean>
  /** Runs until the promise settles, for at most so many virtual milliseconds. */
  settle<T>(promise: Promise<T>, ms?: number): Promise<T>
  pass(ms: number): Promise<void>
}

/** When virtual time begins, by the servers of the logs. */
const epoch = Date.UTC(2026, 0, 1)

/** Members of a ring in one process, on virtual time: their logs are real in what they refuse, and nothing else is. */
export function makeRingWorld(options: WorldOptions): RingWorld {
  const { seed = 1, addresses, alias, nodes: perLog = 1, faults, onEntry } = options
  const parts = makeWorldParts(seed, faults)
  const { scheduler, random } = parts
  const lines: string[] = []
  const logs = new Map(addresses.map((address) => [address, logFrom(address, [])]))
  const nodes = new Map<string, WorldNode>()
  const namesOf = (address: string) =>
    perLog === 1 ? [address] : Array.from({ length: perLog }, (_, index) => `${address}#${index}`)
  const names = addresses.flatMap(namesOf)
  const addressOf = (name: string) => name.split('#')[0] as string
  const logOf = (name: string) => logs.get(addressOf(name)) as WorldLog
  const live = (name: string) => nodes.get(name) as WorldNode
  const isUp = (name: string) => nodes.get(name)?.lane.isEnded === false
  const note = (name: string, line: string) => void lines.push(`${scheduler.now} ${name}: ${line}`)
  const network = makeWorldNetwork(parts, (address) => {
    const up = namesOf(address === alias?.[0] ? alias[1] : address).filter(isUp)
    return nodes.get(up[random.integer(0, Math.max(0, up.length - 1))] ?? '')
  })

  function logFrom(address: string, start: readonly LogEntry[]): WorldLog {
    return makeWorldLog({
      id: `log-of-${address.replace(':', '-')}`,
      start,
      now: () => epoch + scheduler.now,
      onEntry(entry) {
        for (const name of namesOf(address)) if (isUp(name)) live(name).applySoon()
        onEntry?.(world, address, entry)
      },
    })
  }

  function start(name: string): void {
    const address = addressOf(name)
    const { connect } = network
    const options = { parts, name, address, connect, logOf: () => logOf(name) }
    nodes.set(name, startNode({ ...options, note: (line) => note(name, line) }))
  }

  const write = async (name: string, kind: 'put' | 'delete', key: string) =>
    (await live(name).write({ kind, key })) === 'stored'

  const world: RingWorld = {
    ...{ parts, network, scheduler, random, lines, addresses, names, note, logOf, live, isUp, start },
    violations: [],
    restore(address, entries) {
      for (const name of namesOf(address)) if (isUp(name)) world.kill(name)
      logs.set(address, logFrom(address, entries))
      for (const name of namesOf(address)) start(name)
    },
    node: (name) => live(name).member,
    kill: (name) => live(name).lane.end(),
    put: (name, key) => write(name, 'put', key),
    remove: (name, key) => write(name, 'delete', key),
    async settle(promise, ms = 120_000) {
      let isOver = false
      const end = () => {
        isOver = true
      }
      promise.then(end, end)
      await scheduler.run(() => isOver, scheduler.now + ms)
      if (!isOver) throw new Error(`no answer after ${ms} ms:\n${lines.join('\n')}`)
      return promise
    },
    async pass(ms) {
      await scheduler.run(() => false, scheduler.now + ms)
    },
  }
  for (const name of names) start(name)
  return world
}
