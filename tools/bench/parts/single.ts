import type { Bench } from '../bench.ts'
import { runGenerator } from '../load/generate.ts'
import { runPgbench } from '../load/pgbench.ts'
import { runWrk } from '../load/wrk.ts'
import { interleave } from '../measure/rounds.ts'
import { number } from '../report/text.ts'
import { startComparison } from '../servers/comparison-programs.ts'
import { startKvs } from '../servers/embedded-node.ts'
import { startPostgres } from '../servers/pgbench-postgres.ts'

/** Medians of one round in milliseconds, on one connection with one request after the other. */
export interface SingleRound {
  readonly round: number
  /** A PUT, seen by the generator of tools/bench/load. */
  readonly put: number
  /** A PUT, seen by wrk. */
  readonly putByWrk: number
  /** A GET of a bare node:http server, seen by the same generator: what generator, loopback and Node take of it. */
  readonly bare: number
  /** An INSERT, seen by pgbench; absent where that is not installed. */
  readonly insert?: number
}

export async function measureSingle(bench: Bench): Promise<SingleRound[]> {
  const { args, signal, say } = bench
  const kvs = await startKvs({ directory: await bench.makeDirectory('kvs') })
  bench.defer(() => kvs.stop())
  const bare = await startComparison('bare', await bench.makeDirectory('bare'))
  bench.defer(() => bare.stop())
  const pgbench = bench.tool('pgbench')
  const postgres = pgbench === undefined ? undefined : await startPostgres(await bench.makeDirectory('postgres'))
  bench.defer(() => postgres?.stop())
  const wrk = bench.requireTool('wrk')
  const seconds = 1 // thousands of requests
  const bytes = 100
  const keys = 100_000

  async function generated(server: typeof kvs | typeof bare, gets: number): Promise<number> {
    const { whole } = await runGenerator(
      {
        ...{ port: server.port, api: 'kvs', connections: 1, seconds, seed: 1, gets, deletes: 0, keys },
        ...{ bytes: [bytes, bytes], distribution: 'uniform' },
      },
      { signal },
    )
    if (whole.failures > 0) throw new Error(`${whole.failures} requests failed on one connection`)
    return whole.latency.p50
  }

  const workload = { gets: 0, bytes, keys, distribution: 'uniform', connections: 1 } as const
  const steps = {
    put: () => generated(kvs, 0),
    insert: async () => {
      if (pgbench === undefined || postgres === undefined) return undefined
      const load = { binary: pgbench, postgres, clients: 1, bytes, seconds, keepsTimes: true, signal }
      return (await runPgbench(load)).latency?.p50
    },
    putByWrk: async () => {
      return (await runWrk({ binary: wrk, server: kvs, workload, seconds, seed: 1, signal })).latency?.p50
    },
    bare: () => generated(bare, 100),
  }
  for (const step of Object.values(steps)) await step()

  say('\none connection, p50')
  const rounds: Record<string, number>[] = []
  await interleave(
    { rounds: args.runs, signal: bench.signal },
    Object.keys(steps) as (keyof typeof steps)[],
    async (name, round) => {
      const p50 = await steps[name]()
      rounds[round - 1] = { ...(rounds[round - 1] ?? { round }), ...(p50 !== undefined && { [name]: p50 }) }
      if (p50 !== undefined) say(`  ${round}/${args.runs} ${name.padEnd(9)} ${number(1000 * p50)} µs`)
    },
  )
  return rounds as unknown as SingleRound[]
}
