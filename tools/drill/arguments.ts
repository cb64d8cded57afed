import { parseArgs } from 'node:util'
import { nearest } from '../../kvs/config/index.ts'
import type { Drill } from './drill.ts'
import type { RingDrill } from './ring/ring-drill.ts'
import type { SitesDrill } from './sites/sites-drill.ts'

/** A drill of one log, of a ring of several, or of several sites. */
export type AnyDrill = Drill | RingDrill | SitesDrill

export interface Arguments {
  /** Drills to run; empty if they are to be listed. */
  readonly drills: readonly AnyDrill[]
  readonly seed: number
  readonly seconds: number
  readonly isLocal: boolean
  readonly isObserved: boolean
  readonly keepHistory: boolean
  readonly out: string
  readonly json: string | undefined
}

/** An error that is told to the user without a stack trace, with exit code 2. */
export class WrongUse extends Error {}

const options = {
  seed: { type: 'string' },
  seconds: { type: 'string', default: '20' },
  json: { type: 'string' },
  out: { type: 'string', default: 'drill-results' },
  'keep-history': { type: 'boolean', default: false },
  local: { type: 'boolean', default: false },
  observe: { type: 'boolean', default: false },
} as const

export function parseArguments(args: readonly string[], known: readonly AnyDrill[]): Arguments {
  const { values, positionals } = parse(args)
  const names = [...new Set(positionals)]
  if (values.local && values.observe) throw new WrongUse('--observe needs containers, and --local has none')
  return {
    drills: names.includes('all') ? known : names.map((name) => find(name, known)),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : number('--seed', values.seed, 0),
    seconds: number('--seconds', values.seconds, 1),
    isLocal: values.local,
    isObserved: values.observe,
    keepHistory: values['keep-history'],
    out: values.out,
    json: values.json,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error))
  }
}

function number(name: string, text: string, least: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
  throw new WrongUse(`${name} takes a whole number from ${least}, not "${text}"`)
}

function find(name: string, known: readonly AnyDrill[]): AnyDrill {
  const drill = known.find((candidate) => candidate.name === name)
  if (drill) return drill
  const names = known.map((candidate) => candidate.name)
  // A part of a name is as good as a slip of the fingers.
  const close = new Set([nearest(name, names), ...names.filter((other) => related(name, other))])
  close.delete(undefined)
  const hint = close.size > 0 ? `did you mean ${[...close].slice(0, 5).join(', ')}?` : 'npm run drill lists them'
  throw new WrongUse(`there is no drill "${name}": ${hint}`)
}

function related(name: string, other: string): boolean {
  return name.split('-').some((part) => part.length > 2 && other.split('-').includes(part))
}
