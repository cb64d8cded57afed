import { DatabaseError } from 'pg'
import { expect, test } from 'vitest'
import { isAnswer, takesNoWrites } from '../../kvs/log/failures.ts'

function answered(code: string, severity = 'ERROR', message = 'as Postgres says'): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code, severity })
}
test.each([
  ['23505', 'ERROR', true, false],
  ['42501', 'ERROR', true, false],
  ['53100', 'ERROR', true, true],
  ['25006', 'ERROR', true, true],
  ['57014', 'ERROR', true, true],
  ['57P01', 'FATAL', false, true],
  ['53300', 'FATAL', false, true],
  ['08006', 'ERROR', false, false],
  ['40003', 'ERROR', false, true],
  ['40001', 'ERROR', true, true],
])('%s as %s: changed nothing for certain: %s; takes no writes now: %s', (code, severity, certain, noWrites) => {
  expect(isAnswer(answered(code, severity))).toBe(certain)
  expect(takesNoWrites(answered(code, severity))).toBe(noWrites)
})

test('a lost connection is no answer', () => {
  expect(isAnswer(new Error('Connection terminated unexpectedly'))).toBe(false)
})
