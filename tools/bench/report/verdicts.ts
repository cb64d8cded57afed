import { type Run, totalOf } from '../measure/measured-run.ts'
import { byRound } from '../measure/rounds.ts'
import { ratios, type Spread, spreadOf } from '../measure/stats.ts'
import type { Results } from '../results.ts'
import { expiryVerdict } from './expiry-tables.ts'
import { judge, type Verdict } from './judge.ts'
import { counting, singleMedian, singleRatio } from './latency-tables.ts'
import { holdUpVerdict, listCostVerdict } from './lists-tables.ts'
import { handoverVerdict, shareVerdict } from './ring-tables.ts'
import { siteCostVerdict, siteImportVerdict } from './sites-tables.ts'
import { largeVerdict, memoryVerdict, replayVerdict, startVerdict } from './size-verdicts.ts'
import { number, percent, ratioSpread, spread } from './text.ts'
import { countVerdict, transactionVerdict } from './transactions-tables.ts'

export function verdictsOf(results: Results): Verdict[] {
  const runs = results.throughput?.result.runs ?? []
  return [
    putVersusEtcd(runs),
    putVersusPgbench(runs),
    putVersusNoLog(runs),
    singlePut(results),
    getVersusEtcd(runs),
    cpuPerGet(runs),
    tail(results),
    replayVerdict(results.start?.result),
    startVerdict(results.start?.result),
    memoryVerdict(results.memory?.result),
    largeVerdict(results.large?.result),
    logging(results),
    snapshot(results),
    holdUpVerdict(results.lists?.result),
    listCostVerdict(results.lists?.result),
    expiryVerdict(results.expiry?.result),
    transactionVerdict(results.transactions?.result),
    countVerdict(results.transactions?.result),
    siteImportVerdict(results.sites?.result),
    siteCostVerdict(results.sites?.result),
    handoverVerdict(results.ring?.result),
    shareVerdict(results.ring?.result),
  ]
}

const rateOf = (run: Run) => run.rate

function rateRatio(runs: readonly Run[], name: string, other: string): Spread | undefined {
  return ratios(
    byRound(runs, { case: name, contender: 'kvs' }, rateOf),
    byRound(runs, { case: name, contender: other }, rateOf),
  )
}

function putVersusEtcd(runs: readonly Run[]): Verdict {
  const both = [rateRatio(runs, 'put 32', 'etcd'), rateRatio(runs, 'put 256', 'etcd')] as const
  const [few, many] = both
  const least = few && many && Math.min(few.median, many.median)
  return {
    what: 'durable PUT/s at 32 and at 256 connections vs etcd’s',
    target: '3.5 ×',
    measured: few || many ? `${ratioSpread(few)} at 32, ${ratioSpread(many)} at 256` : 'not measured',
    ...judge(least, { atLeast: 3.5 }),
  }
}

function putVersusPgbench(runs: readonly Run[]): Verdict {
  const of = rateRatio(runs, 'put 256', 'pgbench')
  const what = 'durable PUT/s at 256 connections vs pgbench’s single INSERTs with 32 clients'
  return { what, target: '1.0 ×', measured: ratioSpread(of), ...judge(of?.median, { atLeast: 1 }) }
}

function putVersusNoLog(runs: readonly Run[]): Verdict {
  const of = rateRatio(runs, 'put 256', 'without-log')
  const what = 'durable PUT/s at 256 connections vs the same server without the log'
  return { what, target: '0.7 ×', measured: ratioSpread(of), ...judge(of?.median, { atLeast: 0.7 }) }
}

function singlePut({ latency }: Results): Verdict {
  const rounds = latency?.result.single ?? []
  const of = singleRatio(rounds, 'put', 'insert')
  const [put, insert, byWrk] = (['put', 'insert', 'putByWrk'] as const).map((field) => singleMedian(rounds, field))
  const seen = put && insert ? `: ${number(put.median)} µs vs ${number(insert.median)} µs` : ''
  const absolute = seen && byWrk ? `${seen}; wrk sees ${number(byWrk.median)} µs` : seen
  return {
    what: 'one connection: p50 of a durable PUT vs a bare INSERT in pgbench',
    target: 'at most 2 ×',
    measured: `${ratioSpread(of)}${absolute}`,
    ...judge(of?.median, { atMost: 2 }),
  }
}

