import { expect, test } from 'vitest'
import { parseDuration } from '../../../kvs/lib/durations.ts'

test.each([
  ['300ms', 300],
  ['0s', 0],
  ['90s', 90_000],
  ['5m', 300_000],
  ['48h', 172_800_000],
])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

test.each(['', '5', 's', '1.5s', '-5s', '5 s', '5d', '5S', '1h30m', ' 5s'])('%j is no duration', (text) =>
  expect(parseDuration(text)).toBeNaN(),
)
