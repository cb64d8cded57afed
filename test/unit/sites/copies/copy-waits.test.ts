import { expect, test } from 'vitest'
import { PeerRemoved } from '../../../../kvs/sites/peer-client.ts'
import { makeCopiesGroup } from './copies-group.ts'

test('a write waits until another log has it, and is asked for by its sequence in this log', async () => {
  const { wait, turn, askTo, group, copies } = makeCopiesGroup(['b'])
  await turn()
  expect(group.asks).toBe(0)
  const write = wait(7n)
  await turn()
  expect(write.count).toBe(undefined)
  expect(askTo('b')).toMatchObject({ log: 'here', sequence: 7n })
  askTo('b')?.answer('there', 6n)
  await turn()
  expect(write.count).toBe(undefined)
  askTo('b')?.answer('there', 7n)
  await turn()
  expect([write.count, group.asks, copies.short]).toEqual([2, 2, 0])
})

test('a thousand writes at once share a request, and those that come meanwhile the next one', async () => {
  const { wait, turn, askTo, group } = makeCopiesGroup(['b'])
  const writes = Array.from({ length: 1_000 }, (_, index) => wait(BigInt(index + 1)))
  await turn()
  expect([group.asks, askTo('b')?.sequence]).toEqual([1, 1_000n])
  const later = Array.from({ length: 1_000 }, (_, index) => wait(BigInt(index + 1_001)))
  await turn()
  expect(group.asks).toBe(1)
  // What it has beyond what it was asked for counts as well.
  askTo('b')?.answer('there', 1_500n)
  await turn()
  expect(writes.every(({ count }) => count === 2)).toBe(true)
  expect(later.map(({ count }) => count)).toEqual(later.map((_, index) => (index < 500 ? 2 : undefined)))
  expect([group.asks, askTo('b')?.sequence]).toEqual([2, 2_000n])
  askTo('b')?.answer('there', 2_000n)
  await turn()
  expect(later.every(({ count }) => count === 2)).toBe(true)
  expect([group.asks, group.most]).toEqual([2, 1])
})

test('logs count, not addresses, and this site’s own log once', async () => {
  const { wait, turn, askTo, told, copies } = makeCopiesGroup(['here too', 'b1', 'b2', 'c'], { wanted: 3 })
  const write = wait(5n)
  await turn()
  askTo('here too')?.answer('here', 5n)
  askTo('b1')?.answer('b', 5n)
  askTo('b2')?.answer('b', 5n)
  await turn()
  expect(write.count).toBe(undefined)
  askTo('c')?.answer('c', 4n)
  await turn()
  expect(write.count).toBe(undefined)
  askTo('c')?.answer('c', 5n)
  await turn()
  expect([write.count, copies.short, told]).toEqual([3, 0, []])
  // A node of this site is left alone for a while.
  wait(6n)
  await turn()
  expect(askTo('here too')).toBe(undefined)
})

test('where the group has too few logs, the answer comes as soon as all have it, and is warned of once', async () => {
  const { wait, turn, askTo, told, copies } = makeCopiesGroup(['b1', 'b2'], { wanted: 3 })
  const write = wait(5n)
  await turn()
  askTo('b1')?.answer('b', 5n)
  await turn()
  expect([write.count, told]).toEqual([undefined, []])
  askTo('b2')?.answer('b', 3n)
  await turn()
  expect([write.count, copies.short]).toEqual([2, 1])
  for (const sequence of [6n, 7n]) {
    const next = wait(sequence)
    await turn()
    askTo('b1')?.answer('b', sequence)
    await turn()
    expect(next.count).toBe(2)
  }
  expect(told).toEqual([
    'KVS_MIN_COPIES is 3, and the group has 2 logs at most: writes are answered 202 until it has more',
  ])
})

test('a site that was taken out, and one without others, waits for nobody', async () => {
  const { wait, turn, group, told, copies } = makeCopiesGroup(['b'])
  group.isRemoved = true
  const write = wait(1n)
  await turn()
  expect([write.count, group.asks, copies.short]).toEqual([1, 0, 1])
  expect(told).toEqual([expect.stringContaining('the group has no other log')])
})

test('the time is that of the whole write, and what came in until then counts', async () => {
  const { time, wait, turn, askTo, copies } = makeCopiesGroup(['b', 'c'], { wanted: 3 })
  const [early, late] = [wait(1n, 4_000), wait(2n)]
  await turn()
  askTo('b')?.answer('b', 2n)
  await time.pass(5_990)
  expect(early.count).toBe(undefined)
  await time.pass(20)
  expect([early.count, late.count]).toEqual([2, undefined])
  await time.pass(4_000)
  expect([late.count, copies.short]).toEqual([2, 2])
  const over = wait(3n, 20_000)
  await time.pass(10)
  expect(over.count).toBe(1)
})

