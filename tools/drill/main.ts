import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type AnyDrill, type Arguments, parseArguments, WrongUse } from './arguments.ts'
import { drills as drillsOfOneLog } from './drills.ts'
import { makeProgress, type Progress } from './progress.ts'
import { renderTable } from './report.ts'
import { ringDrills } from './ring/ring-drills.ts'
import { runRingDrill } from './ring/ring-run.ts'
import { type DrillResult, type End, runDrill } from './run.ts'
import { sitesDrills } from './sites/sites-drills.ts'
import { runSitesDrill } from './sites/sites-run.ts'
import { type Platform, preparePlatform } from './stack/platform.ts'
import { drawTimeline } from './timeline.ts'

const drills: readonly AnyDrill[] = [...drillsOfOneLog, ...ringDrills, ...sitesDrills]

try {
  const args = parseArguments(process.argv.slice(2), drills)
  process.exitCode = args.drills.length === 0 ? list() : await runAll(args)
} catch (error) {
  if (!(error instanceof WrongUse)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}

function needsContainers(drill: AnyDrill): boolean {
  return 'needsContainers' in drill && drill.needsContainers === true
}

function list(): number {
  const width = Math.max(...drills.map(({ name }) => name.length))
  for (const drill of drills) {
    const needs = needsContainers(drill) ? ' Needs containers.' : ''
    process.stdout.write(`${drill.name.padEnd(width)}  ${drill.sentence}${needs}\n`)
  }
  process.stdout.write('\nnpm run drill -- NAME…|all runs them; docs/drills.md says more.\n')
  return 0
}

/** @returns the exit code: 0 where all that was asked for has passed, 1 on any violation, 130 after Ctrl-C */
async function runAll(args: Arguments): Promise<number> {
  const chosen = args.drills.filter((drill) => !(args.isLocal && needsContainers(drill)))
  const progress = makeProgress(process.stderr, chosen.length)
  for (const { name } of args.drills.filter((drill) => !chosen.includes(drill))) {
    progress.say(`SKIPPED ${name}: it needs containers, and --local has none`)
  }
  progress.say(`seed ${args.seed}, ${args.seconds} s of faults a drill`)
  const abort = new AbortController()
  process.on('SIGINT', () => {
    if (abort.signal.aborted) process.exit(130)
    progress.say('cleaning up; once more Ctrl-C to leave it as it is')
    abort.abort(new Error('interrupted'))
  })

  const results: DrillResult[] = []
  let platform: Platform | undefined
  try {
    platform = await preparePlatform(args, (line) => progress.say(line))
    await mkdir(args.out, { recursive: true })
    for (const drill of chosen) results.push(await runOne(drill, args, platform, progress, abort.signal))
  } catch (error) {
    if (!abort.signal.aborted) throw error
  } finally {
    progress.end()
    await platform?.close()
  }
  await report(results, args)
  if (abort.signal.aborted) return 130
  return results.every(({ passed }) => passed) ? 0 : 1
}

function runOne(drill: AnyDrill, args: Arguments, platform: Platform, progress: Progress, signal: AbortSignal) {
  const { seed, seconds, out, keepHistory } = args
  const options = {
    ...{ seed, seconds, progress, signal },
    async onEnd({ result, history, output }: End) {
      const keep = (kind: string, text: string) => writeFile(join(out, `${drill.name}.${kind}`), text)
      await keep('svg', drawTimeline({ title: `${drill.name}, seed ${seed}`, history }))
      if (keepHistory) await keep('history.json', JSON.stringify(history))
      if (!result.passed) await keep('kvs.log', output)
      progress.say(`${result.passed ? 'passed' : 'FAILED'} ${drill.name}`)
    },
  }
  if ('bulk' in drill) return runRingDrill(drill, { ...options, startStack: platform.startRing, isTimed: true })
  if ('shape' in drill) return runSitesDrill(drill, { ...options, startStack: platform.startSites })
  return runDrill(drill, { ...options, makeStack: platform.makeStack })
}

async function report(results: readonly DrillResult[], { json, seed, seconds, isLocal, out }: Arguments) {
  if (json !== undefined) {
    await mkdir(dirname(json), { recursive: true })
    const platform = isLocal ? 'processes' : 'containers'
    await writeFile(json, `${JSON.stringify({ seed, seconds, platform, results }, undefined, 2)}\n`)
  }
  if (results.length === 0) return
  process.stdout.write(`\n${renderTable(results)}\n`)
  for (const { drill, notes } of results) {
    for (const note of notes) process.stdout.write(`${drill}: ${note}\n`)
  }
  process.stdout.write(`timelines: ${join(out, '*.svg')}\n`)
}
