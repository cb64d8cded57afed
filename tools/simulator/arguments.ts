import { parseArgs } from 'node:util'

export interface Arguments {
  readonly help: boolean
  /** The seed that is run once; undefined where seeds are run one after another. */
  readonly seed: number | undefined
  /** The first of the seeds that are run one after another. */
  readonly from: number
  /** For how long seeds are run. */
  readonly seconds: number
  /** A file with a schedule, which is run instead of a seed's. */
  readonly schedule: string | undefined
  /** Whether a seed is one of several sites, and not of one log. */
  readonly sites: boolean
  /** Whether a seed is one of a ring, and not of one log. */
  readonly ring: boolean
  /** Where the shrunk schedule of a failure is written. */
  readonly keep: string | undefined
}

/** Said to the user without a stack trace, with exit code 2. */
export class WrongUse extends Error {}

const options = {
  help: { type: 'boolean', default: false },
  seed: { type: 'string' },
  from: { type: 'string' },
  seconds: { type: 'string' },
  schedule: { type: 'string' },
  sites: { type: 'boolean', default: false },
  ring: { type: 'boolean', default: false },
  keep: { type: 'string' },
} as const

const defaultSeconds = 10

/** @param fresh the first seed where none is named */
export function parseArguments(args: readonly string[], fresh: () => number): Arguments {
  const { seed, from, seconds, help, schedule, sites, ring, keep } = parse(args)
  const ways = Object.entries({ seed, from, schedule }).filter(([, value]) => value !== undefined)
  if (ways.length > 1) throw new WrongUse(`${ways.map(([name]) => `--${name}`).join(' and ')} exclude each other`)
  if (seconds !== undefined && (seed ?? schedule) !== undefined) {
    throw new WrongUse('--seconds is for seeds that are run one after another')
  }
  if (sites && ring) throw new WrongUse('--sites and --ring exclude each other')
  if ((sites || ring) && schedule !== undefined) {
    throw new WrongUse(`--${sites ? 'sites' : 'ring'} is for seeds: a schedule says itself what it has`)
  }
  return {
    help,
    seed: seed === undefined ? undefined : wholeNumber('--seed', seed, 0),
    from: from === undefined ? fresh() : wholeNumber('--from', from, 0),
    seconds: seconds === undefined ? defaultSeconds : wholeNumber('--seconds', seconds, 1),
    schedule,
    sites,
    ring,
    keep,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
  throw new WrongUse(`${name} takes a whole number from ${least}, not "${text}"`)
}

export const help = `npm run simulate                       runs fresh seeds for ${defaultSeconds} s
npm run simulate -- --seconds S        for S seconds
npm run simulate -- --from N           from seed N on
npm run simulate -- --seed N           runs one seed, exactly as it ran before
npm run simulate -- --schedule FILE    runs the schedule in a file
  --sites                              seeds are of several sites, each with a log of its own
  --ring                               seeds are of a ring, each of whose members has a log
  --keep FILE                          writes the shrunk schedule of a failure there

A failure prints its seed, the shrunk schedule and what happened; the exit code is 1 then, and 2 for wrong use.
docs/simulator.md says more.
`
