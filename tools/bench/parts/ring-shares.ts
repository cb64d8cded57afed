import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../bench.ts'
import { preload } from '../load/generate.ts'
import { besideNode } from '../measure/kvs-data.ts'
import { memoryOf } from '../measure/proc.ts'
import { describeShare } from '../report/ring-tables.ts'
import { number } from '../report/text.ts'
import type { Kvs } from '../servers/embedded-node.ts'
import { makeRingNodes, setRing } from '../servers/ring-nodes.ts'
import { makeThree, thirds } from './ring.ts'

/** What a node takes for the keys that it has: all of them, or about a third of them in a ring. */
export interface RingShare {
  readonly node: (typeof shareNames)[number]
  /** Number of keys in the ring. */
  readonly keys: number
  /** Resident memory in bytes after each restart, above what it was without keys. */
  readonly memory: readonly number[]
  /** Size of the log's table with its indexes, in bytes. */
  readonly log: number
}

export const shareNames = ['alone', 'member 1', 'member 2', 'member 3'] as const

/** The same keys in one node, and in a ring of three. */
export async function measureShares(bench: Bench): Promise<RingShare[]> {
  const { args, say, signal } = bench
  const keys = args.isQuick ? 10_000 : 1_000_000
  const [settleMs, restarts] = args.isQuick ? [1_000, 1] : [4_000, 3]
  const three = await makeThree(bench)
  const nodes = [...(await makeRingNodes([await bench.makeDirectory('alone')])), ...three]
  const startAll = async (): Promise<Kvs[]> => {
    const started: Kvs[] = []
    for (const node of nodes) {
      const kvs = await node.start()
      bench.defer(() => kvs.stop())
      started.push(kvs)
    }
    return started
  }
  const resident = async (started: readonly Kvs[]) => {
    await sleep(settleMs, undefined, { signal })
    return started.map(({ pid }) => memoryOf(pid).resident)
  }
  say(`\n${number(keys)} keys with values of 100 bytes, in one node and in a ring of three`)
  const stopAll = async (started: readonly Kvs[]) => {
    for (const kvs of started) await kvs.stop()
  }
  // A node that makes its cluster takes more than one that only starts.
  const forming = await startAll()
  await setRing(forming[1] as Kvs, thirds(three))
  await stopAll(forming)
  const filling = await startAll()
  const empty = await resident(filling)
  for (const to of filling.slice(0, 2)) await preload(to, { keys, bytes: 100 }, signal)
  const logs = await Promise.all(nodes.map(({ directory }) => logBytes(directory)))
  await stopAll(filling)
  const loaded: number[][] = []
  while (loaded.length < restarts) {
    const restarted = await startAll()
    loaded.push(await resident(restarted))
    await stopAll(restarted)
  }
  return shareNames.map((node, index) => {
    const memory = loaded.map((each) => (each[index] ?? Number.NaN) - (empty[index] ?? Number.NaN))
    const share = { node, keys, memory, log: logs[index] ?? Number.NaN }
    say(describeShare(share))
    return share
  })
}

function logBytes(directory: string): Promise<number> {
  return besideNode(directory, async (client) => {
    const { rows } = await client.query<{ bytes: string }>(`SELECT pg_total_relation_size('transactions') AS bytes`)
    return Number(rows[0]?.bytes)
  })
}
