import type { Bench } from '../bench.ts'
import { runGenerator } from '../load/generate.ts'
import type { Window } from '../load/recorder.ts'
import { runWrk, type Workload } from '../load/wrk.ts'
import { interleave } from '../measure/rounds.ts'
import { spreadOf } from '../measure/stats.ts'
import { describeOpenLoop } from '../report/latency-tables.ts'
import { startKvs } from '../servers/embedded-node.ts'
import { startEtcd } from '../servers/etcd.ts'
import type { HttpServer } from '../servers/server.ts'
import { measureSingle, type SingleRound } from './single.ts'

export interface OpenLoopRound {
  readonly contender: 'kvs' | 'etcd'
  readonly round: number
  /** PUTs a second with 256 connections that send as fast as they can. */
  readonly peak: number
  readonly rate: number
  readonly window: Window
  readonly generatorShare: number
}

export interface LatencyResult {
  readonly openLoop: readonly OpenLoopRound[]
  readonly single: readonly SingleRound[]
}

const workload: Workload = { gets: 0, bytes: 100, keys: 100_000, distribution: 'uniform', connections: 256 }

export async function measureLatency(bench: Bench): Promise<LatencyResult> {
  return { openLoop: await measureOpenLoop(bench), single: await measureSingle(bench) }
}

/** Sends PUTs on a fixed schedule at half of the rate that the server has just reached. */
async function measureOpenLoop(bench: Bench): Promise<OpenLoopRound[]> {
  const { args, say } = bench
  const servers = await startServers(bench)
  const rounds = Math.ceil(args.runs / 2)
  const seconds = args.isQuick ? 3 : Math.max(8, args.seconds)
  const peaks = new Map<HttpServer, number[]>()
  for (const [, server] of servers) await peakOf(bench, server, 1)
  say('\nPUT/s at 256 connections, for the rates of the open loop')
  await interleave({ rounds, signal: bench.signal }, servers, async ([contender, server]) => {
    const peak = await peakOf(bench, server, args.seconds)
    peaks.set(server, [...(peaks.get(server) ?? []), peak])
    say(`  ${contender}: ${Math.round(peak)}/s`)
  })

  say(`\nopen loop, ${seconds} s at half of that`)
  const measured: OpenLoopRound[] = []
  await interleave({ rounds, signal: bench.signal }, servers, async ([contender, server], round) => {
    const peak = spreadOf(peaks.get(server) ?? [])?.median ?? 0
    const rate = Math.max(1, Math.round(peak / 2))
    const { whole, generatorShare } = await runGenerator(
      {
        ...{ port: server.port, api: server.api, connections: 256, rate, seconds, seed: round },
        ...{ gets: 0, deletes: 0, keys: workload.keys, bytes: [100, 100], distribution: 'uniform' },
      },
      { signal: bench.signal },
    )
    const one = { contender, round, peak, rate, window: whole, generatorShare }
    measured.push(one)
    say(describeOpenLoop(one))
  })
  return measured
}

async function startServers(bench: Bench): Promise<['kvs' | 'etcd', HttpServer][]> {
  const kvs = await startKvs({ directory: await bench.makeDirectory('kvs') })
  bench.defer(() => kvs.stop())
  const binary = bench.tool('etcd')
  if (binary === undefined) return [['kvs', kvs]]
  const etcd = await startEtcd(binary, await bench.makeDirectory('etcd'))
  bench.defer(() => etcd.stop())
  return [
    ['kvs', kvs],
    ['etcd', etcd],
  ]
}

async function peakOf({ requireTool, signal }: Bench, server: HttpServer, seconds: number): Promise<number> {
  const binary = requireTool('wrk')
  const { requests, seconds: took, problem } = await runWrk({ binary, server, workload, seconds, seed: 1, signal })
  if (problem) throw new Error(`the peak could not be measured: ${problem}`)
  return requests / took
}
