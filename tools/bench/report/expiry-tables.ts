import { spreadOf } from '../measure/stats.ts'
import { type ExpiryResult, type ExpiryRound, expiryTimes } from '../parts/expiry.ts'
import { judge, type Verdict } from './judge.ts'
import { type Column, number, ratioSpread, spread } from './text.ts'

/** For the person who waits. */
export function describeExpiryRound({ when, round, latency: { p50, p99, max } }: ExpiryRound): string {
  return `  ${round} ${when}: p50 ${number(p50)} ms, p99 ${number(p99)}, at most ${number(max)}`
}

export const expiryColumns: readonly Column[] = [
  { heading: 'requests' },
  { heading: 'p50 ms', numeric: true },
  { heading: 'p99 ms', numeric: true },
  { heading: 'longest ms', numeric: true },
]

export function expiryRows({ rounds }: ExpiryResult): string[][] {
  return expiryTimes.map((when) => {
    const own = rounds.filter((round) => round.when === when)
    const of = (value: (round: ExpiryRound) => number) => spread(spreadOf(own.map(value)))
    return [when, of(({ latency }) => latency.p50), of(({ latency }) => latency.p99), of(({ latency }) => latency.max)]
  })
}

export function expirySentence({ keys, endWithin, recorded }: ExpiryResult): string {
  return `${number(keys)} keys ended within ${endWithin} s. When the last one had, the log had recorded ${number(recorded)} of these ends.`
}

/** Of each ten seconds while keys end, the p99 is held against the median of those before. */
export function expiryVerdict(result: ExpiryResult | undefined): Verdict {
  const p99 = (when: ExpiryRound['when']) =>
    (result?.rounds ?? []).filter((round) => round.when === when).map(({ latency }) => latency.p99)
  const before = spreadOf(p99('before'))?.median
  const of = before === undefined ? undefined : spreadOf(p99('while keys end').map((during) => during / before))
  return {
    what: 'p99 of other requests while 1,000,000 keys end within a minute vs before',
    target: 'at most 2 ×',
    measured: ratioSpread(of),
    ...judge(of?.median, { atMost: 2 }),
  }
}
