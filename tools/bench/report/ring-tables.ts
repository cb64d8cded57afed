import { cpuOfRun, type Run } from '../measure/measured-run.ts'
import { byRound } from '../measure/rounds.ts'
import { ratios, type Spread, spreadOf } from '../measure/stats.ts'
import { type RingResult, ringCases } from '../parts/ring.ts'
import { type Handover, handoverLimits } from '../parts/ring-handover.ts'
import { type RingShare, shareNames } from '../parts/ring-shares.ts'
import { judge, type Verdict } from './judge.ts'
import { type Column, mebibytes, number, ratio, ratioSpread, spread } from './text.ts'

/** For the person who waits. */
export function describeHandover(one: Handover, rounds: number): string {
  const { limit, round, keys, before, during, problem } = one
  const times = `p99 ${number(before.p99)} ms before, ${number(during.p99)} ms meanwhile`
  const rest = problem === undefined ? '' : `\n    !! does not count: ${problem}`
  return `  ${round}/${rounds} at ${number(limit)}/s: ${number(keys)} keys, ${number(rateOf(one))}/s; ${times}${rest}`
}

/** For the person who waits. */
export function describeShare({ node, memory, log }: RingShare): string {
  return `  ${node}: ${memory.map(mebibytes).join(', ')} above empty, log ${mebibytes(log)}`
}

export const ringColumns: readonly Column[] = [
  { heading: 'requests' },
  { heading: 'to the owner: requests/s', numeric: true },
  { heading: 'to any member', numeric: true },
  { heading: 'any vs owner', numeric: true },
  { heading: 'CPU, any vs owner', numeric: true },
  { heading: 'p50 ms: owner, any', numeric: true },
  { heading: 'p99 ms: owner, any', numeric: true },
]

export function ringRows({ runs }: RingResult): string[][] {
  return Object.keys(ringCases).map((name) => {
    const rate = (contender: string) => spread(spreadOf([...of(runs, name, contender, ({ rate }) => rate).values()]))
    const latency = (share: 'p50' | 'p99') =>
      ['owner', 'any']
        .map((contender) => spreadOf([...of(runs, name, contender, ({ latency }) => latency?.[share]).values()]))
        .map((times) => number(times?.median ?? Number.NaN))
        .join(', ')
    const compared = [({ rate }: Run) => rate, cpuOfRun].map((value) => ratioSpread(anyVsOwner(runs, name, value)))
    return [name, rate('owner'), rate('any'), ...compared, latency('p50'), latency('p99')]
  })
}

const of = (runs: readonly Run[], name: string, contender: string, value: (run: Run) => number | undefined) =>
  byRound(runs, { case: name, contender }, value)

function anyVsOwner(runs: readonly Run[], name: string, value: (run: Run) => number | undefined): Spread | undefined {
  return ratios(of(runs, name, 'any', value), of(runs, name, 'owner', value))
}

export const handoverColumns: readonly Column[] = [
  { heading: 'KVS_HANDOVER_RATE', numeric: true },
  { heading: 'keys that move a second', numeric: true },
  { heading: 'p50 of clients, vs before', numeric: true },
  { heading: 'p99 of clients, vs before', numeric: true },
  { heading: 'p99 ms: before, meanwhile', numeric: true },
]

export function handoverRows({ handovers }: RingResult): string[][] {
  return handoverLimits.flatMap((limit) => {
    const own = counting(handovers, limit)
    if (own.length === 0) return []
    const times = (['before', 'during'] as const).map((when) => spreadOf(own.map((one) => one[when].p99)))
    return [
      [
        number(limit),
        spread(spreadOf(own.map(rateOf))),
        ratioSpread(slowerBy(own, 'p50')),
        ratioSpread(slowerBy(own, 'p99')),
        times.map((time) => number(time?.median ?? Number.NaN)).join(', '),
      ],
    ]
  })
}

const counting = (handovers: readonly Handover[], limit: number) =>
  handovers.filter((one) => one.limit === limit && one.problem === undefined)

const rateOf = ({ keys, seconds }: Handover) => keys / seconds

const slowerBy = (handovers: readonly Handover[], share: 'p50' | 'p99') =>
  spreadOf(handovers.map(({ before, during }) => during[share] / before[share]))

export const shareColumns: readonly Column[] = [
  { heading: 'node' },
  { heading: 'memory for its keys', numeric: true },
  { heading: 'vs one node', numeric: true },
  { heading: 'log', numeric: true },
  { heading: 'vs one node', numeric: true },
]

export function shareRows({ shares }: RingResult): string[][] {
  const alone = shares.find(({ node }) => node === 'alone')
  return shares.map((share) => {
    const memory = mebibytes(spreadOf(share.memory)?.median ?? Number.NaN)
    if (alone === undefined || share === alone) return [share.node, memory, '', mebibytes(share.log), '']
    return [
      ...[share.node, memory, ratioSpread(memoryShare(share, alone))],
      ...[mebibytes(share.log), ratio(share.log / alone.log)],
    ]
  })
}

/** Of each restart by itself. */
function memoryShare(share: RingShare, alone: RingShare): Spread | undefined {
  const byRestart = ({ memory }: RingShare) => new Map(memory.entries())
  return ratios(byRestart(share), byRestart(alone))
}

/** How often the p99 of clients may be longer while keys move. */
const mostSlower = 3

export function handoverVerdict(ring: RingResult | undefined): Verdict {
  const all = handoverLimits.map((limit) => counting(ring?.handovers ?? [], limit)).filter(({ length }) => length > 0)
  const slowest = all[0] && slowerBy(all[0], 'p99')?.median
  const within = all.filter((own) => (slowerBy(own, 'p99')?.median ?? Number.NaN) <= mostSlower)
  const shown = within.at(-1) ?? all[0]
  const rate = shown && `${spread(spreadOf(shown.map(rateOf)))} at KVS_HANDOVER_RATE=${shown[0]?.limit}`
  return {
    what: 'keys a second that move to a member while the p99 of clients stays within 3 × of before',
    target: 'p99 within 3 × at one of the rates',
    measured: shown ? `${rate}, p99 ${ratioSpread(slowerBy(shown, 'p99'))}` : 'not measured',
    ...judge(within.length > 0 ? mostSlower : slowest, { atMost: mostSlower }),
  }
}

/** Keys are not spread evenly to the last one, and a process keeps a little of its past. */
const mostShare = 0.4

export function shareVerdict(ring: RingResult | undefined): Verdict {
  const shares = ring?.shares ?? []
  const alone = shares.find(({ node }) => node === 'alone')
  const members = shares.filter(({ node }) => node !== 'alone')
  const of = (share: (one: RingShare, alone: RingShare) => number) =>
    alone && spreadOf(members.map((one) => share(one, alone)))
  const memory = of((one, alone) => memoryShare(one, alone)?.median ?? Number.NaN)
  const log = of((one, alone) => one.log / alone.log)
  const isMeasured = memory !== undefined && log !== undefined && members.length === shareNames.length - 1
  return {
    what: 'memory and log of each of three members vs one node with all keys',
    target: 'about a third: at most 0.40 ×',
    measured: isMeasured ? `memory ${ratioSpread(memory)}, log ${ratioSpread(log)}` : 'not measured',
    ...judge(isMeasured ? Math.max(memory.max, log.max) : undefined, { atMost: mostShare }),
  }
}
