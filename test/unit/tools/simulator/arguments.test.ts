import { expect, test } from 'vitest'
import { parseArguments, WrongUse } from '../../../../tools/simulator/arguments.ts'

const parse = (...args: string[]) => parseArguments(args, () => 4711)

test('without arguments fresh seeds are run for some seconds', () => {
  expect(parse()).toEqual({
    ...{ help: false, seed: undefined, from: 4711, seconds: 10, schedule: undefined },
    ...{ sites: false, ring: false, keep: undefined },
  })
})

test('each option is read', () => {
  expect(parse('--seed', '12').seed).toBe(12)
  expect(parse('--from=0', '--seconds', '60')).toMatchObject({ from: 0, seconds: 60 })
  expect(parse('--schedule', 'a.json', '--keep', 'b.json')).toMatchObject({ schedule: 'a.json', keep: 'b.json' })
  expect(parse('--help').help).toBe(true)
  expect(parse('--sites', '--seed', '12')).toMatchObject({ sites: true, seed: 12 })
  expect(parse('--ring', '--seed', '12')).toMatchObject({ ring: true, seed: 12 })
})

test.each([
  [['--sed', '1'], /--sed/],
  [['1'], /positional/],
  [['--seed', 'x'], '--seed takes a whole number from 0, not "x"'],
  [['--seed', '-1'], /--seed/],
  [['--seconds', '0'], '--seconds takes a whole number from 1, not "0"'],
  [['--seed', '1', '--from', '2'], '--seed and --from exclude each other'],
  [['--seed', '1', '--schedule', 'a.json'], '--seed and --schedule exclude each other'],
  [['--schedule', 'a.json', '--sites'], /--sites is for seeds/],
  [['--schedule', 'a.json', '--ring'], /--ring is for seeds/],
  [['--sites', '--ring'], '--sites and --ring exclude each other'],
  [['--seed', '1', '--seconds', '5'], '--seconds is for seeds that are run one after another'],
])('%j is refused', (args, message) => {
  expect(() => parse(...args)).toThrow(WrongUse)
  expect(() => parse(...args)).toThrow(message)
})
