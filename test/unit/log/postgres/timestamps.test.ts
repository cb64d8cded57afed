import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxDeadline } from '../../../../kvs/core/limits.ts'
import { deadlineOf, readTimestamp, toTimestamp } from '../../../../kvs/log/postgres/timestamps.ts'

const deadline = fc.oneof(
  fc.constantFrom(0, 1, 946_684_799_999, 946_684_800_000, maxDeadline),
  fc.integer({ min: 0, max: maxDeadline }),
)

/** @param microseconds beyond the whole millisecond */
function written(milliseconds: number, microseconds = 0n): Buffer {
  const data = Buffer.alloc(8)
  data.writeBigInt64BE(toTimestamp(milliseconds) + microseconds)
  return data
}

test('a deadline is read as it was written, up to the year 9999', () => {
  fc.assert(
    fc.property(deadline, (deadline) => {
      expect(readTimestamp(written(deadline), 0)).toBe(deadline)
      expect(deadlineOf(deadline / 1_000)).toBe(deadline)
    }),
    { numRuns: 2_000 },
  )
  expect(deadlineOf(null)).toBeUndefined()
})

test('a time is cut off to its millisecond, up to the year 2285', () => {
  const time = fc.integer({ min: 0, max: Date.UTC(2285, 0, 1) })
  fc.assert(
    fc.property(time, fc.bigInt({ min: 0n, max: 999n }), (time, microseconds) => {
      expect(readTimestamp(written(time, microseconds), 0)).toBe(time)
    }),
  )
})

test('timestamps are those of Postgres', () => {
  expect(toTimestamp(Date.UTC(2000, 0, 1))).toBe(0n)
  expect(toTimestamp(Date.UTC(1999, 11, 31, 23, 59, 59, 999))).toBe(-1_000n)
})
