import { expect, test } from 'vitest'
import { PeerRemoved } from '../../../../kvs/sites/peer-client.ts'
import { makeCopiesGroup } from './copies-group.ts'

const wentBack = 'b has entries of this log that are not in it: the log went back; its answers are no copies'

test('entries that the log has lost are no copies of those that it wrote in their place', async () => {
  const { wait, turn, askTo, log, told, time, copies } = makeCopiesGroup(['b'])
  log.end = 51n
  const write = wait(51n)
  await turn()
  askTo('b')?.answer('there', 100n)
  await turn()
  // Nobody can come to have it, so that it waits no longer.
  expect([write.count, copies.short, told[0]]).toEqual([1, 1, wentBack])
  // It says so again, also where it has an entry of the same sequence.
  log.end = 200n
  for (let sequence = 100n; sequence < 110n; sequence++) {
    const next = wait(sequence)
    await turn()
    askTo('b')?.answer('there', sequence)
    await time.pass(1_100)
    expect(next.count).toBe(1)
  }
  expect([told.filter((sentence) => sentence === wentBack).length, log.readers, log.open]).toEqual([1, 1, 0])
})

test('another entry at the same sequence is no copy, until the log there was begun anew or cut back', async () => {
  const { wait, turn, askTo, log, told, time } = makeCopiesGroup(['b', 'c'], { wanted: 3 })
  const write = wait(5n)
  await turn()
  askTo('b')?.answer('there', 5n, 17)
  await time.pass(100)
  expect([write.count, told]).toEqual([undefined, [wentBack]])
  askTo('b')?.answer('there', 4n)
  await time.pass(100)
  askTo('b')?.answer('there', 5n)
  askTo('c')?.answer('c', 5n)
  await time.pass(100)
  expect([write.count, log.readers, log.open]).toEqual([3, 3, 0])
  const next = wait(6n)
  await turn()
  askTo('b')?.answer('anew', 6n)
  askTo('c')?.answer('c', 6n)
  await turn()
  expect([next.count, log.readers]).toEqual([3, 4])
})

test('an answer without a stamp is a copy of a log that was seen to be the same, and of no other', async () => {
  const { wait, turn, askTo, log, time } = makeCopiesGroup(['b'])
  const first = wait(5n)
  await turn()
  askTo('b')?.answer('there', 5n, null)
  await time.pass(100)
  expect([first.count, log.readers]).toEqual([undefined, 0])
  askTo('b')?.answer('there', 6n)
  await turn()
  expect([first.count, log.readers]).toEqual([2, 1])
  for (const sequence of [7n, 8n]) {
    const next = wait(sequence)
    await turn()
    askTo('b')?.answer('there', sequence, null)
    await turn()
    expect([next.count, log.readers]).toEqual([2, 1])
  }
})

test('once the node has connected to its log anew, what it knew of the others does not hold any more', async () => {
  const { wait, turn, askTo, log, time } = makeCopiesGroup(['b', 'c'], { wanted: 3 })
  const write = wait(5n)
  await turn()
  askTo('b')?.answer('there', 5n)
  await turn()
  log.session++
  log.end = 4n
  askTo('c')?.answer('c', 3n)
  await turn()
  expect(write.count).toBe(undefined)
  askTo('b')?.answer('there', 5n)
  await time.pass(100)
  askTo('c')?.answer('c', 4n)
  await time.pass(10_000)
  expect(write.count).toBe(1)
})

test('as long as the own log can’t be asked nothing is a copy, which is told', async () => {
  const { wait, turn, askTo, log, told, time } = makeCopiesGroup(['b'])
  log.failure = new Error('refused')
  const write = wait(5n)
  for (let times = 0; times < 3; times++) {
    await turn()
    askTo('b')?.answer('there', 5n)
    await time.pass(200)
  }
  expect([write.count, told]).toEqual([undefined, ['cannot tell whether b has the entries of this log: refused']])
  log.failure = undefined
  await time.pass(1_000)
  askTo('b')?.answer('there', 5n)
  await turn()
  expect(write.count).toBe(2)
})

test('an address that led to a node of this very site is asked again a minute later', async () => {
  const { wait, turn, askTo, time, group } = makeCopiesGroup(['b'])
  const write = wait(5n)
  await turn()
  askTo('b')?.answer('here', 5n)
  await turn()
  expect(write.count).toBe(1)
  const next = wait(6n)
  await turn()
  expect([next.count, group.asks]).toEqual([1, 1])
  await time.pass(60_010, 1_000)
  const later = wait(7n)
  await turn()
  askTo('b')?.answer('there', 7n)
  await turn()
  expect(later.count).toBe(2)
})

test('a member that says it was taken out holds no write up, and is asked until it is one again', async () => {
  const { wait, turn, askTo, time, group } = makeCopiesGroup(['b'])
  const removed = new PeerRemoved('b: this site was taken out')
  const first = wait(1n)
  await turn()
  askTo('b')?.fail(removed)
  await turn()
  expect(first.count).toBe(1)
  // Ten writes a second: it is asked ever more seldom, and out of reach it is what it said last.
  for (let sequence = 2n; sequence < 102n; sequence++) {
    const write = wait(sequence)
    await time.pass(100)
    expect(write.count).toBe(1)
    askTo('b')?.fail(sequence % 2n === 0n ? removed : new Error('refused'))
  }
  expect(group.asks).toBeGreaterThan(10)
  expect(group.asks).toBeLessThan(30)
  await time.pass(2_000)
  const { asks } = group
  await time.pass(60_000)
  expect(group.asks).toBe(asks)
  wait(200n)
  await turn()
  askTo('b')?.answer('there', 200n)
  await turn()
  const write = wait(201n)
  await time.pass(1_100)
  expect(write.count).toBe(undefined)
  askTo('b')?.answer('there', 201n)
  await turn()
  expect(write.count).toBe(2)
})

test('why a member can’t be asked is told once, and a bounded number of reasons', async () => {
  const { wait, askTo, time, told } = makeCopiesGroup(['b'], { timeoutMs: 600_000 })
  wait(1n)
  for (let passed = 0; passed < 5_000; passed += 10) {
    await time.pass(10)
    askTo('b')?.fail(new Error('b answers 404: no such page'))
  }
  expect(told).toEqual(['cannot ask b for copies: b answers 404: no such page'])
  for (let times = 0; times < 40; times++) {
    await time.pass(1_010)
    askTo('b')?.fail(new Error(`reason ${times}`))
  }
  expect(told).toHaveLength(20)
})

test.each([
  ['alternates between logs', (times: number) => ['one', 'other'][times % 2] ?? '', () => 5n],
  ['always says a little more', () => 'there', (times: number) => BigInt(times + 1)],
])('a peer that %s is not asked without a pause', async (_, holder, sequence) => {
  const { wait, turn, askTo, group, time } = makeCopiesGroup(['b'], { timeoutMs: 60_000 })
  wait(1_000n)
  await turn()
  for (let times = 0; times < 1_000; times++) {
    askTo('b')?.answer(holder(times), sequence(times))
    await time.pass(10)
  }
  expect(group.asks).toBeLessThan(25)
})

test('a site that has waited a second for the entry may be asked again at once', async () => {
  const { wait, turn, askTo, group, time } = makeCopiesGroup(['b'], { timeoutMs: 60_000 })
  wait(1_000n)
  await turn()
  for (let times = 1; times <= 10; times++) {
    await time.pass(1_000)
    askTo('b')?.answer('there', BigInt(times))
    await turn()
    expect(group.asks).toBe(times + 1)
  }
})
