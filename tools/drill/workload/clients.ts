import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Operation } from '../history.ts'
import type { Stack } from '../stack/stack.ts'
import { type Asker, makeHopper } from './hopper.ts'
import { makeRequester } from './request.ts'
import { makeSteady } from './steady.ts'
import { makeValue } from './value.ts'

export interface WorkloadOptions {
  readonly nodes: Stack['nodes']
  /** Forwarders, which clients of a single node ask as well. */
  readonly forwarders?: Stack['forwarders']
  /** Intended duration, which sets the pace. */
  readonly seconds: number
  readonly random: SeededRandom
  /** Milliseconds since the drill began. */
  readonly now: () => number
  readonly clients?: number
  readonly keys?: number
  readonly timeoutMs?: number
}

/** Concurrent clients that write unique values to shared keys and read them, with a record of all that they saw. */
export interface Workload {
  readonly operations: readonly Operation[]
  readonly acknowledged: number
  /** All keys that any client may touch. */
  readonly keys: readonly string[]
  /** Puts a number of values of a size to keys of their own, as fast as possible. */
  preload(count: number, bytes: number): Promise<void>
  start(): void
  /** Stops the clients. Resolves when every client has had its last answer. */
  stop(): Promise<void>
}

/** The search for a linearization takes time with the operations on a key and with the clients that share it. */
const limits = {
  ...{ operationsOfAKey: 3_000, clientsOfAKey: 3 },
  // What one node applies, each of several has to.
  ...{ operationsInASecond: 1_500, operationsInASecondOfSeveral: 600 },
}
/** Slowest pace: a long drill has more keys instead of fewer operations a second. */
const leastOperationsInASecond = 600
const preloadKeys = 100
/** Share of the puts whose keys end by themselves: few, since that may be at any time, as far as clients can tell. */
const lifetimes = 0.03

export function makeWorkload(options: WorkloadOptions): Workload {
  const { nodes, forwarders = [], seconds, random, now, clients = 8, timeoutMs = 15_000 } = options
  const enough = Math.ceil((leastOperationsInASecond * (seconds + 15)) / limits.operationsOfAKey)
  const { keys = Math.max(nodes.length > 1 ? 24 : 40, enough) } = options
  const operations: Operation[] = []
  const names = Array.from({ length: keys }, (_, index) => `drill/key ${index}`)
  const preloaded = new Set<string>()
  const most = nodes.length > 1 ? limits.operationsInASecondOfSeveral : limits.operationsInASecond
  const perSecond = Math.min(most, (limits.operationsOfAKey * keys) / (seconds + 15))
  const interval = (1000 * clients) / perSecond
  let acknowledged = 0
  let ids = 0
  let isStopping = false
  let running: Promise<void>[] = []

  function record(operation: Operation): Operation {
    operations.push(operation)
    if (operation.kind !== 'get' && operation.outcome === 'ok') acknowledged++
    return operation
  }

  function askerFor(client: number, random: SeededRandom): Asker {
    const options = { client, nodes, random, now, timeoutMs, record, lifetimes, nextId: () => `${client}-${ids++}` }
    if (nodes.length > 1) return makeHopper(options)
    const doors = [nodes[0], ...forwarders]
    return makeSteady({ ...options, door: doors[client % doors.length] ?? nodes[0] })
  }

  async function run(client: number): Promise<void> {
    const own = random.fork(`client ${client}`)
    const mine = names.filter((_, index) => (index - client + clients) % clients < limits.clientsOfAKey)
    const asker = askerFor(client, own)
    let next = performance.now() + own.between(0, interval)
    while (!isStopping) {
      const { outcome, status } = await asker.operate(own.pick(mine))
      const hasFailed = (outcome === 'failed' && status !== 412) || outcome === 'unknown'
      if (hasFailed) await sleep(own.between(10, 100))
      // What was missed while nothing answered is not made up for.
      next = Math.max(next + interval, performance.now() - interval)
      const pause = next - performance.now()
      if (pause > 0) await sleep(pause)
    }
    asker.close()
  }

  return {
    operations,
    get acknowledged() {
      return acknowledged
    },
    get keys() {
      return [...names, ...preloaded]
    },

    async preload(count, bytes) {
      const loading = Array.from({ length: clients }, async (_, index) => {
        const client = clients + index
        const requester = makeRequester(nodes[0].url, timeoutMs)
        for (let n = index; n < count; n += clients) {
          const key = `preloaded/${n % preloadKeys}`
          preloaded.add(key)
          const value = `${client}-${ids++}`
          const invoked = now()
          const { positionText: _position, tag: _tag, ...answer } = await requester.put(key, makeValue(value, bytes))
          record({ client, node: nodes[0].name, kind: 'put', key, invoked, returned: now(), ...answer, value })
        }
        requester.close()
      })
      await Promise.all(loading)
    },

    start() {
      running = Array.from({ length: clients }, (_, client) => run(client))
    },

    async stop() {
      isStopping = true
      await Promise.all(running)
    },
  }
}
