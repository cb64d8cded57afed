import { expect, test } from 'vitest'
import type { Run } from '../../../../../tools/bench/measure/measured-run.ts'
import type { RingResult } from '../../../../../tools/bench/parts/ring.ts'
import type { Handover } from '../../../../../tools/bench/parts/ring-handover.ts'
import { sectionsOf } from '../../../../../tools/bench/report/docs.ts'
import { printable } from '../../../../../tools/bench/report/print.ts'
import { describeHandover, handoverVerdict, shareVerdict } from '../../../../../tools/bench/report/ring-tables.ts'

const machine = { cpu: 'a CPU', cores: 2, memoryGib: 4, kernel: '6', fileSystem: 'ext4', versions: { Node: '26' } }
const stored = (result: RingResult) => ({ at: '2026-01-02T03:04:05Z', machine, seconds: 3, runs: 2, result })

function run(name: string, contender: string, round: number, rate: number, p50: number): Run {
  const cpu = { nodes: { user: 1e6 / rate, system: 0 }, postgres: { user: 0, system: 0 } }
  const latency = { p50, p99: 3 * p50, p999: 4 * p50, max: 5 * p50 }
  return { case: name, contender, round, requests: rate, seconds: 1, rate, cpu, generatorShare: 0.5, latency }
}

const latency = (p50: number, p99: number) => ({ count: 100, p50, p99, p999: p99, max: p99 })

/** A change in which the p99 of clients was so many times that of before. */
function handover(limit: Handover['limit'], round: number, slower: number, problem?: string): Handover {
  const before = latency(1, 10 * round)
  const during = latency(2, 10 * round * slower)
  return {
    limit,
    round,
    keys: 9_000,
    seconds: 9_000 / limit,
    before,
    during,
    ...(problem !== undefined && { problem }),
  }
}

const mebibyte = 1024 ** 2
const share = (node: RingResult['shares'][number]['node'], memory: readonly number[], log: number) => {
  return { node, keys: 1_000, memory: memory.map((each) => each * mebibyte), log: log * mebibyte }
}

const ring: RingResult = {
  runs: [1, 2].flatMap((round) => [
    ...[run('get 32', 'owner', round, 30_000 * round, 1), run('get 32', 'any', round, 12_000 * round, 2)],
    ...[run('put 32', 'owner', round, 9_000 * round, 3), run('put 32', 'any', round, 6_000 * round, 4)],
  ]),
  handovers: [1, 2].flatMap((round) => [
    ...[handover(1_000, round, 1.5), handover(3_000, round, 1.5 * round), handover(10_000, round, 2 + round)],
    handover(10_000, round, 1, '7 requests failed'),
  ]),
  shares: [
    ...[share('alone', [60, 90], 120), share('member 1', [20, 30], 40)],
    ...[share('member 2', [21, 36], 42), share('member 3', [18, 27], 30)],
  ],
}

test('any member is held against the owner in the same round', () => {
  const { ring: table } = sectionsOf({ ring: stored(ring) })
  expect(table).toContain(
    '| get 32 | 45,000 (30,000–60,000) | 18,000 (12,000–24,000) | 0.40 × (0.40–0.40) | 2.50 × (2.50–2.50) | 1, 2 | 3, 6 |',
  )
  expect(table).toContain('| 0.67 × (0.67–0.67) | 1.50 × (1.50–1.50) | 3, 4 | 9, 12 |')
})

test('clients while keys move are held against those right before; a change with failures does not count', () => {
  const { 'ring-handover': table } = sectionsOf({ ring: stored(ring) })
  expect(table).toContain('| 3,000 | 3,000 (3,000–3,000) | 2.00 × (2.00–2.00) | 2.25 × (1.50–3.00) | 15, 37.5 |')
  expect(table).toContain('| 10,000 | 10,000 (10,000–10,000) | 2.00 × (2.00–2.00) | 3.50 × (3.00–4.00) | 15, 55 |')
  expect(handoverVerdict(ring)).toMatchObject({
    measured: '3,000 (3,000–3,000) at KVS_HANDOVER_RATE=3000, p99 2.25 × (1.50–3.00)',
    isMet: true,
  })
  expect(describeHandover(handover(1_000, 1, 2, '7 requests failed'), 3)).toMatch(
    /^ {2}1\/3 at 1,000\/s: 9,000 keys, 1,000\/s; p99 10 ms before, 20 ms meanwhile\n +!! does not count: 7 requests failed$/,
  )
})

test('where clients are slowed down more at every rate, the lowest one is told', () => {
  const slow = { ...ring, handovers: [handover(1_000, 1, 6), handover(3_000, 1, 9)] }
  expect(handoverVerdict(slow)).toMatchObject({
    measured: '1,000 (1,000–1,000) at KVS_HANDOVER_RATE=1000, p99 6.00 × (6.00–6.00)',
    ...{ isMet: false, missedBy: '100 %' },
  })
  expect(handoverVerdict({ ...ring, handovers: [] })).toMatchObject({ measured: 'not measured', isMet: undefined })
})

test('each member takes about a third, of each restart by itself; the largest counts', () => {
  const { 'ring-shares': table } = sectionsOf({ ring: stored(ring) })
  expect(table).toContain('| alone | 75 MiB |  | 120 MiB |  |')
  expect(table).toContain('| member 2 | 28.5 MiB | 0.38 × (0.35–0.40) | 42 MiB | 0.35 × |')
  expect(shareVerdict(ring)).toMatchObject({
    measured: 'memory 0.33 × (0.30–0.38), log 0.33 × (0.25–0.35)',
    isMet: true,
  })
  const uneven = { ...ring, shares: [...ring.shares.slice(0, 3), share('member 3', [18, 27], 60)] }
  expect(shareVerdict(uneven)).toMatchObject({ isMet: false, missedBy: '25 %' })
  expect(shareVerdict({ ...ring, shares: ring.shares.slice(0, 3) })).toMatchObject({ isMet: undefined })
})

test('all of it is printed', () => {
  const text = printable({ ring: stored(ring) }, {})
  expect(text).toMatch(/get 32 +45,000/)
  expect(text).toMatch(/1,000 +1,000 \(1,000–1,000\)/)
  expect(text).toMatch(/member 3 +22.5 MiB/)
})
