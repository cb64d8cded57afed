import { expect, test } from 'vitest'
import type { Write } from '../../../kvs/core/entry.ts'
import { makeIntake } from '../../../kvs/sites/intake.ts'
import { at, foreign, makeImport, makeOwnSite, put, settle } from './fixtures.ts'

function makeParts(position = at({})) {
  const log = makeImport('here', position)
  const view = makeOwnSite({ taken: { stamp: 9_000, isExpiry: false, origin: 'z' } })
  const ending = new AbortController()
  return { log, view, ending, intake: makeIntake(log.target, view.site, ending.signal) }
}

const outcome = (promise: Promise<void>) =>
  promise.then(
    () => 'landed',
    (error) => (error instanceof Error ? error.message : String(error)),
  )

test('batches that wait while one is appended land together, in their order', async () => {
  const { log, intake } = makeParts()
  log.hold()
  const landed: string[] = []
  for (const sequence of [1, 2, 3]) void intake.add([foreign('a', sequence)]).then(() => landed.push(`a${sequence}`))
  await settle()
  expect([log.names, landed]).toEqual([['a@1'], []])
  log.land()
  await settle()
  expect([log.names, landed]).toEqual([['a@1', 'a@2 a@3'], ['a1']])
  log.land()
  await settle()
  expect(landed).toEqual(['a1', 'a2', 'a3'])
})

test('what is appended at once is bounded by entries and by bytes; one batch may be larger', async () => {
  const { log, intake } = makeParts()
  log.hold()
  void intake.add([foreign('a', 1)])
  const many = (from: number, count: number) => Array.from({ length: count }, (_, index) => foreign('a', from + index))
  void intake.add(many(2, 6_000))
  void intake.add(many(7_000, 3_000))
  void intake.add(many(10_000, 2_001))
  const large = put('large', 'x'.repeat(3_000_000))
  void intake.add([foreign('b', 1, { write: large })])
  void intake.add([foreign('b', 2, { write: large })])
  for (let number = 0; number < 6; number++) {
    await settle()
    log.land()
  }
  await settle()
  expect(log.appended.map(({ entries }) => entries.length)).toEqual([1, 6_000, 3_000, 2_002, 1])
})

test('entries that the log has are skipped, those that two peers sent as well', async () => {
  const { log, intake } = makeParts(at({ a: 2 }))
  await Promise.all([
    intake.add([foreign('a', 1), foreign('a', 2)]),
    intake.add([foreign('a', 2), foreign('a', 3), foreign('b', 1)]),
    intake.add([foreign('b', 1), foreign('a', 3), foreign('a', 4)]),
  ])
  expect(log.names).toEqual(['a@3 b@1 a@4'])
  expect(intake.counts).toEqual({ entries: 3, superseded: 0 })
})

test('entries are ranked by the view as it is when they are appended, and its sequence goes with them', async () => {
  const { log, view, intake } = makeParts()
  log.hold()
  void intake.add([foreign('a', 1)])
  void intake.add([foreign('a', 2, { write: put('taken') }), foreign('a', 9, { write: put('later') })])
  await settle()
  view.holdUp()
  log.land()
  await settle()
  view.ranks.later = { stamp: 8_000, isExpiry: false, origin: 'z' }
  view.advance(7)
  await settle()
  expect(log.appended.map(({ seen }) => seen)).toEqual([0n, 7n])
  expect(log.appended[1]?.entries.map(({ superseded }) => superseded)).toEqual([true, false])
  log.land()
  await settle()
  expect(intake.counts).toEqual({ entries: 3, superseded: 1 })
})

test('an append that fails rejects all that wait, and all later ones', async () => {
  const { log, intake } = makeParts()
  log.hold()
  const outcomes = [1, 2, 3].map((sequence) => outcome(intake.add([foreign('a', sequence)])))
  await settle()
  log.fail(new Error('the log is gone'))
  expect(await Promise.all(outcomes)).toEqual(Array(3).fill('the log is gone'))
  expect(await outcome(intake.add([foreign('a', 4)]))).toBe('the log is gone')
  expect(await intake.failed).toEqual(new Error('the log is gone'))
  expect(log.names).toEqual(['a@1'])
})

test('nothing is ranked by a view that is not the log’s any more', async () => {
  const { log, view, intake } = makeParts()
  await intake.add([foreign('a', 1)])
  view.refuse(new Error('the node is diverged'))
  expect(await outcome(intake.add([foreign('a', 2)]))).toBe('the node is diverged')
  expect(await intake.failed).toEqual(new Error('the node is diverged'))
  expect(log.names).toEqual(['a@1'])
})

test('nothing more is appended before the view has what was', async () => {
  const { log, view, intake } = makeParts()
  view.holdUp()
  await intake.add([foreign('a', 1), foreign('a', 2)])
  const later = outcome(intake.add([foreign('a', 3)]))
  for (const sequence of [0, 1]) {
    view.advance(sequence)
    await settle()
    expect([log.names, intake.awaited]).toEqual([['a@1 a@2'], 2n])
  }
  view.advance(2)
  expect(await later).toBe('landed')
  expect([log.names, view.listeners]).toEqual([['a@1 a@2', 'a@3'], 1])
  view.advance(3)
  await settle()
  expect([view.listeners, intake.awaited]).toEqual([0, undefined])
})

test('an intake that ends waits for no view, and appends nothing more', async () => {
  const { log, view, ending, intake } = makeParts()
  view.holdUp()
  await intake.add([foreign('a', 1)])
  const later = outcome(intake.add([foreign('a', 2)]))
  await settle()
  ending.abort()
  expect(await later).toMatch(/abort/)
  expect([log.appended.length, view.listeners]).toEqual([1, 0])
})

test('the view is told of what lands, with its flags', async () => {
  const { view, intake } = makeParts()
  const entries = [foreign('a', 1), foreign('a', 2, { write: put('taken') })]
  await intake.add(entries)
  expect(view.landed.map(({ entries, end }) => [entries, end.sequence])).toEqual([
    [entries.map((entry, index) => ({ ...entry, superseded: index === 1 })), 2n],
  ])
})

test.each<[string, { others: number; write: Write }]>([
  ['comes after entries that the view had not seen', { others: 1, write: put('k') }],
  ['is about members', { others: 0, write: { kind: 'join', key: 'somewhere:8080' } }],
])('the view reads what %s: the log itself has ranked it', async (_what, { others, write }) => {
  const { log, view, intake } = makeParts()
  log.others(others)
  await intake.add([foreign('a', 1, { write })])
  expect([log.names, view.landed, view.tails]).toEqual([['a@1'], [], 1])
})
