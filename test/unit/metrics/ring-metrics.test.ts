import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nowhere } from '../../../kvs/core/position.ts'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { allSlots, type SlotRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import { type RingSources, ringMetrics } from '../../../kvs/metrics/ring-metrics.ts'

const self = 'a:1'
const ring: Ring = {
  ...{ id: 'cafe', version: 7, home: self, standbys: [] },
  positions: new Map([
    [2_999, self],
    [7_999, 'b:1'],
  ]),
  next: undefined,
}
const none = { passedOn: 0, refusedByVersion: 0, retried: 0 }

function sourcesOf(current: Ring | undefined, owns: SlotRanges, members: string[]): RingSources {
  return {
    ring: {
      current: () => current,
      members: () => members,
      state: () => ({ ring: current, self, owns, position: nowhere }),
    },
    routing: { counts: none },
  }
}

/** What each metric reads, by its name without `kvs_ring_`. */
const readAll = (sources: RingSources) =>
  Object.fromEntries(ringMetrics(sources).map(({ name, read }) => [name.replace('kvs_ring_', ''), read()]))
const noRequests = { requests_passed_on_total: 0, refused_by_version_total: 0, retries_total: 0 }

test('in no ring the version is 0, of no ring, and the node owns all slots', () => {
  expect(readAll(sourcesOf(undefined, allSlots, [self]))).toEqual({
    version: [{ labels: { ring: '' }, value: 0 }],
    change_under_way: [{ labels: { ring: '' }, value: 0 }],
    ...{ slots_owned: 10_000, members: 1 },
    ...noRequests,
  })
})

test('in a ring they tell its version by its id, how many own a part, and what the log of this node takes', () => {
  const owns = [
    { from: 0, through: 2_999 },
    { from: 8_000, through: 9_999 },
  ]
  expect(readAll(sourcesOf(ring, owns, [self, 'b:1']))).toEqual({
    version: [{ labels: { ring: 'cafe' }, value: 7 }],
    change_under_way: [{ labels: { ring: 'cafe' }, value: 0 }],
    ...{ slots_owned: 5_000, members: 2 },
    ...noRequests,
  })
})

test('a change is under way as long as the version says what it leads to', () => {
  const changing = { ...ring, next: new Map([[2_999, 'b:1']]) }
  const read = readAll(sourcesOf(changing, [], [self, 'b:1']))
  expect(read.change_under_way).toEqual([{ labels: { ring: 'cafe' }, value: 1 }])
  expect(read.slots_owned).toBe(0)
})

test('requests are counted as the routing has counted them when it is asked', () => {
  const counts = { ...none }
  const metrics = ringMetrics({ ...sourcesOf(undefined, allSlots, [self]), routing: { counts } })
  Object.assign(counts, { passedOn: 3, refusedByVersion: 2, retried: 1 })
  const read = Object.fromEntries(metrics.map(({ name, read }) => [name, read()]))
  expect(read).toMatchObject({
    kvs_ring_requests_passed_on_total: 3,
    kvs_ring_refused_by_version_total: 2,
    kvs_ring_retries_total: 1,
  })
})

test('docs/metrics.md has each with its type and labels', () => {
  const text = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = text.matchAll(/^\| `(kvs_\w+)` \| (\w+) \| ([^|]*) \| ring \|/gm)
  const told = Array.from(rows, ([, name, type, labels = '']) => [name, type, labels.replaceAll('`', '').trim()])
  const metrics = ringMetrics(sourcesOf(ring, allSlots, [self]))
  expect(told).toEqual(
    metrics.map(({ name, type, read }) => {
      const samples = read()
      return [name, type, Array.isArray(samples) ? Object.keys(samples[0].labels).join() : '']
    }),
  )
})
