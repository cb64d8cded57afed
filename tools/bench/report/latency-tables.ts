import { ratios, type Spread, spreadOf } from '../measure/stats.ts'
import type { OpenLoopRound } from '../parts/latency.ts'
import type { SingleRound } from '../parts/single.ts'
import { type Column, number, percent, spread } from './text.ts'

export function describeOpenLoop({ contender, round, rate, window, generatorShare }: OpenLoopRound): string {
  const { latency, lag, failures } = window
  const { p50, p99, p999, max } = latency
  return [
    `  ${round} ${contender.padEnd(5)} ${rate}/s`,
    ` p50 ${number(p50)}, p99 ${number(p99)}, p99.9 ${number(p999)}, max ${number(max)} ms;`,
    ` generator ${percent(generatorShare)} of a core, late by ${number(lag.p50)} ms (p99 ${number(lag.p99)})`,
    ...(failures > 0 ? [`\n    !! does not count: ${failures} failures`] : []),
  ].join('')
}

export const openLoopColumns: readonly Column[] = [
  { heading: 'server' },
  { heading: 'rate', numeric: true },
  { heading: 'p50 ms', numeric: true },
  { heading: 'p99 ms', numeric: true },
  { heading: 'p99.9 ms', numeric: true },
  { heading: 'max ms', numeric: true },
  { heading: 'p99 / p50', numeric: true },
  { heading: 'generator late, p50 and p99', numeric: true },
]

export function openLoopRows(rounds: readonly OpenLoopRound[]): string[][] {
  return (['kvs', 'etcd'] as const).flatMap((contender) => {
    const own = counting(rounds, contender)
    const of = (value: (round: OpenLoopRound) => number) => spread(spreadOf(own.map(value)))
    if (own.length === 0) return []
    const lag = (share: 'p50' | 'p99') => number(spreadOf(own.map(({ window }) => window.lag[share]))?.median ?? 0)
    return [
      [
        contender,
        of(({ rate }) => rate),
        of(({ window }) => window.latency.p50),
        of(({ window }) => window.latency.p99),
        of(({ window }) => window.latency.p999),
        of(({ window }) => window.latency.max),
        of(({ window }) => window.latency.p99 / window.latency.p50),
        `${lag('p50')}, ${lag('p99')} ms`,
      ],
    ]
  })
}

export function counting(rounds: readonly OpenLoopRound[], contender: string): OpenLoopRound[] {
  return rounds.filter((round) => round.contender === contender && round.window.failures === 0)
}

type SingleField = Exclude<keyof SingleRound, 'round'>

/** Ratios of p50s, round by round. */
export function singleRatio(
  rounds: readonly SingleRound[],
  ours: SingleField,
  theirs: SingleField,
): Spread | undefined {
  return ratios(fieldByRound(rounds, ours), fieldByRound(rounds, theirs))
}

function fieldByRound(rounds: readonly SingleRound[], field: SingleField): Map<number, number> {
  return new Map(
    rounds.flatMap((round) => {
      const value = round[field]
      return value === undefined ? [] : [[round.round, value] as const]
    }),
  )
}

/** Formats milliseconds as microseconds. */
export function singleMedian(rounds: readonly SingleRound[], field: SingleField): Spread | undefined {
  return spreadOf([...fieldByRound(rounds, field).values()].map((milliseconds) => 1000 * milliseconds))
}
