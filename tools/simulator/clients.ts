import type { Operation } from '../drill/history.ts'
import { type Asker, type AskerOptions, makeHopper } from '../drill/workload/hopper.ts'
import type { Requester } from '../drill/workload/request.ts'
import { makeSteady } from '../drill/workload/steady.ts'
import { makeValue, smallestValue } from '../drill/workload/value.ts'
import { makeSeededRandom, type SeededRandom } from '../lab/seeded-random.ts'
import { wait } from './disk.ts'
import type { Node } from './node.ts'
import { makeKvRequester } from './requester.ts'
import type { Ask, Schedule } from './schedule.ts'
import { seconds } from './schedule.ts'
import type { Lane } from './scheduler.ts'
import type { Trace } from './trace.ts'

/** The drills' clients, each of which asks what the schedule says. */
export interface Clients {
  readonly operations: readonly Operation[]
  /** All keys that any client asks about. */
  readonly keys: readonly string[]
  /** Resolves when every client has had its last answer. */
  run(): Promise<void>
  /**
   * Puts something at each node where nothing of this kind is under way: a node that was refused by the log learns only
   * by another write that this is over.
   */
  probe(): void
  /** Whether nothing of that kind is under way. */
  readonly isQuiet: boolean
}

export interface ClientsOptions {
  readonly schedule: Schedule
  readonly nodes: readonly Node[]
  readonly lane: Lane
  /** Milliseconds since the clients began. */
  readonly now: () => number
  readonly trace: Trace
}

const timeoutMs = 15_000
const probeKey = 'probe'
const firstProber = 100
const keyName = (key: number) => `key-${key}`

export function makeClients(options: ClientsOptions): Clients {
  const { schedule, lane, now, trace } = options
  const operations: Operation[] = []
  let ids = 0

  function record(operation: Operation): Operation {
    operations.push(operation)
    trace.add(`client ${operation.client}`, describeOperation(operation))
    return operation
  }

  async function runClient(client: number, asks: readonly Ask[]): Promise<void> {
    const random = makeDrawnRandom()
    const asker = makeAsker(options, {
      ...{ client, random, now, timeoutMs, record, lifetimes: schedule.lifetimes },
      nextId: () => `${client}-${ids++}`,
    })
    for (const { at, key, draw } of asks) {
      if (at > now()) await wait(lane, at - now())
      random.draw(draw)
      await asker.operate(keyName(key))
    }
  }

  const probing = new Set<Node>()

  async function probeNode(node: Node, client: number): Promise<void> {
    if (probing.has(node) || node.server() === undefined) return
    probing.add(node)
    const value = `${client}-${ids++}`
    const invoked = now()
    const {
      tag: _,
      positionText: __,
      ...answer
    } = await requesterOf(options, client, node).put(probeKey, makeValue(value, smallestValue))
    probing.delete(node)
    record({ client, node: node.name, kind: 'put', key: probeKey, value, invoked, returned: now(), ...answer })
  }

  return {
    operations,
    keys: [...new Set([...schedule.operations.map(({ key }) => keyName(key)), probeKey])],
    get isQuiet() {
      return probing.size === 0
    },
    probe() {
      options.nodes.forEach((node, index) => void probeNode(node, firstProber + index))
    },
    async run() {
      const byClient = Map.groupBy(schedule.operations, ({ client }) => client)
      await Promise.all([...byClient].map(([client, asks]) => runClient(client, asks)))
    },
  }
}

/** Of one node the plain client of the drills, of several the one who hops between them. */
function makeAsker(options: ClientsOptions, given: Omit<AskerOptions, 'nodes' | 'connect'>): Asker {
  const { nodes } = options
  const connect = (name: string) =>
    requesterOf(
      options,
      given.client,
      nodes.find((node) => node.name === name),
    )
  const doors = nodes.map(({ name }) => ({ name, url: name }))
  const [door] = doors
  if (door === undefined) throw new Error('there is no node')
  return nodes.length > 1 ? makeHopper({ ...given, nodes: doors, connect }) : makeSteady({ ...given, door, connect })
}

function requesterOf({ schedule, lane }: ClientsOptions, client: number, node: Node | undefined): Requester {
  const random = makeSeededRandom(schedule.seed, `client ${client} of ${node?.name}`)
  return makeKvRequester({ server: () => node?.server(), lane, delay: () => random.between(0.05, 0.5), timeoutMs })
}

/** Begins anew with each draw, so that what one request asks for does not depend on those before. */
function makeDrawnRandom(): SeededRandom & { draw(seed: number): void } {
  let current = makeSeededRandom(0, 'ask')
  return {
    draw(seed) {
      current = makeSeededRandom(seed, 'ask')
    },
    next: () => current.next(),
    between: (from, below) => current.between(from, below),
    integer: (from, to) => current.integer(from, to),
    chance: (probability) => current.chance(probability),
    pick: (list) => current.pick(list),
    fork: (label) => current.fork(label),
  }
}

/** One request and its answer in a line. */
export function describeOperation(operation: Operation): string {
  const { kind, key, value, node, outcome, status, sequence, position, condition, error, invoked } = operation
  const asked = [
    `${kind} ${key}`,
    ...(kind === 'put' ? [`= ${value}`] : []),
    ...(operation.ttl === undefined ? [] : [`for ${operation.ttl} ms`]),
    ...(condition === undefined ? [] : [typeof condition === 'number' ? `if at ${condition}` : `if ${condition}`]),
    ...(operation.isConsistent ? ['consistent'] : []),
    ...(operation.minPosition === undefined ? [] : [`from position ${operation.minPosition}`]),
  ]
  const answered = [
    `${outcome} ${status}`,
    ...(error === undefined ? [] : [error]),
    ...(kind === 'get' && outcome === 'ok' ? [`${value ?? 'nothing'}`] : []),
    ...(operation.isSpooled ? ['spooled'] : []),
    ...(sequence === undefined ? [] : [`entry ${sequence}`]),
    ...(position === undefined ? [] : [`at position ${position}`]),
  ]
  return `${asked.join(' ')} at ${node}, asked at ${seconds(invoked)}: ${answered.join(', ')}`
}
