import { expect, test } from 'vitest'
import type { Run } from '../../../../../tools/bench/measure/measured-run.ts'
import type { ExpiryRound } from '../../../../../tools/bench/parts/expiry.ts'
import type { HoldUp } from '../../../../../tools/bench/parts/lists.ts'
import { siteCases } from '../../../../../tools/bench/parts/sites.ts'
import type { Sample } from '../../../../../tools/bench/parts/soak.ts'
import { transactionCases } from '../../../../../tools/bench/parts/transactions.ts'
import { fillSections, picturesOf, sectionsOf } from '../../../../../tools/bench/report/docs.ts'
import { judge, verdictText } from '../../../../../tools/bench/report/judge.ts'
import { printable } from '../../../../../tools/bench/report/print.ts'
import { caveats } from '../../../../../tools/bench/report/runs.ts'
import { judgeSoak } from '../../../../../tools/bench/report/soak-verdict.ts'
import { markdownTable, number, spread, wrapProse } from '../../../../../tools/bench/report/text.ts'
import { verdictsOf } from '../../../../../tools/bench/report/verdicts.ts'
import { merge, type Results } from '../../../../../tools/bench/results.ts'

const machine = { cpu: 'a CPU', cores: 2, memoryGib: 4, kernel: '6', fileSystem: 'ext4', versions: { Node: '26' } }
const stored = <T>(result: T) => ({ at: '2026-01-02T03:04:05Z', machine, seconds: 3, runs: 2, result })

function run(name: string, contender: string, round: number, rate: number, rest: Partial<Run> = {}): Run {
  const cpu = { [contender === 'etcd' ? 'etcd' : 'node']: { user: 8, system: 2 } }
  const latency = { p50: 1, p99: 2, p999: 3, max: 4 }
  return { case: name, contender, round, requests: rate, seconds: 1, rate, cpu, generatorShare: 0.5, latency, ...rest }
}

const runs = [
  ...[1, 2].flatMap((round) => ['put 32', 'put 256', 'get 32'].map((name) => run(name, 'kvs', round, 40_000 * round))),
  ...[1, 2].flatMap((round) => ['put 32', 'put 256', 'get 32'].map((name) => run(name, 'etcd', round, 10_000 * round))),
]
const throughput = stored({ runs })

test('a target of at least, and one of at most', () => {
  expect(judge(3.5, { atLeast: 3.5 })).toEqual({ isMet: true })
  expect(judge(0.9, { atLeast: 1 })).toEqual({ isMet: false, missedBy: '10 %' })
  expect(judge(3, { atMost: 2 })).toEqual({ isMet: false, missedBy: '50 %' })
  expect(judge(undefined, { atMost: 2 })).toEqual({ isMet: undefined })
})

test('every target has its row, whatever has been measured', () => {
  const rows = verdictsOf({})
  expect(rows).toHaveLength(22)
  expect(new Set(rows.map(verdictText))).toEqual(new Set(['not measured']))
})

test('ratios in the table are of the runs of one round', () => {
  const [put, , , , get, cpu] = verdictsOf({ throughput })
  expect(put).toMatchObject({ measured: '4.00 × (4.00–4.00) at 32, 4.00 × (4.00–4.00) at 256', isMet: true })
  expect(get).toMatchObject({ measured: '4.00 × (4.00–4.00)', isMet: false, missedBy: '60 %' })
  expect(cpu).toMatchObject({ measured: '10 µs (10–10); in the same run etcd 10 µs', isMet: true })
})

test('a run with a problem is left out, and told', () => {
  const broken = [...runs, run('get 32', 'kvs', 3, 1, { problem: '7 answers that were not 2xx', generatorShare: 0.99 })]
  expect(verdictsOf({ throughput: stored({ runs: broken }) })[4]).toMatchObject({ measured: '4.00 × (4.00–4.00)' })
  expect(caveats(broken)).toEqual([
    'get 32, kvs, round 3 does not count: 7 answers that were not 2xx',
    'get 32, kvs, round 3: the generator took 99 % of a core, the server may do more',
  ])
})

test('a part that is measured again takes the place of what it was, throughput case by case', () => {
  const before: Results = { throughput }
  const after = merge(before, { throughput: stored({ runs: [run('get 32', 'kvs', 1, 7)] }) })
  const kept = after.throughput?.result.runs ?? []
  expect(kept.filter((each) => each.case === 'get 32')).toEqual([run('get 32', 'kvs', 1, 7)])
  expect(kept.filter((each) => each.case === 'put 32')).toHaveLength(4)
})

