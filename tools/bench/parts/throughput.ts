import type { Bench } from '../bench.ts'
import type { Run } from '../measure/measured-run.ts'
import { interleave } from '../measure/rounds.ts'
import { describeRun } from '../report/runs.ts'
import { type Case, type ContenderName, chooseCases } from './cases.ts'
import { type Contender, startContender } from './contenders.ts'

export interface ThroughputResult {
  readonly runs: readonly Run[]
}

/** Measures every case with every contender, interleaved. Contenders that are not installed are left out. */
export async function measureThroughput(bench: Bench): Promise<ThroughputResult> {
  const { args, say } = bench
  const wanted = chooseCases(args.words)
  const core = wanted.filter(({ isCore }) => isCore)
  const chosen = args.isQuick && core.length > 0 ? core : wanted
  const contenders = await startAll(bench, chosen)
  const runs: Run[] = []
  let loaded = 0
  for (const one of chosen) {
    const { bytes, keys } = one.workload
    const taking = one.contenders.filter((name) => contenders.has(name))
    if (bytes !== loaded) await loadAll(bench, one, contenders)
    loaded = bytes
    say(`\n${one.name}: ${keys.toLocaleString('en-US')} keys`)
    // The rest is for the shape of things: two fifths of the time.
    const rounds = one.isCore ? args.runs : Math.ceil(0.4 * args.runs)
    const seconds = one.isCore ? args.seconds : Math.min(2, args.seconds)
    await warmUp(one, taking, contenders)
    await interleave({ rounds, signal: bench.signal }, taking, async (name, round) => {
      const run = await contenders.get(name)?.run(one.workload, seconds, seedOf(round))
      if (run === undefined) return
      runs.push({ ...{ case: one.name, contender: name, round }, ...run })
      say(describeRun({ case: one.name, contender: name, round, ...run }, rounds))
    })
  }
  return { runs }
}

/** Runs a case for one round: the seed gives all contenders the same requests. */
const seedOf = (round: number) => 1000 * round

async function startAll(bench: Bench, chosen: readonly Case[]): Promise<Map<ContenderName, Contender>> {
  const started = new Map<ContenderName, Contender>()
  for (const name of new Set(chosen.flatMap(({ contenders }) => contenders))) {
    bench.say(`starting ${name}`)
    const contender = await startContender(name, bench)
    if (contender) started.set(name, contender)
  }
  return started
}

async function loadAll({ say }: Bench, { workload }: Case, contenders: ReadonlyMap<ContenderName, Contender>) {
  const { keys, bytes } = workload
  say(`loading ${keys.toLocaleString('en-US')} values of ${bytes} bytes`)
  for (const contender of contenders.values()) await contender.preload(keys, bytes)
}

/** Runs each contender for a second that does not count, in which code is compiled and connections are opened. */
async function warmUp(one: Case, taking: readonly ContenderName[], contenders: ReadonlyMap<ContenderName, Contender>) {
  for (const name of taking) await contenders.get(name)?.run(one.workload, 1, 7)
}
