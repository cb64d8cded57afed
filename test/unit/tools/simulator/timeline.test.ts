import { expect, test } from 'vitest'
import type { Schedule } from '../../../../tools/simulator/schedule.ts'
import { renderSchedule, renderTimeline } from '../../../../tools/simulator/timeline.ts'
import { makeTrace } from '../../../../tools/simulator/trace.ts'

test('a timeline has a line for each thing, in the clients’ time', () => {
  let now = 50
  const trace = makeTrace(() => now)
  trace.add('kvs', 'starts')
  now = 1_234.5678
  trace.add('client 12', 'get key-0')
  expect(renderTimeline(trace, 100)).toBe(
    ['    -0.050  kvs        starts', '     1.135  client 12  get key-0'].join('\n'),
  )
})

test('traces differ where a time, a subject or a thing does', () => {
  const hashOf = (at: number, who: string, what: string) => {
    const trace = makeTrace(() => at)
    trace.add(who, what)
    return trace.hash()
  }
  const hashes = [hashOf(1, 'kvs', 'x'), hashOf(2, 'kvs', 'x'), hashOf(1, 'log', 'x'), hashOf(1, 'kvs', 'y')]
  expect(new Set(hashes).size).toBe(4)
  expect(hashOf(1, 'kvs', 'x')).toBe(hashes[0])
})

test('a schedule is told in a few lines', () => {
  const schedule: Schedule = {
    ...{ seed: 1, nodes: 2, spools: false, latency: { network: 1, commit: 2, flush: 5 } },
    operations: [{ at: 0, client: 3, key: 0, draw: 1 }],
    lists: [{ at: 0, node: 1, draw: 1 }],
    faults: [
      { kind: 'kill', node: 1, at: 1_500, forMs: 250 },
      { kind: 'log clock', at: 2_000, byMs: -5_000 },
      { kind: 'leave', node: 0, at: 2_500 },
      { kind: 'log goes back', at: 3_000, entries: 7 },
    ],
  }
  expect(renderSchedule(schedule).split('\n')).toEqual([
    '2 nodes, refusing while the log is down; network 1 ms, commit 2 ms, flush 5 ms',
    '1 operation of 1 client, 1 list, 0 transfers, 4 faults:',
    '     1.500  kvs-2: kill for 0.250 s',
    '     2.000  log clock by -5.000 s',
    '     2.500  kvs: leave',
    '     3.000  log goes back by 7 entries',
  ])
})