test('what lists hold up, and what the order of keys costs, is of the rounds', () => {
  const latency = { count: 1_000, p50: 1, p99: 2, p999: 3 }
  const holdUp = (during: HoldUp['during'], round: number, max: number) => {
    return {
      during,
      round,
      gets: { ...latency, max: 9 },
      late: 2 * max,
      busy: max,
      lists: during === 'no list' ? [] : [100],
    }
  }
  const put = (name: string, contender: string, round: number, user: number) =>
    run(name, contender, round, 10_000, { cpu: { node: { user, system: 0 } } })
  const result = {
    ...{ keys: 1_000_000, firstPage: 70, firstList: 3_000 },
    holdUps: [1, 2, 3].flatMap((n) => [holdUp('no list', n, 2), holdUp('lists of all keys', n, 3 + n)]),
    runs: [1, 2].flatMap((n) => [
      ...[put('put new after', 'plain', n, 40 * n), put('put new after', 'listed', n, 42 * n)],
      ...[put('put old after', 'plain', n, 40 * n), put('put old after', 'listed', n, 44 * n)],
    ]),
  }
  const [hold, cost] = verdictsOf({ lists: stored(result) }).slice(-9)
  expect(hold).toMatchObject({
    measured: '5 ms (4–6); in all the event loop is late by 10 ms (8–12), without lists by 4 ms (4–4)',
    isMet: true,
  })
  expect(cost).toMatchObject({
    measured: '5 % (5 % to 5 %) for new keys, 10 % (10 % to 10 %) for others, not measured before the first list',
    isMet: false,
  })
  const text = printable({ lists: stored(result) }, {})
  expect(text).toMatch(/lists of all keys +100 \(100–100\) +1 \(1–1\) +2 \(2–2\) +9 \(9–9\) +10 \(8–12\) +5 \(4–6\)/)
  expect(text).toContain('first page came after 70 ms')
  expect(sectionsOf({ lists: stored(result) })['list-cost']).toContain(
    '| put new after | 60 (40–80) | 63 (42–84) | 5 %',
  )
})

test('what keys that end hold up is held against what was before', () => {
  const round = (when: ExpiryRound['when'], round: number, p99: number) => {
    return { when, round, latency: { count: 1_000, p50: 1, p99, p999: 30, max: 40 } }
  }
  const result = {
    ...{ keys: 1_000_000, endWithin: 60, recorded: 990_000 },
    rounds: [round('before', 1, 4), round('before', 2, 5), round('before', 3, 8), round('while keys end', 1, 9)],
  }
  const verdict = verdictsOf({ expiry: stored(result) }).find(({ what }) => what.includes('keys end'))
  expect(verdict).toMatchObject({ measured: '1.80 × (1.80–1.80)', isMet: true })
  expect(sectionsOf({ expiry: stored(result) }).expiry).toContain('| while keys end | 1 (1–1) | 9 (9–9) | 40 (40–40) |')
  expect(printable({ expiry: stored(result) }, {})).toContain('the log had recorded 990,000 of these ends')
})

test('sections are filled between their marks, and only there', () => {
  const text = 'a\n<!-- bench:table -->\nold\n<!-- /bench:table -->\nb\n'
  const { filled, missing } = fillSections(text, { table: 'new', soak: 'flat' })
  expect(filled).toBe('a\n<!-- bench:table -->\nnew\n<!-- /bench:table -->\nb\n')
  expect(missing).toEqual(['soak'])
  expect(fillSections(filled, { table: 'new' }).filled).toBe(filled)
})

test('what was measured comes out as text, sections and pictures', () => {
  expect(printable({ throughput }, { throughput })).toContain('put 256   kvs')
  expect(sectionsOf({ throughput }).peers).toContain('| put 256 | etcd |')
  expect(picturesOf({ throughput })['bench-throughput.svg']).toMatch(/^<svg [\s\S]*4\.00 ×[\s\S]*<\/svg>\n$/)
})

test('a soak is flat where its last quarter is like its second', () => {
  const sample = (index: number, growth: number): Sample => ({
    ...{
      at: 5 * index,
      rate: 4000,
      p50: 1,
      p99: 5,
      max: 9,
      failures: 0,
      heap: 1,
      external: 1,
      postgres: 1,
      log: index,
      cpu: 50,
      stolen: 0,
      work: 10,
    },
    resident: 100 + growth * index,
  })
  const samples = (growth: number) => Array.from({ length: 100 }, (_, index) => sample(index, growth))
  expect(judgeSoak({ samples: samples(0), minutes: 8 }).isFlat).toBe(true)
  expect(judgeSoak({ samples: samples(1), minutes: 8 })).toMatchObject({ isFlat: false })
  expect(judgeSoak({ samples: samples(0).with(9, { ...sample(9, 0), failures: 1 }), minutes: 8 }).isFlat).toBe(false)
  const slow = (machine: Partial<Sample>) =>
    samples(0).map((one, index) => (index > 80 ? { ...one, p99: 50, ...machine } : one))
  expect(judgeSoak({ samples: slow({}), minutes: 8 }).isFlat).toBe(false)
  expect(judgeSoak({ samples: slow({ work: 13 }), minutes: 8 }).isFlat).toBe(true)
  expect(judgeSoak({ samples: slow({ stolen: 0.1 }), minutes: 8 }).isFlat).toBe(true)
  const wholly = samples(0).map((one, index) => (index >= 75 ? { ...one, work: 13 } : one))
  expect(judgeSoak({ samples: wholly, minutes: 8 }).isFlat).toBe(false)
})

