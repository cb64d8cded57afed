import { cpuOfRun, type Run } from '../measure/measured-run.ts'
import { byRound } from '../measure/rounds.ts'
import { ratios, spreadOf } from '../measure/stats.ts'
import { type ContenderName, cases } from '../parts/cases.ts'
import { type Column, number, percent, ratio, spread } from './text.ts'

/** Share of its core above which the generator itself may have been measured. */
export const mostGeneratorShare = 0.9

/** Describes a run in a line, for the person who waits. */
export function describeRun(run: Run, rounds: number): string {
  const cpu = Object.entries(run.cpu).map(([program, { user, system }]) => {
    return `${program} ${number(user)}+${number(system)} µs`
  })
  const busy = run.generatorShare > mostGeneratorShare ? ' (!)' : ''
  return [
    `  ${run.round}/${rounds}`,
    run.contender.padEnd(12),
    `${number(run.rate)}/s`.padStart(10),
    `  CPU a request, user+system: ${cpu.join(', ')}; generator ${percent(run.generatorShare)} of a core${busy}`,
    ...(run.problem ? [`\n    !! does not count: ${run.problem}`] : []),
  ].join(' ')
}

export const runColumns: readonly Column[] = [
  { heading: 'workload' },
  { heading: 'server' },
  { heading: 'requests/s', numeric: true },
  { heading: 'kvs vs it', numeric: true },
  { heading: 'CPU µs a request', numeric: true },
  { heading: 'user + system', numeric: true },
  { heading: 'p50 ms', numeric: true },
  { heading: 'generator', numeric: true },
]

/** Makes a row for each contender on each case, with medians of the rounds. */
export function runRows(runs: readonly Run[]): string[][] {
  return cases.flatMap((one) =>
    one.contenders.flatMap((contender) => {
      const of = { case: one.name, contender }
      const median = (value: (run: Run) => number | undefined) =>
        spreadOf([...byRound(runs, of, value).values()])?.median
      const rate = spreadOf([...byRound(runs, of, ({ rate }) => rate).values()])
      if (rate === undefined) return []
      return [
        [
          one.name,
          nameOf(contender, one.workload.connections),
          spread(rate),
          ratioToKvs(runs, one.name, contender),
          number(median(cpuOfRun) ?? Number.NaN),
          programs(runs, of),
          number(median(({ latency }) => latency?.p50) ?? Number.NaN),
          percent(median(({ generatorShare }) => generatorShare) ?? Number.NaN),
        ],
      ]
    }),
  )
}

function nameOf(contender: ContenderName, connections: number): string {
  if (contender !== 'pgbench') return contender
  return `pgbench, ${Math.min(32, connections)} client${connections === 1 ? '' : 's'}`
}

function ratioToKvs(runs: readonly Run[], name: string, contender: ContenderName): string {
  if (contender === 'kvs') return ''
  const rate = (run: Run) => run.rate
  const paired = ratios(
    byRound(runs, { case: name, contender: 'kvs' }, rate),
    byRound(runs, { case: name, contender }, rate),
  )
  return paired ? ratio(paired.median) : '-'
}

function programs(runs: readonly Run[], of: { case: string; contender: string }): string {
  const own = runs.filter((run) => run.case === of.case && run.contender === of.contender)
  return Object.keys(own[0]?.cpu ?? {})
    .map((program) => {
      const part = (value: (cpu: { user: number; system: number }) => number) =>
        number(spreadOf([...byRound(runs, of, ({ cpu }) => cpu[program] && value(cpu[program])).values()])?.median ?? 0)
      const [user, system] = [part(({ user }) => user), part(({ system }) => system)]
      return `${program} ${user} + ${system}`
    })
    .join(', ')
}

/** Lists runs whose generator was short of time, and runs that do not count. */
export function caveats(runs: readonly Run[]): string[] {
  const name = (run: Run) => `${run.case}, ${run.contender}, round ${run.round}`
  return [
    ...runs.filter(({ problem }) => problem).map((run) => `${name(run)} does not count: ${run.problem}`),
    ...runs
      .filter(({ generatorShare }) => generatorShare > mostGeneratorShare)
      .map(
        (run) => `${name(run)}: the generator took ${percent(run.generatorShare)} of a core, the server may do more`,
      ),
  ]
}
