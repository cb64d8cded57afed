import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../bench.ts'
import { runGenerator } from '../load/generate.ts'
import { measureSiteLag } from '../load/site-lag.ts'
import type { Run } from '../measure/measured-run.ts'
import { interleave } from '../measure/rounds.ts'
import { type Latency, latencyOf } from '../measure/stats.ts'
import { describeRun } from '../report/runs.ts'
import { describeLag } from '../report/sites-tables.ts'
import { type Kvs, startKvs } from '../servers/embedded-node.ts'
import { makeSites, type SiteNode } from '../servers/site-nodes.ts'
import { measurePutsAlike, sendPuts } from './puts-alike.ts'
import { measureImports, type SiteImport } from './site-import.ts'

/** From the answer to a PUT at one site until a read at the other one has it, in milliseconds. */
export interface SiteLag {
  readonly when: (typeof lagKinds)[number]
  readonly round: number
  readonly latency: Latency
}

export interface SitesResult {
  readonly lags: readonly SiteLag[]
  readonly imports: readonly SiteImport[]
  /** PUTs on a node without peers, `single`, and on one whose log another site follows, `site`, at once. */
  readonly runs: readonly Run[]
}

export const lagKinds = ['quiet', 'loaded'] as const
/** PUTs a second at each site while it is loaded, on a fixed schedule. */
export const loadedRate = 1_000
const loadedConnections = 32

/** The PUTs that are compared, each on 64 connections, with their rate where that is fixed. */
export const siteCases = { 'put 64': undefined, 'put 64, 1,000/s': 1_000 } as const
/** The difference is small beside the noise. */
const leastCostRounds = 10
const keys = 100_000

/** Two sites, each with a Postgres of its own, on this machine, whose cores they share with the load. */
export async function measureSites(bench: Bench): Promise<SitesResult> {
  const { isQuick, runs } = bench.args
  const [site, follower] = await startPair(bench)
  const lags = await measureLags(bench, site, follower)
  const puts = await measureCost(bench, site, isQuick ? runs : Math.max(leastCostRounds, runs))
  for (const node of [site, follower]) await node.stop()
  return { lags, runs: puts, imports: await measureImports(bench, isQuick ? 1 : Math.min(3, runs)) }
}

async function startPair(bench: Bench): Promise<[Kvs, Kvs]> {
  const sites = await makeSites([await bench.makeDirectory('site'), await bench.makeDirectory('follower')])
  const start = async (site: SiteNode) => {
    const kvs = await site.start()
    bench.defer(() => kvs.stop())
    return kvs
  }
  const [one, two] = sites as [SiteNode, SiteNode]
  return [await start(one), await start(two)]
}

async function measureLags({ args, say, signal }: Bench, site: Kvs, follower: Kvs): Promise<SiteLag[]> {
  const lags: SiteLag[] = []
  const milliseconds = 2_000 * args.seconds
  const load = ({ port, api }: Kvs, seed: number) =>
    runGenerator(
      {
        ...{ port, api, gets: 0, deletes: 0, keys, distribution: 'uniform', bytes: [100, 100], seed },
        ...{ connections: loadedConnections, rate: loadedRate, seconds: milliseconds / 1_000 },
      },
      { signal },
    )
  say('\nfrom the answer to a PUT at one site until a read at the other has it')
  await measureSiteLag(site, follower, once())
  await interleave({ rounds: args.runs, signal }, lagKinds, async (when, round) => {
    let isOver = false
    const during =
      when === 'quiet'
        ? sleep(milliseconds, undefined, { signal })
        : Promise.all([load(site, round), load(follower, 1_000 + round)])
    const ended = during.finally(() => {
      isOver = true
    })
    const [seen] = await Promise.all([measureSiteLag(site, follower, () => isOver), ended])
    const lag = { when, round, latency: latencyOf(Float64Array.from(seen)) }
    lags.push(lag)
    say(describeLag(lag, args.runs))
  })
  return lags
}

/** For a first round that does not count: it waits until the sites follow each other. */
function once(): () => boolean {
  let asked = 0
  return () => asked++ > 0
}

async function measureCost(bench: Bench, site: Kvs, rounds: number): Promise<Run[]> {
  const { say, signal } = bench
  const single = await startKvs({ directory: await bench.makeDirectory('single') })
  bench.defer(() => single.stop())
  const nodes = { single, site }
  say('\nPUTs on a node without peers, and on one that another site follows, at once')
  for (const node of Object.values(nodes)) await sendPuts(bench, node, { keys, seed: 1_000_000 })
  const runs: Run[] = []
  const cases = Object.entries(siteCases)
  await interleave({ rounds, signal }, cases, async ([name, rate], round) => {
    const puts = { keys, seed: round, ...(rate !== undefined && { rate }) }
    for (const run of await measurePutsAlike(bench, nodes, puts, { case: name, round })) {
      runs.push(run)
      say(`${describeRun(run, rounds)}  ${run.case}`)
    }
  })
  await single.stop()
  return runs
}
