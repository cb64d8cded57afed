import { expect, test } from 'vitest'
import { KvsError, serviceCodes } from '../../../clients/typescript/src/errors.ts'
import { catalogue } from '../../../kvs/core/errors.ts'

test('the client knows every code of the service, and no other', () => {
  expect([...serviceCodes].toSorted()).toEqual(Object.keys(catalogue).toSorted())
})

test('a write is undecided where the service does not know what became of it, and nowhere else', () => {
  const undecided = Object.entries(catalogue)
    .filter(([code, { status }]) => new KvsError(code, '', { status }).isUndecided)
    .map(([code]) => code)
  expect(undecided.toSorted()).toEqual(['cannot_forward', 'internal', 'undecided'])
})

test.each([
  ['timeout', undefined, true],
  ['unreachable', undefined, true],
  ['bad_key', undefined, false],
  ['unexplained', 502, true],
  ['unexplained', 302, false],
  ['unexplained', 400, false],
  ['bad_answer', 200, true],
  ['a_newer_one', 503, true],
])('a write that ends in %s with status %s is undecided: %s', (code, status, isUndecided) => {
  expect(new KvsError(code, '', { status }).isUndecided).toBe(isUndecided)
})
