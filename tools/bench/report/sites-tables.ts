import { cpuOfRun, type Run, totalOf } from '../measure/measured-run.ts'
import type { Cpu } from '../measure/proc.ts'
import { byRound } from '../measure/rounds.ts'
import { ratios, type Spread, spreadOf } from '../measure/stats.ts'
import type { SiteImport } from '../parts/site-import.ts'
import { lagKinds, loadedRate, type SiteLag, type SitesResult, siteCases } from '../parts/sites.ts'
import { judge, type Verdict } from './judge.ts'
import { type Column, mebibytes, number, percent, spread } from './text.ts'

/** For the person who waits. */
export function describeLag({ when, round, latency: { count, p50, p99, max } }: SiteLag, rounds: number): string {
  const times = `p50 ${number(p50)} ms, p99 ${number(p99)}, at most ${number(max)}`
  return `  ${round}/${rounds} ${when}: ${times}; ${number(count)} PUTs`
}

/** For the person who waits. */
export function describeImport(one: SiteImport, rounds: number): string {
  const rates = `${number(rateOf(one))} entries/s, ${number(ratePerCore(one))} in a second of the node's CPU time`
  const cpu = [...programs('', one.taking), ...programs('the other ', one.sending)].join(', ')
  return `  ${one.round}/${rounds} ${rates}; CPU µs an entry: ${cpu}; at most ${mebibytes(one.peak)} resident`
}

function programs(whose: string, cpu: Readonly<Record<string, Cpu>>): string[] {
  return Object.entries(cpu).map(([program, taken]) => `${whose}${program} ${number(totalOf(taken))}`)
}

function rateOf({ entries, seconds }: SiteImport): number {
  return entries / seconds
}

/** Entries in a second of the CPU time of the node that takes over; its Postgres has a core of its own. */
function ratePerCore({ taking }: SiteImport): number {
  return taking.node === undefined ? Number.NaN : 1e6 / totalOf(taking.node)
}

export const siteLagColumns: readonly Column[] = [
  { heading: 'sites' },
  { heading: 'p50 ms', numeric: true },
  { heading: 'p99 ms', numeric: true },
  { heading: 'longest ms', numeric: true },
]

export function siteLagRows({ lags }: SitesResult): string[][] {
  const names = { quiet: 'quiet', loaded: `${number(loadedRate)} PUTs/s at each` }
  return lagKinds.map((kind) => {
    const own = lags.filter(({ when }) => when === kind).map(({ latency }) => latency)
    const of = (time: 'p50' | 'p99' | 'max') => spread(spreadOf(own.map((latency) => latency[time])))
    return [names[kind], of('p50'), of('p99'), of('max')]
  })
}

export const siteImportColumns: readonly Column[] = [
  { heading: 'entries' },
  { heading: 'entries/s', numeric: true },
  { heading: 'in a second of the node’s CPU time', numeric: true },
  { heading: 'CPU µs an entry: node, Postgres', numeric: true },
  { heading: 'of the site that sends', numeric: true },
  { heading: 'resident at most', numeric: true },
]

export function siteImportRows({ imports }: SitesResult): string[][] {
  const [first] = imports
  if (first === undefined) return []
  const of = (value: (one: SiteImport) => number) => spreadOf(imports.map(value))
  const cpu = (side: 'taking' | 'sending') => {
    const names = Object.keys(first[side])
    return names.map((name) => number(of((one) => totalOf(one[side][name] ?? none))?.median ?? Number.NaN)).join(', ')
  }
  const peak = of(({ peak }) => peak)
  const rates = [spread(of(rateOf)), spread(of(ratePerCore))]
  return [[number(first.entries), ...rates, cpu('taking'), cpu('sending'), mebibytes(peak?.max ?? Number.NaN)]]
}

const none: Cpu = { user: Number.NaN, system: Number.NaN }

export const siteCostColumns: readonly Column[] = [
  { heading: 'PUTs' },
  { heading: 'CPU µs of a node alone', numeric: true },
  { heading: 'with a site that follows', numeric: true },
  { heading: 'more', numeric: true },
  { heading: 'more, Postgres counted', numeric: true },
]

export function siteCostRows({ runs }: SitesResult): string[][] {
  return Object.keys(siteCases).map((name) => {
    const of = (contender: string) => spread(spreadOf([...byContender(runs, name, contender, nodeCpu).values()]))
    const costs = [nodeCpu, cpuOfRun].map((cpu) => costText(costOf(runs, name, cpu)))
    return [name, of('single'), of('site'), ...costs]
  })
}

const nodeCpu = ({ cpu }: Run) => cpu.node && totalOf(cpu.node)

function byContender(runs: readonly Run[], name: string, contender: string, cpu: (run: Run) => number | undefined) {
  return byRound(runs, { case: name, contender }, cpu)
}

/** What the site takes more than the single log, as a share. */
function costOf(runs: readonly Run[], name: string, cpu: (run: Run) => number | undefined): Spread | undefined {
  const of = ratios(byContender(runs, name, 'site', cpu), byContender(runs, name, 'single', cpu))
  return of && { median: of.median - 1, min: of.min - 1, max: of.max - 1 }
}

function costText(cost: Spread | undefined): string {
  return cost ? `${percent(cost.median)} (${percent(cost.min)} to ${percent(cost.max)})` : 'not measured'
}

export function siteImportVerdict(sites: SitesResult | undefined): Verdict {
  const imports = sites?.imports ?? []
  const [each, perCore] = [spreadOf(imports.map(rateOf)), spreadOf(imports.map(ratePerCore))]
  return {
    what: 'entries of another site’s backlog taken over in a second of the node’s CPU time',
    target: '100,000',
    measured: perCore ? `${spread(perCore)}; ${spread(each)} in a second` : 'not measured',
    ...judge(perCore?.median, { atLeast: 100_000 }),
  }
}

export function siteCostVerdict(sites: SitesResult | undefined): Verdict {
  const names = Object.keys(siteCases)
  const costs = names.map((name) => costOf(sites?.runs ?? [], name, nodeCpu))
  const medians = costs.flatMap((cost) => (cost ? [cost.median] : []))
  return {
    what: 'CPU that a site which follows costs a PUT, at full speed and at 1,000/s',
    target: 'at most 10 %',
    measured: medians.length > 0 ? costs.map(costText).join(', ') : 'not measured',
    ...judge(medians.length > 0 ? Math.max(...medians) : undefined, { atMost: 0.1 }),
  }
}
