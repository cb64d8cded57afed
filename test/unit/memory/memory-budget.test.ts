import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { freeBuffer } from '../../../kvs/lib/buffers.ts'
import { makeCollector } from '../../../kvs/memory/garbage-collector.ts'
import { makeMemoryBudget, smallBytes } from '../../../kvs/memory/memory-budget.ts'

const large = 100 * 1024
const max = 8 * large

test('what is taken is held until it is given back, and past the bound there is no room', () => {
  const budget = makeMemoryBudget(max)
  for (let count = 0; count < 6; count++) expect(budget.take('writes', large)).toBe(true)
  expect(budget.take('writes', large)).toBe(false)
  expect(budget.held('writes')).toBe(6 * large)
  budget.give('writes', large)
  expect(budget.take('writes', large)).toBe(true)
})

test('large ones leave a quarter to small ones, which grow into it no further than they are small', () => {
  const budget = makeMemoryBudget(max)
  for (let count = 0; count < 6; count++) budget.take('writes', large)
  expect(budget.take('writes', smallBytes)).toBe(true)
  expect(budget.take('writes', 1, smallBytes + 1)).toBe(false)
  expect(budget.take('writes', smallBytes)).toBe(true)
  expect(budget.take('writes', 2 * large - 2 * smallBytes, smallBytes)).toBe(true)
  expect(budget.take('writes', 1)).toBe(false)
})

test('answers have half at the most; one write and one answer always have room', () => {
  const budget = makeMemoryBudget(max)
  for (let count = 0; count < 4; count++) expect(budget.take('answers', large)).toBe(true)
  expect(budget.take('answers', large)).toBe(false)
  expect(budget.take('answers', 1)).toBe(false)
  expect(budget.take('writes', 2 * max)).toBe(true)
  expect(budget.take('writes', 1)).toBe(false)
  budget.give('answers', 4 * large)
  expect(budget.take('answers', 2 * max)).toBe(true)
})

test('writes leave a quarter to answers, large ones too', () => {
  const budget = makeMemoryBudget(max)
  while (budget.take('writes', large)) {}
  expect([budget.take('answers', large), budget.take('answers', large)]).toEqual([true, true])
  expect(budget.take('answers', large)).toBe(false)
})

test('garbage is collected whenever more than the bound has come together that nothing is known to hold', () => {
  let external = 1_000
  let live = 1_000
  let collections = 0
  const collector = makeCollector(100, {
    externalBytes: () => external,
    collect: () => {
      external = live
      collections++
    },
  })
  const collectionsAfter = (bytes: number, held: number) => {
    external = bytes
    collector.collectIfNeeded(held)
    return collections
  }
  expect(collectionsAfter(1_000, 0)).toBe(0)
  expect(collectionsAfter(1_100, 0)).toBe(0)
  live = 1_050
  expect(collectionsAfter(1_101, 0)).toBe(1)
  // What is held is no garbage.
  expect(collectionsAfter(5_000, 3_900)).toBe(1)
  // Where V8 has collected some by itself, what comes after counts from there.
  expect(collectionsAfter(500, 0)).toBe(1)
  live = 500
  expect(collectionsAfter(601, 0)).toBe(2)
})

test('the collector of V8 collects buffers that nobody reaches any more', async () => {
  const collector = makeCollector(4 * 1024 * 1024)
  collector.collectIfNeeded(0)
  // Few enough for V8 to leave them alone, were it not told to collect them.
  const buffers = Array.from({ length: 8 }, () => new WeakRef(Buffer.allocUnsafeSlow(1024 * 1024)))
  // A WeakRef keeps its buffer up to the end of the turn that it was made in.
  await setImmediate()
  collector.collectIfNeeded(0)
  // Memory in use would tell nothing yet: V8 frees that of the buffers in a thread of its own.
  expect(buffers.filter((buffer) => buffer.deref() !== undefined)).toEqual([])
})

test('a buffer is freed only where its memory is its own', () => {
  const own = Buffer.alloc(100_000, 'x')
  freeBuffer(own)
  expect(own.length).toBe(0)
  const whole = Buffer.alloc(100_000, 'x')
  freeBuffer(whole.subarray(0, 50_000))
  expect(whole.length).toBe(100_000)
})
