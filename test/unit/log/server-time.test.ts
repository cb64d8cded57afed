import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Clock } from '../../../kvs/lib/clock.ts'
import { makeServerTime, wholeMilliseconds } from '../../../kvs/log/server-time.ts'

/** A server's time and a process's clock, both of which go on when a test says so. */
function make() {
  const at = { clock: 12_345.678, server: 1_700_000_000.123456 }
  const time = makeServerTime({ now: () => at.clock } as Clock)
  return { at, time }
}

test('is not known before the first answer, and is that of the answer right after it', () => {
  const { at, time } = make()
  expect(time.now()).toBeUndefined()
  time.note(at.server)
  expect(time.now()).toBe(1_700_000_000_123)
})

test('goes on with this process’s clock, and never says more than has passed', () => {
  const { at, time } = make()
  time.note(at.server)
  at.clock += 1_000.5
  expect(time.now()).toBe(1_700_000_001_123)
  at.clock += 0.1
  expect(time.now()).toBe(1_700_000_001_124)
})

test('stands still after an answer that took long, or a server’s clock that was set back', () => {
  const { at, time } = make()
  time.note(at.server)
  at.clock += 5_000
  expect(time.now()).toBe(1_700_000_005_123)
  time.note(at.server + 3)
  expect(time.now()).toBe(1_700_000_005_123)
  at.clock += 2_001
  expect(time.now()).toBe(1_700_000_005_124)
  time.note(at.server - 3_600)
  at.clock += 1_000
  expect(time.now()).toBe(1_700_000_005_124)
  time.note(at.server + 3_600)
  expect(time.now()).toBe(1_700_003_600_123)
})

test('is never behind an answer, nor behind itself, whatever the answers and the clock', () => {
  const step = fc.record({
    passed: fc.double({ min: 0, max: 1e6, noNaN: true }),
    answer: fc.option(fc.integer({ min: 0, max: 4e15 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const { at, time } = make()
      let least = 0
      for (const { passed, answer } of steps) {
        at.clock += passed
        if (answer !== undefined) {
          time.note(answer / 1e6)
          least = Math.max(least, Math.floor(answer / 1e3))
        }
        const now = time.now()
        if (now === undefined) continue
        expect(now).toBeGreaterThanOrEqual(least)
        expect(Number.isInteger(now)).toBe(true)
        least = now
      }
    }),
  )
})

test('a time to the microsecond is cut off to its millisecond', () => {
  expect(wholeMilliseconds(1.001)).toBe(1_001) // 1.001 * 1_000 is less
  const milliseconds = fc.integer({ min: 0, max: 4_102_444_800_000 })
  fc.assert(
    fc.property(milliseconds, fc.constantFrom(0, 1, 500, 999), (milliseconds, more) => {
      expect(wholeMilliseconds((1_000 * milliseconds + more) / 1e6)).toBe(milliseconds)
    }),
  )
})
