import { totalOf } from '../measure/measured-run.ts'
import { byRound } from '../measure/rounds.ts'
import { ratios, spreadOf } from '../measure/stats.ts'
import { type NodesResult, nodeCases } from '../parts/several-nodes.ts'
import { type Column, number, ratioSpread, spread } from './text.ts'

export const nodesColumns: readonly Column[] = [
  { heading: 'workload' },
  { heading: 'asked' },
  { heading: 'requests/s', numeric: true },
  { heading: 'vs one node', numeric: true },
  { heading: 'CPU µs a request' },
  { heading: 'p50 ms', numeric: true },
]

export function nodesRows({ runs }: NodesResult): string[][] {
  return Object.entries(nodeCases).flatMap(([name, contenders]) =>
    contenders.flatMap((contender) => {
      const of = { case: name, contender }
      const rates = byRound(runs, of, ({ rate }) => rate)
      const rate = spreadOf([...rates.values()])
      if (rate === undefined) return []
      const one = byRound(runs, { case: name, contender: contenders[0] }, ({ rate }) => rate)
      const programs = Object.keys(runs.find((run) => run.case === name && run.contender === contender)?.cpu ?? {})
      // What a server takes itself is in the sum over all nodes, where it is one.
      const shown = programs.filter((program) => program !== 'node' || contender === 'forwarder')
      const cpu = shown.map((program) => {
        const taken = spreadOf([...byRound(runs, of, (run) => run.cpu[program] && totalOf(run.cpu[program])).values()])
        return `${program === 'node' ? contender : program} ${number(taken?.median ?? Number.NaN)}`
      })
      const p50 = spreadOf([...byRound(runs, of, ({ latency }) => latency?.p50).values()])
      const compared = contender === contenders[0] ? '' : ratioSpread(ratios(rates, one))
      return [[name, contender, spread(rate), compared, cpu.join(', '), number(p50?.median ?? Number.NaN)]]
    }),
  )
}

export function lagSentence({ lag: { notified, polled } }: NodesResult): string {
  const times = ({ p50, p99, max }: NodesResult['lag']['notified']) =>
    `p50 ${number(p50)} ms, p99 ${number(p99)} ms, at most ${number(max)} ms`
  return (
    `From the answer to a PUT on one node until another shows the value, in a quiet system (${number(notified.count)} PUTs): ${times(notified)}. ` +
    `Where nothing notifies, so that it is found by asking every second (${number(polled.count)} entries): ${times(polled)}.`
  )
}
