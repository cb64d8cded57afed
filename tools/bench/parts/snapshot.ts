import type { Bench } from '../bench.ts'
import type { Workload } from '../load/wrk.ts'
import { besideNode } from '../measure/kvs-data.ts'
import type { Run } from '../measure/measured-run.ts'
import { interleave } from '../measure/rounds.ts'
import { describeRun } from '../report/runs.ts'
import { startKvs } from '../servers/embedded-node.ts'
import { type Contender, overHttp } from './contenders.ts'

export interface SnapshotResult {
  /** Rounds of a minute. In `held` somebody holds a snapshot of the log from the first round on, in `none` nobody. */
  readonly runs: readonly Run[]
}

export const snapshotCase = 'put 1'
const workload: Workload = { gets: 0, bytes: 100, keys: 100_000, distribution: 'uniform', connections: 1 }

/** Measures how a long dump slows writes: the longer its snapshot is held, the more row versions stay. */
export async function measureSnapshot(bench: Bench): Promise<SnapshotResult> {
  const { args, say, signal } = bench
  const [rounds, seconds] = args.isQuick ? [2, args.seconds] : [args.minutes, 30]
  const names = ['none', 'held'] as const
  const servers: { name: string; directory: string; contender: Contender }[] = []
  for (const name of names) {
    const directory = await bench.makeDirectory(name)
    const kvs = await startKvs({ directory })
    bench.defer(() => kvs.stop())
    const contender = overHttp(bench, kvs)
    await contender.run(workload, 1, 7)
    servers.push({ name, directory, contender })
  }
  const runs: Run[] = []
  say(`\nPUT/s on one connection, ${rounds} minutes with a snapshot of the log held, and without`)
  await besideNode(servers[1]?.directory ?? '', async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT count(*) FROM transactions')
    await interleave({ rounds, signal }, servers, async ({ name, contender }, round) => {
      const run = { case: snapshotCase, contender: name, round, ...(await contender.run(workload, seconds, round)) }
      runs.push(run)
      say(describeRun(run, rounds))
    })
    await client.query('COMMIT')
  })
  return { runs }
}