function getVersusEtcd(runs: readonly Run[]): Verdict {
  const of = rateRatio(runs, 'get 32', 'etcd')
  const what = 'GET/s at 32 connections vs etcd’s'
  return { what, target: '10 ×', measured: ratioSpread(of), ...judge(of?.median, { atLeast: 10 }) }
}

/** CPU time of the service’s process; the two beside it tell how fast the machine was in that very run. */
function cpuPerGet(runs: readonly Run[]): Verdict {
  const of = (contender: string, program: string) => {
    const total = (run: Run) => run.cpu[program] && totalOf(run.cpu[program])
    return spreadOf([...byRound(runs, { case: 'get 32', contender }, total).values()])
  }
  const [kvs, bare, etcd] = [of('kvs', 'node'), of('bare', 'node'), of('etcd', 'etcd')]
  const calibration = [
    ...(bare ? [`bare node:http ${number(bare.median)} µs`] : []),
    ...(etcd ? [`etcd ${number(etcd.median)} µs`] : []),
  ]
  return {
    what: 'CPU per GET, user+system',
    target: 'at most 11 µs',
    measured: `${spread(kvs, ' µs')}${calibration.length > 0 ? `; in the same run ${calibration.join(', ')}` : ''}`,
    ...judge(kvs?.median, { atMost: 11 }),
  }
}

function tail({ latency }: Results): Verdict {
  const rounds = counting(latency?.result.openLoop ?? [], 'kvs')
  const of = spreadOf(rounds.map(({ window }) => window.latency.p99 / window.latency.p50))
  const median = (share: 'p50' | 'p99') => number(spreadOf(rounds.map((r) => r.window.latency[share]))?.median ?? 0)
  return {
    what: 'p99 of PUT in the open-loop run at 50 % of peak',
    target: 'at most 5 × its p50',
    measured: `${ratioSpread(of)}${of ? `: ${median('p99')} ms vs ${median('p50')} ms` : ''}`,
    ...judge(of?.median, { atMost: 5 }),
  }
}

function logging({ logging }: Results): Verdict {
  const runs = logging?.result.runs ?? []
  const rate = (contender: string) => byRound(runs, { case: 'put 256', contender }, rateOf)
  const kept = ratios(rate('debug'), rate('info'))
  const cost = kept && { median: 1 - kept.median, min: 1 - kept.max, max: 1 - kept.min }
  const shown = cost && `${percent(cost.median)} (${percent(cost.min)} to ${percent(cost.max)})`
  const judged = judge(cost?.median, { atMost: 0.15 })
  return {
    what: 'request-line logging on (debug)',
    target: 'costs at most 15 % of PUT/s',
    measured: shown ?? 'not measured',
    ...judged,
    ...(judged.isMet === false && { missedBy: `${percent((cost?.median ?? 0) - 0.15)} of PUT/s` }),
  }
}

function snapshot({ snapshot }: Results): Verdict {
  const runs = snapshot?.result.runs ?? []
  const rate = (contender: string) => byRound(runs, { case: 'put 1', contender }, rateOf)
  const [held, none] = [rate('held'), rate('none')]
  const of = ratios(held, none)
  const last = Math.max(...held.keys())
  const seen = of ? `: ${number(held.get(last) ?? 0)} vs ${number(none.get(last) ?? 0)} PUT/s after ${last} min` : ''
  return {
    what: 'PUT/s on one connection while somebody holds a snapshot of the log vs without',
    target: '0.85 ×',
    measured: `${ratioSpread(of)}${seen}`,
    ...judge(of?.median, { atLeast: 0.85 }),
  }
}
