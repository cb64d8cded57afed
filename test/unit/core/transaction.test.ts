import { expect, test } from 'vitest'
import { weightOfCondition } from '../../../kvs/core/transaction.ts'

test('a condition weighs what its key and its tags do', () => {
  const of = (key: string, ...tags: string[]) => weightOfCondition({ key, precondition: { ifMatch: tags } })
  expect(of('k'.repeat(1_024)) - of('')).toBe(2 * 1_024)
  expect(of('', 't'.repeat(10_000), 't') - of('')).toBe(2 * 10_001)
  expect(weightOfCondition({ key: '', precondition: { ifNoneMatch: '*' } })).toBeGreaterThan(0)
})
