import { expect, test } from 'vitest'
import { makeSeededRandom } from '../../../../tools/lab/seeded-random.ts'
import { makeScheduler } from '../../../../tools/simulator/scheduler.ts'
import { makeServiceRandom, makeVirtualClock } from '../../../../tools/simulator/virtual-clock.ts'

function setUp() {
  const scheduler = makeScheduler()
  const clock = makeVirtualClock(scheduler, scheduler.lane())
  return { clock, runUntil: (ms: number) => scheduler.run(() => false, ms) }
}

test('a timer that repeats does so until it is cancelled', async () => {
  const { clock, runUntil } = setUp()
  const times: number[] = []
  const timer = clock.every(10, () => {
    times.push(clock.now())
    if (times.length === 3) timer.cancel()
  })
  await runUntil(100)
  expect(times).toEqual([10, 20, 30])
})

test('the wall clock goes with the other one, and jumps without it', async () => {
  const { clock, runUntil } = setUp()
  const start = clock.wallTime()
  clock.after(1_000, () => clock.jump(-5_000))
  clock.after(2_000, () => undefined)
  await runUntil(2_000)
  expect(clock.now()).toBe(2_000)
  expect(clock.wallTime() - start).toBe(-3_000)
})

test('a sleep ends in time, or as soon as its signal aborts', async () => {
  const { clock, runUntil } = setUp()
  const abort = new AbortController()
  const ends: number[] = []
  const noteEnd = () => void ends.push(clock.now())
  void clock.sleep(30).then(noteEnd)
  void clock.sleep(1_000, abort.signal).then(noteEnd)
  void clock.sleep(1_000, AbortSignal.abort()).then(noteEnd)
  clock.after(50, () => abort.abort())
  await runUntil(100)
  expect(ends).toEqual([0, 30, 50])
})

test('chance is a seed’s, and its UUIDs have their form', () => {
  const draw = () => {
    const random = makeServiceRandom(makeSeededRandom(7, 'test'))
    return [random.fraction(), random.uuid()]
  }
  expect(draw()).toEqual(draw())
  expect(draw()[1]).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/)
})
