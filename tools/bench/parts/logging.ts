import type { Bench } from '../bench.ts'
import type { Workload } from '../load/wrk.ts'
import type { Run } from '../measure/measured-run.ts'
import { interleave } from '../measure/rounds.ts'
import { describeRun } from '../report/runs.ts'
import { startKvs } from '../servers/embedded-node.ts'
import { overHttp } from './contenders.ts'

export interface LoggingResult {
  /** Runs of the contenders `info`, the default, and `debug`, with a line for each request. */
  readonly runs: readonly Run[]
}

export const loggingCase = 'put 256'
const workload: Workload = { gets: 0, bytes: 100, keys: 100_000, distribution: 'uniform', connections: 256 }

export async function measureLogging(bench: Bench): Promise<LoggingResult> {
  const { args, say } = bench
  const levels = ['info', 'debug'] as const
  const servers = await Promise.all(
    levels.map(async (level) => {
      const kvs = await startKvs({ directory: await bench.makeDirectory(level), env: { LOG_LEVEL: level } })
      bench.defer(() => kvs.stop())
      return { level, contender: overHttp(bench, kvs) }
    }),
  )
  const runs: Run[] = []
  say('\nPUT/s at 256 connections by LOG_LEVEL, with the log in a file')
  for (const { contender } of servers) await contender.run(workload, 1, 7)
  await interleave({ rounds: args.runs, signal: bench.signal }, servers, async ({ level, contender }, round) => {
    const run = {
      case: loggingCase,
      contender: level,
      round,
      ...(await contender.run(workload, args.seconds, round)),
    }
    runs.push(run)
    say(describeRun(run, args.runs))
  })
  return { runs }
}
