import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Bench } from '../bench.ts'
import { describeRun } from '../report/runs.ts'
import { startKvs } from '../servers/kvs.ts'
import { type Case, chooseCases } from './cases.ts'
import { overHttp } from './contenders.ts'

/** The service under V8's sampling profiler: each workload on a process of its own. Profiles stay for DevTools. */
export async function measureProfiles(bench: Bench): Promise<void> {
  const { words, out } = bench.args
  const chosen =
    words.length > 0 ? chooseCases(words) : chooseCases(['put', 'get', '32', '256']).filter((c) => c.isCore)
  const directory = resolve(out, 'profiles', new Date().toISOString().slice(0, 19).replaceAll(':', ''))
  await mkdir(directory, { recursive: true })
  for (const one of chosen) {
    const path = await profileCase(bench, one, directory)
    const rows = topFunctions(JSON.parse(await readFile(path, 'utf8')), 25)
    const lines = rows.map(({ share, name, place }) => `${(100 * share).toFixed(1).padStart(6)} %  ${name}  ${place}`)
    process.stdout.write(`\n${one.name}, self time of the service's main thread, ${path}\n${lines.join('\n')}\n`)
  }
}

async function profileCase(bench: Bench, one: Case, directory: string): Promise<string> {
  const name = `${one.name.replaceAll(/\W+/g, '-')}.cpuprofile`
  const kvs = await startKvs({
    directory: await bench.makeDirectory('kvs'),
    node: ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', directory, '--cpu-prof-name', name],
  })
  const { keys, bytes } = one.workload
  const contender = overHttp(bench, kvs)
  try {
    if (one.workload.gets > 0) await contender.preload(keys, bytes)
    const run = await contender.run(one.workload, bench.args.seconds, 1)
    bench.say(describeRun({ case: one.name, contender: 'kvs', round: 1, ...run }, 1))
  } finally {
    await contender.stop()
  }
  const found = (await readdir(directory)).find((file) => file === name)
  if (found === undefined) throw new Error(`the service wrote no profile to ${directory}`)
  return join(directory, found)
}

/** As V8 writes it; see "Profiler.Profile" of the DevTools protocol. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface FunctionTime {
  readonly name: string
  readonly place: string
  readonly share: number
}

/** By self time, as shares of the time that was not idle. */
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
