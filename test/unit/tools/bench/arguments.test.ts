import { expect, test } from 'vitest'
import { parseArguments, parts, WrongUse } from '../../../../tools/bench/arguments.ts'
import { chooseCases } from '../../../../tools/bench/parts/cases.ts'

test('without arguments, all that takes no special patience is measured', () => {
  const { parts: chosen, seconds, runs, writesDocs } = parseArguments([])
  expect(chosen).toEqual(['throughput', 'latency', 'logging', 'start', 'memory'])
  expect({ seconds, runs, writesDocs }).toEqual({ seconds: 3, runs: 5, writesDocs: false })
})

test('parts run in their own order, and words without a part mean throughput', () => {
  expect(parseArguments(['memory', 'latency']).parts).toEqual(['latency', 'memory'])
  expect(parseArguments(['get', '32'])).toMatchObject({ parts: ['throughput'], words: ['get', '32'] })
  expect(parseArguments(['memory', '--large']).parts).toEqual(['memory', 'large'])
  expect(parseArguments(['report']).parts).toEqual([])
  expect(parseArguments(['--profile']).parts).toEqual(['throughput'])
})

test.each([
  [['throughputs'], 'there is no part or workload "throughputs": did you mean throughput?'],
  [['--second', '3'], "Unknown option '--second'"],
  [['--runs', '0'], '--runs takes a whole number from 1, not "0"'],
  [['--seconds', '1.5'], '--seconds takes a whole number from 1, not "1.5"'],
  [['report', 'soak'], 'report runs nothing: it stands alone'],
  [['--quick', '--write-docs'], '--quick is for a look: its numbers are not for the docs'],
])('%j is refused: %s', (args, message) => {
  expect(() => parseArguments(args)).toThrow(WrongUse)
  expect(() => parseArguments(args)).toThrow(message)
})

test('words of one kind are alternatives, those of several kinds go together', () => {
  const names = (...words: string[]) => chooseCases(words).map(({ name }) => name)
  expect(names('get', '256')).toEqual(['get 256'])
  expect(names('put', 'get', '1')).toEqual(['put 1', 'get 1'])
  expect(names('64KiB')).toEqual(['put 32 64KiB', 'get 32 64KiB'])
  expect(new Set(names()).size).toBe(names().length)
  expect(Object.keys(parts)).not.toEqual(expect.arrayContaining(names()))
})
