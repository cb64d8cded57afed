import { expect, test } from 'vitest'
import { systemClock } from '../../../kvs/lib/clock.ts'

test('a timer fires once, after its time', async () => {
  const since = systemClock.now()
  let fired = 0
  await new Promise<void>((resolve) => {
    systemClock.after(20, () => {
      fired++
      resolve()
    })
  })
  expect(systemClock.now() - since).toBeGreaterThanOrEqual(19)
  await systemClock.sleep(30)
  expect(fired).toBe(1)
})

test('a timer that repeats does so until it is cancelled', async () => {
  let fired = 0
  const enough = Promise.withResolvers<void>()
  const timer = systemClock.every(1, () => {
    fired++
    if (fired === 3) enough.resolve()
  })
  await enough.promise
  timer.cancel()
  const before = fired
  await systemClock.sleep(20)
  expect(fired).toBe(before)
})

test('a timer that is cancelled does not fire, and one that has fired can be cancelled', async () => {
  let fired = 0
  const timer = systemClock.after(1, () => fired++)
  timer.cancel()
  expect(timer.unref()).toBe(timer)
  const other = systemClock.after(0, () => (fired += 10))
  await systemClock.sleep(20)
  other.cancel()
  expect(fired).toBe(10)
})

test('what is to come soon comes after what is ready now', async () => {
  const order: string[] = []
  const done = Promise.withResolvers<void>()
  systemClock.soon(() => {
    order.push('soon')
    done.resolve()
  })
  void Promise.resolve().then(() => order.push('microtask'))
  order.push('now')
  await done.promise
  expect(order).toEqual(['now', 'microtask', 'soon'])
})

test.each([
  ['before it', AbortSignal.abort()],
  ['during it', AbortSignal.timeout(10)],
])('a sleep ends when its signal aborts %s', async (_, signal) => {
  const since = systemClock.now()
  await systemClock.sleep(60_000, signal)
  expect(systemClock.now() - since).toBeLessThan(10_000)
})

test('the wall clock tells the date', () => {
  expect(Math.abs(systemClock.wallTime() - Date.now())).toBeLessThan(1_000)
})
