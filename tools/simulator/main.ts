import { readFileSync, writeFileSync } from 'node:fs'
import { type Arguments, help, parseArguments, WrongUse } from './arguments.ts'
import { runCampaign } from './campaign.ts'
import { explain } from './failure.ts'
import { generateSchedule } from './generator.ts'
import { generateRingSchedule } from './ring/generate-ring.ts'
import { type Run, simulate } from './run.ts'
import type { Schedule } from './schedule.ts'
import { generateSitesSchedule } from './sites/generate-sites.ts'

const generatorOf = ({ sites, ring }: Arguments) =>
  sites ? generateSitesSchedule : ring ? generateRingSchedule : generateSchedule
const flagsOf = ({ sites, ring }: Arguments) => (sites ? '--sites ' : ring ? '--ring ' : '')
const say = (text: string) => process.stdout.write(`${text}\n`)

try {
  const freshSeed = () => Math.floor(Math.random() * 1_000_000_000)
  process.exitCode = await main(parseArguments(process.argv.slice(2), freshSeed))
} catch (error) {
  if (!(error instanceof WrongUse)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}

async function main(args: Arguments): Promise<number> {
  if (args.help) {
    say(help)
    return 0
  }
  if (args.schedule !== undefined) return runOne(readSchedule(args.schedule), `--schedule ${args.schedule}`, args)
  if (args.seed !== undefined) return runOne(generatorOf(args)(args.seed), `${flagsOf(args)}--seed ${args.seed}`, args)
  return runMany(args)
}

function readSchedule(file: string): Schedule {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new WrongUse(`the schedule ${file} can’t be read: ${reason}`)
  }
}

async function runOne(schedule: Schedule, how: string, args: Arguments): Promise<number> {
  const run = await simulate(schedule)
  const { operations, faults } = run.history
  const simulated = (run.simulatedMs / 1000).toFixed(1)
  say(
    `${operations.length} operations, ${faults.length} faults, ${simulated} simulated seconds, trace ${run.trace.hash()}`,
  )
  return run.violations.length === 0 ? 0 : tell(run, how, args)
}

async function runMany(args: Arguments): Promise<number> {
  const { from, seconds } = args
  say(`seeds from ${from} on, for ${seconds} s`)
  const deadline = performance.now() + 1000 * seconds
  const campaign = await runCampaign({
    ...{ from, goesOn: () => performance.now() < deadline, generate: generatorOf(args) },
  })
  const { failure, undecidedKeys } = campaign
  const count = (number: number) => number.toLocaleString('en-US')
  say(
    `${count(campaign.schedules)} schedules, ${count(campaign.operations)} operations, ` +
      `${count(campaign.faults)} faults, ${(campaign.simulatedMs / 3_600_000).toFixed(2)} simulated hours`,
  )
  if (undecidedKeys > 0) say(`keys that were held against the log alone, as the search took too long: ${undecidedKeys}`)
  return failure === undefined ? 0 : tell(failure, `${flagsOf(args)}--seed ${failure.schedule.seed}`, args)
}

async function tell(run: Run, how: string, { keep }: Arguments): Promise<number> {
  const { least, text } = await explain(run, `npm run simulate -- ${how}`)
  say(`\n${text}`)
  if (keep !== undefined) {
    writeFileSync(keep, `${JSON.stringify(least.schedule, undefined, 2)}\n`)
    say(`the shrunk schedule is in ${keep}`)
  }
  return 1
}
