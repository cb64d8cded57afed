import { spreadOf } from '../measure/stats.ts'
import type { LatencyResult, OpenLoopRound } from '../parts/latency.ts'
import { counting, singleMedian } from '../report/latency-tables.ts'
import { number } from '../report/text.ts'
import { type Bar, type BarPanel, drawBars, heightOfBars } from './bars.ts'
import { drawPicture } from './theme.ts'

const shares = [
  ['p50', 'p50'],
  ['p99', 'p99'],
  ['p99.9', 'p999'],
  ['longest', 'max'],
] as const

export function drawLatency({ openLoop, single }: LatencyResult): string {
  const open: BarPanel = {
    heading:
      'PUTs on a schedule that waits for nobody, 256 connections, at half of the server’s own peak (logarithmic)',
    unit: ' ms',
    isLogarithmic: true,
    bars: shares.flatMap(([name, share]) =>
      (['kvs', 'etcd'] as const).flatMap((contender) => barOf(counting(openLoop, contender), contender, name, share)),
    ),
  }
  const one: BarPanel = {
    heading: 'One connection, one request after the other: p50',
    unit: ' µs',
    bars: singleBars(single),
  }
  const top = 80
  const second = top + heightOfBars(open)
  const rates = (['kvs', 'etcd'] as const).flatMap((contender) => {
    const rate = spreadOf(counting(openLoop, contender).map((round) => round.rate))
    return rate ? [`${contender} at ${number(rate.median)}/s`] : []
  })
  return drawPicture({
    title: 'How long a durable PUT takes',
    subtitle: `100-byte values, 100,000 keys; ${rates.join(', ')}; medians, whiskers from the least to the most of the rounds`,
    height: second + heightOfBars(one) + 4,
    parts: [drawBars(open, top), drawBars(one, second)],
  })
}

function barOf(
  rounds: readonly OpenLoopRound[],
  contender: 'kvs' | 'etcd',
  name: string,
  share: 'p50' | 'p99' | 'p999' | 'max',
): Bar[] {
  const value = spreadOf(rounds.map(({ window }) => window.latency[share]))
  return value ? [{ label: `${contender} ${name}`, colour: contender, value }] : []
}

function singleBars(single: LatencyResult['single']): Bar[] {
  const fields = [
    ['put', 'kvs', 'kvs: PUT'],
    ['insert', 'pgbench', 'pgbench: INSERT'],
    ['bare', 'bare', 'bare node:http: GET'],
  ] as const
  return fields.flatMap(([field, colour, label]) => {
    const value = singleMedian(single, field)
    return value ? [{ label, colour, value }] : []
  })
}
