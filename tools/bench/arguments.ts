import { parseArgs } from 'node:util'
import { nearest } from '../../kvs/config/index.ts'
import { filterWords } from './parts/cases.ts'

/** Parts in the order in which they run, and whether they run by default. */
export const parts = {
  throughput: {
    byDefault: true,
    sentence: 'requests a second and CPU time a request, beside etcd, Redis and Postgres',
  },
  latency: { byDefault: true, sentence: 'how long a PUT takes: at half of the peak rate, and on one connection' },
  logging: { byDefault: true, sentence: 'what a log line for each request costs' },
  start: {
    byDefault: true,
    sentence: 'how long a start takes, by the length of the log; how fast the log is replayed',
  },
  memory: { byDefault: true, sentence: 'what a million keys take, beside Redis' },
  nodes: { byDefault: false, sentence: 'several nodes on one log: reads, lag, ?consistent, forwarding' },
  lists: {
    byDefault: false,
    sentence: 'lists of a million keys: how long, what they hold up, what the order of keys costs a PUT',
  },
  transactions: {
    byDefault: false,
    sentence: 'transactions of ten operations beside etcd’s; counts on one key beside PUTs',
  },
  sites: {
    byDefault: false,
    sentence: 'two sites: lag, how fast a backlog is taken over, what a site that follows costs a PUT',
  },
  ring: {
    byDefault: false,
    sentence: 'a ring of three: any member vs the owner, keys that move under load, what each member takes',
  },
  expiry: { byDefault: false, sentence: 'other requests while a million keys end by themselves within a minute' },
  snapshot: {
    byDefault: false,
    sentence: 'PUTs for --minutes while somebody holds a snapshot of the log, as a dump does',
  },
  large: { byDefault: false, sentence: 'whether a node takes twenty million keys; as --large does beside other parts' },
  soak: { byDefault: false, sentence: 'mixed load for --minutes: do memory and latency stay flat?' },
} as const

export type PartName = keyof typeof parts
export const partNames = Object.keys(parts) as PartName[]

export interface Arguments {
  readonly help: boolean
  /** Parts to run; empty for `report`, which runs nothing. */
  readonly parts: readonly PartName[]
  /** Words that choose cases of throughput. */
  readonly words: readonly string[]
  /** Length of one run. */
  readonly seconds: number
  /** Rounds of the cases that have a target; the rest have fewer. */
  readonly runs: number
  readonly minutes: number
  readonly isQuick: boolean
  readonly profiles: boolean
  readonly writesDocs: boolean
  readonly out: string
}

/** An error that is told to the user without a stack trace, with exit code 2. */
export class WrongUse extends Error {}

const options = {
  seconds: { type: 'string' },
  runs: { type: 'string' },
  minutes: { type: 'string', default: '20' },
  quick: { type: 'boolean', default: false },
  profile: { type: 'boolean', default: false },
  large: { type: 'boolean', default: false },
  'write-docs': { type: 'boolean', default: false },
  out: { type: 'string', default: 'bench-results' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

export function parseArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args)
  const { quick: isQuick } = values
  const named = partNames.filter((name) => positionals.includes(name))
  const words = positionals.filter((word) => !partNames.some((name) => name === word) && word !== 'report')
  for (const word of words) requireWord(word)
  const reports = positionals.includes('report')
  if (reports && positionals.length > 1) throw new WrongUse('report runs nothing: it stands alone')
  if (isQuick && values['write-docs']) throw new WrongUse('--quick is for a look: its numbers are not for the docs')
  const chosen = named.length > 0 || words.length === 0 ? named : (['throughput'] as const)
  return {
    help: values.help,
    parts: reports ? [] : withLarge(chosen.length > 0 ? chosen : byDefault(values.profile), values.large),
    words,
    seconds: number('--seconds', values.seconds ?? (isQuick ? '1' : '3')),
    runs: number('--runs', values.runs ?? (isQuick ? '2' : '5')),
    minutes: number('--minutes', values.minutes),
    isQuick,
    profiles: values.profile,
    writesDocs: values['write-docs'],
    out: values.out,
  }
}

function byDefault(profiles: boolean): readonly PartName[] {
  return profiles ? ['throughput'] : partNames.filter((name) => parts[name].byDefault)
}

function withLarge(chosen: readonly PartName[], large: boolean): readonly PartName[] {
  return large && !chosen.includes('large') ? [...chosen, 'large'] : chosen
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error))
  }
}

function number(name: string, text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= 1) return value
  throw new WrongUse(`${name} takes a whole number from 1, not "${text}"`)
}

function requireWord(word: string): void {
  if (filterWords.has(word)) return
  const known = [...partNames, 'report', ...filterWords]
  const close = nearest(word, known)
  throw new WrongUse(
    `there is no part or workload "${word}": ${close ? `did you mean ${close}?` : `known are ${known.join(', ')}`}`,
  )
}
