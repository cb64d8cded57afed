import { expect, test } from 'vitest'
import { makeSlices, type SliceOptions } from '../../../../kvs/replica/lists/slices.ts'

/** Slices that are begun by hand, by a clock that each step moves on. */
function makeByHand(options: Partial<SliceOptions> = {}) {
  const planned: (() => void)[] = []
  const done: string[] = []
  const time = { now: 0 }
  const soon = (next: () => void) => void planned.push(next)
  const slices = makeSlices({ clock: { now: () => time.now, soon }, ...options })
  function* work(name: string, steps: number, stepMs = 0) {
    for (let step = 0; step < steps; step++) {
      time.now += stepMs
      done.push(name)
      yield
    }
  }
  return { planned, done, slices, work }
}

const countOf = (done: readonly string[], name: string) => done.filter((one) => one === name).length

test('a slice ends when its time is over', async () => {
  const { planned, done, slices, work } = makeByHand()
  const run = slices.run(work('a', 100, 0.1))
  expect([planned.length, done.length]).toEqual([1, 0])
  const lengths: number[] = []
  while (planned.length > 0) {
    const before = done.length
    planned.shift()?.()
    lengths.push(done.length - before)
  }
  await run
  expect(lengths).toEqual([32, 32, 32, 4]) // 2 ms, and what is left of 16 steps between looks at the clock
})

test('of several works each has a slice in turn, and a turn has one slice', async () => {
  const { planned, done, slices, work } = makeByHand({ sliceSteps: 2 })
  const runs = [slices.run(work('a', 4)), slices.run(work('b', 3)), slices.run(work('c', 1))]
  const after: string[] = []
  while (planned.length > 0) {
    expect(planned.length).toBe(1)
    planned.shift()?.()
    after.push(done.join(''))
  }
  await Promise.all(runs)
  expect(after.slice(0, 5)).toEqual(['aa', 'aabb', 'aabbc', 'aabbcaa', 'aabbcaab'])
  expect([countOf(done, 'a'), countOf(done, 'b'), countOf(done, 'c')]).toEqual([4, 3, 1])
})

test('a work that throws rejects, and the others go on', async () => {
  const { planned, slices, work } = makeByHand({ sliceSteps: 1 })
  const defect = new Error('defect')
  const failing = slices.run({
    next() {
      throw defect
    },
  })
  const going = slices.run(work('a', 3))
  const failed = expect(failing).rejects.toBe(defect)
  while (planned.length > 0) planned.shift()?.()
  await failed
  await going
})

test('after a stop nothing goes on, and nothing begins', async () => {
  const { planned, done, slices, work } = makeByHand({ sliceSteps: 1 })
  const stopped = new Error('stopped')
  const ended = expect(slices.run(work('a', 9))).rejects.toBe(stopped)
  planned.shift()?.()
  slices.stop(stopped)
  await ended
  while (planned.length > 0) planned.shift()?.()
  await expect(slices.run(work('b', 1))).rejects.toBe(stopped)
  expect(done).toEqual(['a'])
})
