import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Bench } from '../bench.ts'
import { describeRun } from '../report/runs.ts'
import { startKvs } from '../servers/embedded-node.ts'
import { type Case, chooseCases } from './cases.ts'
import { overHttp } from './contenders.ts'

/** Runs each workload on a service of its own under V8's sampling profiler, and keeps the profiles for DevTools. */
export async function measureProfiles(bench: Bench): Promise<void> {
  const { words, out } = bench.args
  const wanted = chooseCases(words.length > 0 ? words : ['put', 'get', '32', '256'])
  const core = wanted.filter(({ isCore }) => isCore)
  const chosen = core.length > 0 ? core : wanted
  const directory = resolve(out, 'profiles', new Date().toISOString().slice(0, 19).replaceAll(':', ''))
  await mkdir(directory, { recursive: true })
  for (const one of chosen) {
    const { path, from, to } = await profileCase(bench, one, directory)
    const rows = topFunctions(between(JSON.parse(await readFile(path, 'utf8')), from, to), 25)
    const lines = rows.map(({ share, name, place }) => `${(100 * share).toFixed(1).padStart(6)} %  ${name}  ${place}`)
    process.stdout.write(
      `\n${one.name}, self time of the service's main thread under load, ${path}\n${lines.join('\n')}\n`,
    )
  }
}

interface Profiled {
  readonly path: string
  /** Start and end of the load in microseconds of the machine's monotonic clock, which V8 uses too. */
  readonly from: number
  readonly to: number
}

const now = () => Number(process.hrtime.bigint() / 1000n)

async function profileCase(bench: Bench, one: Case, directory: string): Promise<Profiled> {
  const name = `${one.name.replaceAll(/\W+/g, '-')}.cpuprofile`
  const kvs = await startKvs({
    directory: await bench.makeDirectory('kvs'),
    node: ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', directory, '--cpu-prof-name', name],
  })
  const { keys, bytes } = one.workload
  const contender = overHttp(bench, kvs)
  let [from, to] = [0, 0]
  try {
    if (one.workload.gets > 0) await contender.preload(keys, bytes)
    from = now()
    const run = await contender.run(one.workload, bench.args.seconds, 1)
    to = now()
    bench.say(describeRun({ case: one.name, contender: 'kvs', round: 1, ...run }, 1))
  } finally {
    await contender.stop()
  }
  const found = (await readdir(directory)).find((file) => file === name)
  if (found === undefined) throw new Error(`the service wrote no profile to ${directory}`)
  return { path: join(directory, found), from, to }
}

/** A profile as V8 writes it: "Profiler.Profile" of the DevTools protocol. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  /** Microseconds. */
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Cuts off what came before and after the load: the start is most of a short profile. */
export function between(profile: CpuProfile, from: number, to: number): CpuProfile {
  let at = profile.startTime
  const timeDeltas = profile.timeDeltas.map((delta) => {
    at += delta
    return at >= from && at <= to ? delta : 0
  })
  return { ...profile, timeDeltas }
}

export interface FunctionTime {
  readonly name: string
  readonly place: string
  readonly share: number
}

/** Sums up self time by function, as shares of the time that was not idle. */
export function topFunctions({ nodes, samples, timeDeltas }: CpuProfile, most: number): FunctionTime[] {
  const times = new Map<number, number>()
  samples.forEach((id, index) => {
    times.set(id, (times.get(id) ?? 0) + (timeDeltas[index] ?? 0))
  })
  const functions = new Map<string, { name: string; place: string; time: number }>()
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame
    if (functionName === '(idle)') continue
    const place = url === '' ? '' : `${url.replace(/^file:\/\/.*?\/(?=(kvs|node_modules)\/)/, '')}:${lineNumber + 1}`
    const name = functionName || '(anonymous)'
    const known = functions.get(`${name} ${place}`) ?? { name, place, time: 0 }
    known.time += times.get(id) ?? 0
    functions.set(`${name} ${place}`, known)
  }
  const all = [...functions.values()]
  const busy = all.reduce((sum, { time }) => sum + time, 0)
  return all
    .sort((a, b) => b.time - a.time)
    .slice(0, most)
    .map(({ name, place, time }) => ({ name, place, share: busy === 0 ? 0 : time / busy }))
}