test('numbers have three digits, or all there are', () => {
  expect([38_120.4, 1.4057, 0.0834, 0, 99.96, Number.NaN].map(number)).toEqual([
    '38,120',
    '1.41',
    '0.0834',
    '0',
    '100',
    '-',
  ])
  expect(spread({ median: 3, min: 2, max: 4.125 }, ' ms')).toBe('3 ms (2–4.13)')
  expect(markdownTable([{ heading: 'a' }, { heading: 'b', numeric: true }], [['x|y', '1']])).toBe(
    '| a | b |\n|---|---:|\n| x\\|y | 1 |',
  )
})

test('prose for the docs is broken into lines of at most 160 characters, at spaces', () => {
  const text = Array.from({ length: 100 }, (_, index) => `word${index}`).join(' ')
  const wrapped = wrapProse(text)
  expect(wrapped.split('\n').every((line) => line.length <= 160)).toBe(true)
  expect(wrapped.split('\n').length).toBe(Math.ceil(text.length / 160))
  expect(wrapped.replaceAll('\n', ' ')).toBe(text)
})

test('transactions are held against etcd’s, and counts against PUTs, round by round', () => {
  const run = (name: string, contender: string, round: number, rate: number): Run => ({
    ...{ case: name, contender, round, rate, requests: rate, seconds: 1, cpu: {}, generatorShare: 0 },
  })
  const { transactions, counts, puts } = transactionCases
  const runs = [1, 2, 3].flatMap((round) => [
    run(transactions, 'kvs', round, 400 + 100 * round),
    run(transactions, 'etcd', round, 200),
    run(counts, 'kvs', round, 250),
    run(puts, 'kvs', round, 1_000),
  ])
  const result = { transactions: stored({ runs }) }
  const [transaction, count] = verdictsOf(result).slice(-6)
  expect(transaction).toMatchObject({ measured: '3.00 × (2.50–3.50)', isMet: true })
  expect(count).toMatchObject({ measured: '0.25 × (0.25–0.25)', isMet: false })
  expect(printable(result, {})).toMatch(/txn of 10, 32 +600 \(500–700\) +200 \(200–200\)/)
  expect(sectionsOf(result).transactions).toContain('| put 32 | 1,000 (1,000–1,000) | - |')
})

test('a site that follows is held against none in the same round, and a backlog against the CPU time of the node', () => {
  const [fast = '', fixed = ''] = Object.keys(siteCases)
  const put = (name: string, contender: string, round: number, user: number, postgres: number) =>
    run(name, contender, round, 5_000, {
      cpu: { node: { user, system: 0 }, postgres: { user: postgres, system: 0 } },
    })
  const lag = (when: 'quiet' | 'loaded', round: number, p50: number) => {
    return { when, round, latency: { count: 100, p50, p99: 2 * p50, p999: 3 * p50, max: 4 * p50 } }
  }
  const cpu = (node: number, postgres: number) => {
    return { node: { user: node, system: 0 }, postgres: { user: postgres, system: 0 } }
  }
  const result = {
    lags: [lag('quiet', 1, 2), lag('quiet', 2, 4), lag('loaded', 1, 10)],
    imports: [1, 2].map((round) => {
      return {
        ...{ round, entries: 1_000_000, seconds: 10 * round, peak: 256 * 1024 ** 2 },
        ...{ taking: cpu(8 * round, 20), sending: cpu(5, 6) },
      }
    }),
    runs: [1, 2, 3].flatMap((round) => [
      ...[put(fast, 'single', round, 50 * round, 50 * round), put(fast, 'site', round, 54 * round, 56 * round)],
      ...[put(fixed, 'single', round, 100, 100), put(fixed, 'site', round, 100 + 10 * round, 100)],
    ]),
  }
  const sites = stored(result)
  const [taken, cost] = verdictsOf({ sites }).slice(-4)
  expect(taken).toMatchObject({
    measured: '93,750 (62,500–125,000); 75,000 (50,000–100,000) in a second',
    isMet: false,
  })
  expect(cost).toMatchObject({ measured: '8 % (8 % to 8 %), 20 % (10 % to 30 %)', isMet: false })
  const sections = sectionsOf({ sites })
  expect(sections['site-cost']).toContain(`| ${fast} | 100 (50–150) | 108 (54–162) | 8 % (8 % to 8 %) | 10 % (10 % to`)
  expect(sections['site-import']).toContain('| 1,000,000 | 75,000 (50,000–100,000) |')
  expect(sections['site-import']).toContain('| 12, 20 | 5, 6 | 256 MiB |')
  expect(printable({ sites }, {})).toMatch(/quiet +3 \(2–4\) +6 \(4–8\) +12 \(8–16\)/)
})
