import { expect, test } from 'vitest'
import { type Count, countedFrom, parseInteger } from '../../../kvs/core/counter.ts'

const largest = 2n ** 63n - 1n
const smallest = -(2n ** 63n)

test.each([
  ['0', 0n],
  ['7', 7n],
  ['-7', -7n],
  ['9223372036854775807', largest],
  ['-9223372036854775808', smallest],
])('%s is an integer', (text, number) => {
  expect(parseInteger(text)).toBe(number)
})

test.each([
  ...['', '-', '-0', '00', '07', '+7', ' 7', '7 ', '7\n', '7.0', '1e3', '0x10', '1_000', '٧', 'NaN'],
  ...['9223372036854775808', '-9223372036854775809', '1'.repeat(1_000_000)],
])('%j is none', (text) => {
  expect(parseInteger(text)).toBeUndefined()
})

const count = (kind: Count['kind'], by: bigint): Count => ({ kind, key: 'n', by })

test.each([
  ['add', 5n, undefined, 5n],
  ['add', 5n, '37', 42n],
  ['add', -5n, '3', -2n],
  ['add', 0n, '-7', -7n],
  ['min', 5n, undefined, 5n],
  ['min', 5n, '7', 5n],
  ['min', 5n, '3', 3n],
  ['max', 5n, undefined, 5n],
  ['max', -5n, '-7', -5n],
  ['max', 5n, '7', 7n],
  ['add', 1n, String(largest - 1n), largest],
  ['add', -1n, String(smallest + 1n), smallest],
] as const)('%s %s of %s is %s', (kind, by, value, result) => {
  expect(countedFrom(value === undefined ? undefined : Buffer.from(value), count(kind, by))).toBe(result)
})

test.each([
  ['add', 1n, largest],
  ['add', -1n, smallest],
] as const)('%s %s of %s is out of range', (kind, by, value) => {
  expect(() => countedFrom(Buffer.from(String(value)), count(kind, by))).toThrow(
    expect.objectContaining({ code: 'out_of_range', status: 409 }),
  )
})

test.each(['', 'seven', '7 ', '\xb7', '1'.repeat(21)])('nothing is counted from %j', (value) => {
  for (const kind of ['add', 'min', 'max'] as const) {
    expect(() => countedFrom(Buffer.from(value, 'latin1'), count(kind, 1n))).toThrow(
      expect.objectContaining({ code: 'not_a_number', status: 409 }),
    )
  }
})
