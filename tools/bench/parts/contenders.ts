import type { Bench } from '../bench.ts'
import { preload } from '../load/generate.ts'
import { runPgbench } from '../load/pgbench.ts'
import { requestsFor, runRedisBenchmark } from '../load/redis-benchmark.ts'
import { runWrk, type Workload } from '../load/wrk.ts'
import { cpuPerRequest, type Run, type Seen } from '../measure/measured-run.ts'
import { startComparison } from '../servers/comparison-programs.ts'
import { startKvs } from '../servers/embedded-node.ts'
import { startEtcd } from '../servers/etcd.ts'
import { startPostgres } from '../servers/pgbench-postgres.ts'
import { redisKeyFor, startRedis } from '../servers/redis.ts'
import type { HttpServer, Server } from '../servers/server.ts'
import type { ContenderName } from './cases.ts'

export type Measured = Omit<Run, 'case' | 'contender' | 'round'>

export interface Contender {
  /** Puts every key, so that GETs find it. */
  preload(keys: number, bytes: number): Promise<void>
  run(workload: Workload, seconds: number, seed: number): Promise<Measured>
  stop(): Promise<unknown>
}

/** Starts a contender; undefined if it is not installed. */
export async function startContender(name: ContenderName, bench: Bench): Promise<Contender | undefined> {
  const directory = await bench.makeDirectory(name)
  const starts: Record<ContenderName, () => Promise<Contender | undefined>> = {
    kvs: async () => overHttp(bench, await startKvs({ directory })),
    etcd: async () => {
      const binary = bench.tool('etcd')
      return binary === undefined ? undefined : overHttp(bench, await startEtcd(binary, directory))
    },
    redis: () => startRedisContender(bench, directory),
    pgbench: () => startPgbench(bench, directory),
    'without-log': async () => overHttp(bench, await startComparison('without-log', directory)),
    bare: async () => ({
      ...overHttp(bench, await startComparison('bare', directory)),
      preload: async () => undefined,
    }),
  }
  const contender = await starts[name]()
  if (contender) bench.defer(() => contender.stop())
  return contender
}

export function overHttp(
  { requireTool, signal }: Pick<Bench, 'requireTool' | 'signal'>,
  server: HttpServer,
): Contender {
  const binary = requireTool('wrk')
  return {
    preload: (keys, bytes) => preload(server, { keys, bytes }, signal),
    stop: () => server.stop(),
    async run(workload, seconds, seed) {
      const before = await server.position?.()
      const run = await measure(server, () => runWrk({ binary, server, workload, seconds, seed, signal }))
      const after = await server.position?.()
      if (workload.gets > 0 || before === undefined || after === undefined) return run
      // What was counted as done is held against the log.
      const committed = Number(after - before)
      if (committed >= run.requests) return run
      return { ...run, problem: `of ${run.requests} writes answered, the log has ${committed}` }
    },
  }
}

async function startRedisContender({ tool, signal }: Bench, directory: string): Promise<Contender | undefined> {
  const [server, binary] = [tool('redis-server'), tool('redis-benchmark')]
  if (server === undefined || binary === undefined) return undefined
  const redis = await startRedis(server, directory)
  return {
    preload: (keys, bytes) => redis.load(keys, bytes, redisKeyFor),
    stop: () => redis.stop(),
    async run({ gets, connections, bytes, keys }, seconds) {
      const kind = gets === 0 ? 'put' : 'get'
      const load = { binary, port: redis.port, kind, connections, bytes, keys, seconds, signal } as const
      const requests = await requestsFor(load)
      return measure(redis, () => runRedisBenchmark(load, requests))
    },
  }
}

async function startPgbench(bench: Bench, directory: string): Promise<Contender | undefined> {
  const binary = bench.tool('pgbench')
  if (binary === undefined) return undefined
  const postgres = await startPostgres(directory)
  return {
    preload: async () => undefined,
    stop: () => postgres.stop(),
    run({ connections, bytes }, seconds) {
      // More than 32 clients make it slower on few cores: a backend each.
      const clients = Math.min(connections, 32)
      const load = { binary, postgres, clients, bytes, seconds, keepsTimes: clients === 1, signal: bench.signal }
      return measure(postgres, () => runPgbench(load))
    },
  }
}

async function measure(server: Server, run: () => Promise<Seen>): Promise<Measured> {
  const before = server.cpu()
  const { requests, seconds, generatorSeconds, latency, problem } = await run()
  return {
    ...{ requests, seconds, rate: requests / seconds },
    cpu: cpuPerRequest(before, server.cpu(), requests),
    generatorShare: generatorSeconds / seconds,
    ...(latency && { latency }),
    ...(problem !== undefined && { problem }),
  }
}
