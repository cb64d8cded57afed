import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkAgainstLog } from '../../../../../tools/drill/checker/against-log.ts'
import { checkHistory } from '../../../../../tools/drill/checker/check.ts'
import { checkLinearizable } from '../../../../../tools/drill/checker/linearizable.ts'
import { failed, get, historyOf, logOf, put, unknown } from './histories.ts'
import { mutations } from './mutations.ts'
import { correctHistory } from './simulate.ts'

test('nothing that a correct register does is rejected', () => {
  fc.assert(
    fc.property(correctHistory, (history) => {
      expect(checkHistory(history)).toMatchObject({ lost: 0, torn: 0, violations: [] })
    }),
    { numRuns: 3_000 },
  )
})

test.each(Object.entries(mutations))('always noticed: %s', (_, mutate) => {
  let lies = 0
  fc.assert(
    fc.property(correctHistory, fc.nat(), (history, pick) => {
      const ways = mutate(history)
      const lie = ways[pick % ways.length]
      if (lie === undefined) return
      lies++
      expect(checkAgainstLog(lie).violations).not.toEqual([])
    }),
    { numRuns: 400 },
  )
  expect(lies).toBeGreaterThan(40)
})

// Deletes that overlap have no certain entries, so a lie about these can pass the log unnoticed: hence the seed.
test('what is not linearizable is rejected against the log as well', () => {
  let rejected = 0
  fc.assert(
    fc.property(correctHistory, fc.nat(), fc.nat(), ({ operations, ...rest }, which, what) => {
      const reads = operations.filter(({ kind, outcome }) => kind === 'get' && outcome === 'ok')
      const read = reads[which % reads.length]
      const values = [null, ...operations.flatMap(({ kind, value }) => (kind === 'put' ? (value ?? []) : []))]
      const value = values[what % values.length] ?? null
      const changed = operations.map(({ sequence: _, ...each }, at) =>
        operations[at] === read ? { ...each, value } : each,
      )
      if (checkLinearizable(changed).every(({ verdict }) => verdict === 'ok')) return
      rejected++
      expect(checkAgainstLog({ ...rest, operations: changed }).violations).not.toEqual([])
    }),
    { numRuns: 2_000, seed: 3 },
  )
  expect(rejected).toBeGreaterThan(200)
})

test('a violation is found without the help of the log, too', () => {
  const operations = [put(1, 'a', 0, 1), put(2, 'b', 2, 3), get(3, 'a', 4, 5)]
  expect(checkHistory(historyOf(operations, logOf('a', 'b'))).violations).toEqual([
    expect.stringContaining('is stale'),
    expect.stringContaining('is not linearizable'),
  ])
})

test('the same sentence is said once, and giving up is a violation', () => {
  expect(checkHistory(historyOf([get(3, 'x', 4, 5)], [])).violations).toHaveLength(1)
  const gaveUp = checkHistory(historyOf([put(1, 'a', 0, 1), get(1, 'a', 2, 3)], logOf('a')), { maxTries: 0 })
  expect(gaveUp.violations).toEqual([expect.stringContaining('gave up')])
})

test('seconds without writes: the longest wait for the next acknowledged one', () => {
  const seconds = (...operations: Parameters<typeof historyOf>[0]) =>
    checkHistory(historyOf(operations, [])).secondsWithoutWrites
  expect(seconds()).toBe(0)
  expect(seconds(get(1, null, 0, 9_000))).toBe(0)
  expect(seconds(put(1, 'a', 1_000, 1_100), put(1, 'b', 3_500, 3_600), put(1, 'c', 3_700, 3_800))).toBe(2.5)
  expect(seconds(put(1, 'a', 0, 100), put(1, 'b', 200, 2_000, failed), put(1, 'c', 2_000, 4_100, unknown))).toBe(4)
})