test('a member that is out of reach is asked again, ever more seldom, and only while a write waits', async () => {
  const { time, wait, turn, askTo, group } = makeCopiesGroup(['b'])
  const write = wait(1n)
  for (let passed = 0; passed < 10_000; passed += 10) {
    await time.pass(10)
    askTo('b')?.fail(new Error('refused'))
  }
  await turn()
  expect(write.count).toBe(1)
  // 0, 50, 100, 200, 400, 800 ms, and then every second
  expect(group.asks).toBeGreaterThan(8)
  expect(group.asks).toBeLessThan(20)
  const { asks } = group
  await time.pass(60_000)
  expect(group.asks).toBe(asks)
  // The next write is asked for at once.
  const next = wait(2n)
  await turn()
  askTo('b')?.answer('there', 2n)
  await turn()
  expect(next.count).toBe(2)
})

test('a request without an answer is given up, and a node that always says less is not asked without a pause', async () => {
  const { time, wait, turn, askTo, group } = makeCopiesGroup(['b'], { timeoutMs: 60_000 })
  wait(9n)
  await turn()
  const first = askTo('b')
  await time.pass(3_100)
  expect([first?.signal.aborted, group.most]).toEqual([true, 1])
  const { asks } = group
  for (let passed = 0; passed < 10_000; passed += 10) {
    askTo('b')?.answer('there', 1n)
    await time.pass(10)
  }
  expect(group.asks - asks).toBeLessThan(25)
})

test('who is no member any more does not count: by this site’s members, or by its own word', async () => {
  const { wait, turn, askTo, changeMembers } = makeCopiesGroup(['b', 'c', 'd'], { wanted: 3 })
  const write = wait(1n)
  await turn()
  askTo('b')?.answer('b', 1n)
  askTo('c')?.fail(new PeerRemoved('c: this site was taken out'))
  await turn()
  changeMembers('c', 'd', 'f')
  askTo('d')?.answer('d', 1n)
  await turn()
  expect(write.count).toBe(undefined)
  changeMembers('c', 'd', 'e', 'f')
  await turn()
  askTo('e')?.answer('e', 1n)
  await turn()
  expect(write.count).toBe(3)
})

test('a log that came in the place of another one has what it says itself', async () => {
  const { wait, turn, askTo, time } = makeCopiesGroup(['b', 'c'], { wanted: 3 })
  const write = wait(5n)
  const later = wait(6n)
  await turn()
  askTo('b')?.answer('old', 5n)
  await turn()
  askTo('b')?.answer('new', 2n)
  askTo('c')?.answer('c', 5n)
  await turn()
  expect(write.count).toBe(undefined)
  await time.pass(100)
  askTo('b')?.answer('new', 6n)
  await turn()
  expect([write.count, later.count]).toEqual([3, undefined])
})

test('nobody is asked for a write whose client is gone', async () => {
  const { wait, turn, group, copies, time } = makeCopiesGroup(['b'])
  const write = wait(1n)
  write.cancel()
  write.cancel()
  await turn()
  expect([write.count, group.asks, copies.short, time.waiting]).toEqual([1, 0, 0, 0])
})

test('writes may come out of order, as repetitions do, and each waits for its own sequence', async () => {
  const { wait, turn, askTo } = makeCopiesGroup(['b'])
  const writes = [8n, 3n, 5n, 3n].map((sequence) => wait(sequence))
  writes[2]?.cancel()
  await turn()
  expect(askTo('b')?.sequence).toBe(8n)
  askTo('b')?.answer('there', 3n)
  await turn()
  expect(writes.map(({ count }) => count)).toEqual([undefined, 2, 1, 2])
})

test('once the node is told to stop, nobody waits for more than a second', async () => {
  const { time, wait, turn, stopping, copies } = makeCopiesGroup(['b'])
  const before = wait(1n)
  await time.pass(100)
  stopping.abort()
  await time.pass(500)
  const after = wait(2n)
  await time.pass(490)
  expect([before.count, after.count]).toEqual([undefined, undefined])
  await time.pass(20)
  expect(before.count).toBe(1)
  await time.pass(1_000)
  await turn()
  expect([after.count, copies.short]).toEqual([1, 2])
})
