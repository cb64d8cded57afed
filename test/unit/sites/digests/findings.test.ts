import { expect, test } from 'vitest'
import { makeFindings } from '../../../../kvs/sites/digests/findings.ts'
import { makeLogger } from '../fixtures.ts'
import { makeManualClock } from '../manual-clock.ts'

const key = (name: string, bucket: number) => ({ key: name, bucket })
const compared = (unequal: number[], whole: number[], ...differing: ReturnType<typeof key>[]) => ({
  ...{ unequal: new Set(unequal), whole: new Set(whole), differing },
  ...{ alike: new Set<string>(), next: { bucket: 0, segment: 0 } },
})

function makeWorld() {
  const { told, logger } = makeLogger()
  const findings = makeFindings(logger, makeManualClock().clock)
  return { told, findings, of: () => findings.of('a') }
}

test('what was found stays until its bucket is looked into, or is equal', () => {
  const { findings, of, told } = makeWorld()
  expect([findings.of(null), of()]).toEqual([null, null])
  findings.note('a', 'x:1', compared([1, 2], [1, 2], key('k1', 1), key('k2', 2), key('k3', 2)))
  expect(of()).toEqual({ age: 0, differing: 3, examples: ['k1', 'k2', 'k3'] })
  findings.note('a', 'x:1', compared([1, 2, 3], [3]))
  expect(of()).toMatchObject({ differing: 3 })
  // Of bucket 2 only some keys were compared.
  findings.note('a', 'x:1', compared([1, 2, 3], [], key('k2', 2)))
  expect(of()).toMatchObject({ differing: 3 })
  findings.note('a', 'x:1', compared([1, 2], [2]))
  expect(of()).toMatchObject({ differing: 1, examples: ['k1'] })
  expect(told).toHaveLength(1)
  findings.note('a', 'x:1', compared([2], []))
  expect(of()).toMatchObject({ differing: 0, examples: [] })
  expect(told).toEqual([
    expect.stringMatching(
      /^this site and x:1 with the log a have different values of 3 keys, such as "k1", "k2", "k3"/,
    ),
    'no key differs any more from x:1 with the log a',
  ])
})

test('a bucket that is too large to be compared as a whole has no finding once its known keys are alike', () => {
  const { findings, of, told } = makeWorld()
  const many = Array.from({ length: 9 }, (_, index) => key(`k${index}`, 1))
  findings.note('a', 'x:1', compared([1], [], ...many))
  expect(findings.known('a')).toEqual(new Map([[1, ['k0', 'k1', 'k2', 'k3', 'k4']]]))
  findings.note('a', 'x:1', { ...compared([1], [], key('k2', 1)), alike: new Set(['k0', 'k1']) })
  expect(of()).toMatchObject({ differing: 7, examples: ['k2', 'k3', 'k4'] })
  findings.note('a', 'x:1', { ...compared([1], []), alike: new Set(['k2', 'k3', 'k4']) })
  expect(of()).toMatchObject({ differing: 0, examples: [] })
  expect(told.at(-1)).toBe('no key differs any more from x:1 with the log a')
  expect(findings.known('a').size).toBe(0)
})

test('few examples are shown of many keys, and only the beginning of a long one in the log', () => {
  const { findings, of, told } = makeWorld()
  const keys = Array.from({ length: 2_000 }, (_, index) => key(`${index}`.padEnd(1_000, '\n'), index % 3))
  findings.note('a', 'x:1', compared([0, 1, 2], [0, 1, 2], ...keys))
  expect(of()?.differing).toBe(2_000)
  expect(of()?.examples).toHaveLength(5)
  expect(told[0]?.length).toBeLessThan(2_000)
  expect(told[0]).not.toContain('\n')
})

test('why a site can’t be compared with is said once until it can, and what was found stays', () => {
  const { findings, of, told } = makeWorld()
  findings.noteFailure('a', 'x:1', new Error('no way'))
  expect(of()).toBeNull()
  findings.note('a', 'x:1', compared([1], [1], key('k', 1)))
  for (let time = 0; time < 3; time++) findings.noteFailure('a', 'x:1', new Error('no way'))
  for (let time = 0; time < 100; time++) findings.noteFailure('a', 'x:1', new Error(`other ${time}`))
  expect(told.filter((line) => line === 'cannot compare values with x:1: no way')).toHaveLength(2)
  expect(told.length).toBeLessThan(30)
  expect(of()).toMatchObject({ differing: 1 })
  findings.keepOnly(new Set(['b']))
  expect(of()).toBeNull()
})
