import { cpuOfRun, type Run, totalOf } from '../measure/measured-run.ts'
import { byRound } from '../measure/rounds.ts'
import { ratios, spreadOf } from '../measure/stats.ts'
import { contenderNames } from '../parts/cases.ts'
import { number, ratio } from '../report/text.ts'
import { type Bar, type BarPanel, drawBars, heightOfBars } from './bars.ts'
import { drawPicture } from './theme.ts'

const labels: Readonly<Record<string, string>> = {
  kvs: 'kvs',
  etcd: 'etcd',
  redis: 'Redis, AOF always',
  pgbench: 'Postgres, single INSERTs',
  'without-log': 'kvs without its log',
  bare: 'bare node:http',
}

export function drawThroughput(runs: readonly Run[]): string | undefined {
  const rate = (run: Run) => run.rate
  const panels: BarPanel[] = [
    { heading: 'Durable PUTs a second, 32 connections', unit: '', bars: barsOf(runs, 'put 32', rate, true) },
    { heading: 'Durable PUTs a second, 256 connections', unit: '', bars: barsOf(runs, 'put 256', rate, true) },
    { heading: 'GETs a second, 32 connections', unit: '', bars: barsOf(runs, 'get 32', rate, true) },
    {
      heading: 'CPU time of a PUT, 256 connections, all processes of the server',
      unit: ' µs',
      bars: barsOf(runs, 'put 256', cpuOfRun, false),
    },
    {
      heading: 'CPU time of a GET, 32 connections, all processes of the server',
      unit: ' µs',
      bars: barsOf(runs, 'get 32', cpuOfRun, false),
    },
  ].filter(({ bars }) => bars.length > 0)
  if (panels.length === 0) return undefined
  let top = 80
  const parts = panels.map((panel) => {
    const drawn = drawBars(panel, top)
    top += heightOfBars(panel)
    return drawn
  })
  return drawPicture({
    title: 'Throughput and CPU time',
    subtitle:
      '100-byte values, 100,000 keys; medians, whiskers from the least to the most of the rounds; × is kvs against it',
    height: top + 4,
    parts,
  })
}

function barsOf(runs: readonly Run[], name: string, of: (run: Run) => number, compares: boolean): Bar[] {
  const kvs = byRound(runs, { case: name, contender: 'kvs' }, of)
  return contenderNames.flatMap((contender) => {
    const own = byRound(runs, { case: name, contender }, of)
    const value = spreadOf([...own.values()])
    if (value === undefined) return []
    const compared = contender === 'kvs' ? undefined : ratios(kvs, own)
    const note = compares ? compared && ratio(compared.median) : shareOf(runs, name, contender)
    return [{ label: labels[contender] ?? contender, colour: contender, value, ...(note && { note }) }]
  })
}

/** Notes the CPU time of each program of a server, if there are several. */
function shareOf(runs: readonly Run[], name: string, contender: string): string | undefined {
  const own = runs.filter((run) => run.case === name && run.contender === contender && !run.problem)
  const programs = Object.keys(own[0]?.cpu ?? {})
  if (programs.length < 2) return undefined
  const part = (program: string) => spreadOf(own.map(({ cpu }) => (cpu[program] ? totalOf(cpu[program]) : Number.NaN)))
  return programs.map((program) => `${program} ${number(part(program)?.median ?? 0)}`).join(', ')
}
