import { expect, test } from 'vitest'
import { cpuPerRequest } from '../../../../../tools/bench/measure/measured-run.ts'
import { interleave } from '../../../../../tools/bench/measure/rounds.ts'
import { latencyOf, percentile, ratios, spreadOf } from '../../../../../tools/bench/measure/stats.ts'

test('the median of an even number lies between the two in the middle', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 })
  expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 })
  expect(spreadOf([7, Number.NaN])).toEqual({ median: 7, min: 7, max: 7 })
  expect(spreadOf([])).toBeUndefined()
})

test('ratios are of each round by itself, and rounds that one side lacks do not count', () => {
  const rounds = (...values: number[]) => new Map(values.map((value, index) => [index + 1, value]))
  const ours = rounds(10, 40, 90)
  const theirs = rounds(5, 10)
  expect(ratios(ours, theirs)).toEqual({ median: 3, min: 2, max: 4 })
  expect(ratios(ours, new Map())).toBeUndefined()
})

test('percentiles are values that occurred, by nearest rank', () => {
  const sorted = Float64Array.from({ length: 100 }, (_, index) => index + 1)
  expect([0.5, 0.99, 0.999, 1].map((share) => percentile(sorted, share))).toEqual([50, 99, 100, 100])
  expect(percentile([8], 0.5)).toBe(8)
  expect(percentile([], 0.5)).toBeNaN()
})

test('latencies are summed up in any order, also where there are none', () => {
  expect(latencyOf(Float64Array.of(3, 1, 2))).toEqual({ count: 3, p50: 2, p99: 3, p999: 3, max: 3 })
  expect(latencyOf(new Float64Array())).toMatchObject({ count: 0, p50: Number.NaN })
})

test('contenders take turns', async () => {
  const order: string[] = []
  await interleave({ rounds: 2 }, ['a', 'b', 'c'], async (contender, round) => void order.push(`${contender}${round}`))
  expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2'])
})

test('CPU time is told for each program, in microseconds a request', () => {
  const before = { node: { user: 1, system: 0.5 }, postgres: { user: 0, system: 0 } }
  const after = { node: { user: 3, system: 1.5 }, postgres: { user: 0.1, system: 0 } }
  const cpu = cpuPerRequest(before, after, 100_000)
  expect(cpu.node?.user).toBeCloseTo(20)
  expect(cpu.node?.system).toBeCloseTo(10)
  expect(cpu.postgres?.user).toBeCloseTo(1)
})
