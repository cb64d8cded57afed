import type { Bench } from '../bench.ts'
import { preload, runGenerator } from '../load/generate.ts'
import { cpuPerRequest, type Run } from '../measure/measured-run.ts'
import type { Cpu } from '../measure/proc.ts'
import { interleave } from '../measure/rounds.ts'
import { describeRun } from '../report/runs.ts'
import type { Kvs } from '../servers/embedded-node.ts'
import { makeRingNodes, type RingNode, setRing } from '../servers/ring-nodes.ts'
import { type Handover, measureHandovers } from './ring-handover.ts'
import { measureShares, type RingShare } from './ring-shares.ts'

export interface RingResult {
  /** Requests to the members that own the keys, `owner`, and to any member, `any`, where two of three are passed on. */
  readonly runs: readonly Run[]
  readonly handovers: readonly Handover[]
  readonly shares: readonly RingShare[]
}

/** Percentage of GETs in each case, on 32 connections. */
export const ringCases = { 'get 32': 100, 'put 32': 0 } as const
export const ringContenders = ['owner', 'any'] as const

/** The slots of the three members, a third for each, by their positions. */
export const ringSlots = { 3333: '0-3333', 6666: '3334-6666', 9999: '6667-9999' } as const

const keysOf = ({ args }: Bench) => (args.isQuick ? 10_000 : 100_000)

/** Three members, each with a Postgres of its own, on this machine, whose cores they share with the load. */
export async function measureRing(bench: Bench): Promise<RingResult> {
  const runs = await measureAsked(bench)
  return { runs, handovers: await measureHandovers(bench), shares: await measureShares(bench) }
}

/** Makes three nodes that are not started. */
export async function makeThree(bench: Bench): Promise<RingNode[]> {
  return makeRingNodes([
    await bench.makeDirectory('member-1'),
    await bench.makeDirectory('member-2'),
    await bench.makeDirectory('member-3'),
  ])
}

/** Each of three nodes at a position of its own. */
export function thirds(nodes: readonly RingNode[]): Record<number, string> {
  const positions = Object.keys(ringSlots)
  return Object.fromEntries(nodes.map(({ address }, index) => [Number(positions[index]), address]))
}

async function measureAsked(bench: Bench): Promise<Run[]> {
  const { args, say, signal } = bench
  const nodes = await makeThree(bench)
  const members: Kvs[] = []
  for (const node of nodes) {
    const member = await node.start()
    bench.defer(() => member.stop())
    members.push(member)
  }
  const [one] = members as [Kvs]
  await setRing(one, thirds(nodes))
  await preload(one, { keys: keysOf(bench), bytes: 100 }, signal)
  const runs: Run[] = []
  say('\nrequests to the members that own the keys, and to any member')
  const cases = Object.entries(ringCases).flatMap(([name, gets]) =>
    ringContenders.map((contender) => ({ case: name, gets, contender })),
  )
  await interleave({ rounds: args.runs, signal }, cases, async ({ case: name, gets, contender }, round) => {
    const run = { case: name, contender, round, ...(await measure(bench, members, { gets, contender, round })) }
    runs.push(run)
    say(`${describeRun(run, args.runs)}  ${name}`)
  })
  for (const member of members) await member.stop()
  return runs
}

interface Asking {
  readonly gets: number
  readonly contender: (typeof ringContenders)[number]
  readonly round: number
}

async function measure(
  bench: Bench,
  members: readonly Kvs[],
  { gets, contender, round }: Asking,
): Promise<Omit<Run, 'case' | 'contender' | 'round'>> {
  const { args, signal } = bench
  const slots = Object.values(ringSlots)
  const nodes = members.map(({ port }, index) => {
    return { port, ...(contender === 'owner' && { slots: slots[index] ?? '' }) }
  })
  const before = cpuOfAll(members)
  const { whole, generatorShare } = await runGenerator(
    {
      ...{ port: 0, nodes, api: 'kvs', gets, deletes: 0, keys: keysOf(bench), bytes: [100, 100] },
      ...{ distribution: 'uniform', connections: 32, seconds: args.seconds, seed: round },
    },
    { signal },
  )
  const { count: requests } = whole.latency
  return {
    ...{ requests, seconds: whole.at, rate: requests / whole.at, generatorShare, latency: whole.latency },
    cpu: cpuPerRequest(before, cpuOfAll(members), requests),
    ...(whole.failures > 0 && { problem: `${whole.failures} requests failed` }),
  }
}

/** CPU time of all members, and of the Postgres of each. */
function cpuOfAll(members: readonly Kvs[]): Record<string, Cpu> {
  const sum = (program: string) =>
    members
      .map((member) => member.cpu()[program] ?? { user: 0, system: 0 })
      .reduce((a, b) => ({ user: a.user + b.user, system: a.system + b.system }))
  return { nodes: sum('node'), postgres: sum('postgres') }
}
