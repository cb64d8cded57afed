import type { Bench } from '../bench.ts'
import { runGenerator } from '../load/generate.ts'
import { cpuPerRequest, type Run } from '../measure/measured-run.ts'
import type { Kvs } from '../servers/embedded-node.ts'

/** Sends PUTs of values of 100 bytes for the length of one run, on 64 connections. */
export interface Puts {
  /** Number of keys that are drawn from. */
  readonly keys: number
  readonly seed: number
  /** PUTs a second on a fixed schedule; undefined: as many as are answered. */
  readonly rate?: number
}

export function sendPuts({ args, signal }: Bench, { port, api }: Kvs, { keys, seed, rate }: Puts) {
  const load = { port, api, gets: 0, deletes: 0, keys, bytes: [100, 100], distribution: 'uniform' } as const
  const pace = { connections: 64, seconds: args.seconds, ...(rate !== undefined && { rate }) }
  return runGenerator({ ...load, ...pace, seed }, { signal })
}

/** Sends all nodes the same PUTs at once: what the machine does meanwhile, it does to all of them. */
export async function measurePutsAlike(
  bench: Bench,
  nodes: Readonly<Record<string, Kvs>>,
  puts: Puts,
  { case: name, round }: Pick<Run, 'case' | 'round'>,
): Promise<Run[]> {
  async function measure(contender: string, node: Kvs): Promise<Run> {
    const before = node.cpu()
    const { whole, generatorShare } = await sendPuts(bench, node, puts)
    const { count: requests } = whole.latency
    return {
      ...{ case: name, contender, round, requests, seconds: whole.at, rate: requests / whole.at },
      ...{ generatorShare, latency: whole.latency, cpu: cpuPerRequest(before, node.cpu(), requests) },
      ...(whole.failures > 0 && { problem: `${whole.failures} PUTs failed` }),
    }
  }
  return Promise.all(Object.entries(nodes).map(([contender, node]) => measure(contender, node)))
}
