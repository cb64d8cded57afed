import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { RingMemberNode } from './member-names.ts'
import { type Connect, makeRingClient } from './ring-client.ts'
import type { Repetition, RingAddition, RingOperation } from './ring-history.ts'

export interface RingWorkloadOptions {
  readonly nodes: readonly RingMemberNode[]
  /** Intended duration, which sets how many keys there are. */
  readonly seconds: number
  readonly random: SeededRandom
  /** Milliseconds since the drill began. */
  readonly now: () => number
  readonly clients?: number
  readonly connect?: Connect | undefined
}

/**
 * Clients that ask any node: they write unique values to shared keys, read and delete them, under conditions and under
 * idempotency keys, and add to counters.
 */
export interface RingWorkload {
  readonly operations: readonly RingOperation[]
  readonly additions: readonly RingAddition[]
  readonly repetitions: readonly Repetition[]
  readonly acknowledged: number
  /** Keys that clients share, without counters. */
  readonly keys: readonly string[]
  /** Keys that were put before, by `preload`. */
  readonly bulk: readonly string[]
  /** Puts so many small values to keys of their own, which make a change take its time. */
  preload(count: number): Promise<void>
  start(): void
  /** Stops the clients. Resolves when every client has had its last answer. */
  stop(): Promise<void>
}

/** The search for a linearization takes time with the operations on a key and with the clients that share it. */
const limits = { operationsOfAKey: 2_000, clientsOfAKey: 3 }
const operationsInASecond = 350
const leastKeys = 64
const counters = 16
const bulkBytes = 100
const firstLoader = 100
const loaders = 24

export function makeRingWorkload(options: RingWorkloadOptions): RingWorkload {
  const { nodes, seconds, random, now, clients = 16, connect } = options
  const operations: RingOperation[] = []
  const additions: RingAddition[] = []
  const repetitions: Repetition[] = []
  const enough = Math.ceil((operationsInASecond * (seconds + 30)) / limits.operationsOfAKey)
  const names = Array.from({ length: Math.max(leastKeys, enough) }, (_, index) => `ring/key ${index}`)
  const bulk: string[] = []
  const interval = (1000 * clients) / operationsInASecond
  let acknowledged = 0
  let ids = 0
  let isStopping = false
  let running: Promise<void>[] = []

  const count = ({ kind, outcome }: RingOperation) => {
    if (kind !== 'get' && outcome === 'ok') acknowledged++
  }
  const record = {
    operation(operation: RingOperation) {
      operations.push(operation)
      count(operation)
    },
    addition(addition: RingAddition) {
      additions.push(addition)
      count(addition)
    },
    repetition: (repetition: Repetition) => void repetitions.push(repetition),
  }

  function clientOf(client: number, own: SeededRandom) {
    return makeRingClient({
      ...{ client, nodes, random: own, now, counters, record, connect },
      nextId: () => `${client}-${ids++}`,
    })
  }

  async function run(client: number): Promise<void> {
    const own = random.fork(`client ${client}`)
    const mine = names.filter((_, index) => (index - client + clients) % clients < limits.clientsOfAKey)
    const asker = clientOf(client, own)
    let next = performance.now() + own.between(0, interval)
    while (!isStopping) {
      if (!(await asker.operate(own.pick(mine)))) await sleep(own.between(10, 100))
      // What was missed while nothing answered is not made up for.
      next = Math.max(next + interval, performance.now() - interval)
      const pause = next - performance.now()
      if (pause > 0) await sleep(pause)
    }
    asker.close()
  }

  return {
    ...{ operations, additions, repetitions, bulk, keys: names },
    get acknowledged() {
      return acknowledged
    },

    async preload(wanted) {
      bulk.push(...Array.from({ length: wanted }, (_, index) => `bulk/${index}`))
      const loading = Array.from({ length: loaders }, async (_, index) => {
        const client = firstLoader + index
        const loader = clientOf(client, random.fork(`loader ${index}`))
        for (let n = index; n < wanted; n += loaders) await loader.put(bulk[n] as string, bulkBytes)
        loader.close()
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
