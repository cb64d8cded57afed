import { expect, test } from 'vitest'
import { countIn } from '../../../../../kvs/http/api/transactions/count-query.ts'

test.each([
  ['add=1', { kind: 'add', by: 1n }],
  ['add=-1', { kind: 'add', by: -1n }],
  ['min=0', { kind: 'min', by: 0n }],
  ['max=9223372036854775807', { kind: 'max', by: 2n ** 63n - 1n }],
])('?%s is a count', (query, count) => {
  expect(countIn(query, 'n')).toEqual({ key: 'n', ...count })
})

test.each([
  ...['', 'add=1&add=1', 'add=1&', '&add=1', 'add=1&min=2', 'ADD=1', 'sub=1', 'add=1&consistent', 'constructor=1'],
])('?%s is refused, and the known ones are named', (query) => {
  expect(() => countIn(query, 'n')).toThrow(/one of \?add=N, \?min=N and \?max=N/)
})

test.each(['add', 'add=', 'add=x', 'add=1.0', 'add=+1', 'add=1=2', 'add=9223372036854775808', 'max=%31'])(
  '?%s has no integer',
  (query) => {
    expect(() => countIn(query, 'n')).toThrow(/takes an integer in decimal digits/)
    expect(() => countIn(query, 'n')).toThrow(expect.objectContaining({ code: 'bad_request' }))
  },
)
