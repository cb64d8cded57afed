import { expect, test } from 'vitest'
import { parseEnvFile } from '../../../kvs/config/env-file-parser.ts'
import { meanings, refusals, traps } from './env-texts.ts'

const everything = () => true
const read = (text: string, env = {}) => parseEnvFile(text, env, everything)

test.each(meanings)('%j means %j', (line, value) => {
  expect(read(`B=1\nC=\n${line}`)).toEqual({ values: { A: value, B: '1', C: '' }, problems: [] })
})

const strays = [['A=1\n\nS3CRET\n', 'line 3 is not of the form NAME=value']] as const

test.each([...refusals, ...traps, ...strays])(
  '%j is a problem, told by its line and without what it says',
  (text, problem) => {
    const { problems } = read(text)
    expect(problems).toEqual([expect.stringContaining(problem)])
    expect(problems.join()).not.toContain('S3CRET')
  },
)

test('blank lines, comments, a byte order mark and Windows’s line ends are nothing', () => {
  const text = '\uFEFF# first\r\n\r\n  # second\r\nA=1\r\nB="2"\r\n\t\r\nC=\'3\' # third'
  expect(read(text)).toEqual({ values: { A: '1', B: '2', C: '3' }, problems: [] })
  expect(read('')).toEqual({ values: {}, problems: [] })
})

test('a name is looked up in the environment, then in the lines before', () => {
  expect(read('B=file\nA=$B\nC=$HOME$A', { HOME: 'home', A: 'env' }).values).toEqual({
    ...{ B: 'file', A: 'file', C: 'homeenv' },
  })
})

test('that a name in another program’s value is not set is no matter', () => {
  const text = 'POSTGRES_PASSWORD=a$b\nCOMPOSE_FILE=a$b\n'
  const { values, problems } = parseEnvFile(text, {}, (name) => name.startsWith('POSTGRES_'))
  expect(values).toMatchObject({ COMPOSE_FILE: 'a' })
  expect(problems).toEqual([
    'line 1: the value of POSTGRES_PASSWORD has a $ before a name that is not set, which Compose takes for nothing: ' +
      'in single quotes all stands for itself',
  ])
})

test('every line is looked at, and not all of a file that is something else is told', () => {
  expect(read('a\nb\nA=1\nc').problems).toHaveLength(3)
  const { problems } = read('nothing like it\n'.repeat(1_000))
  expect(problems).toHaveLength(11)
  expect(problems.at(-1)).toBe('and 990 more lines')
})

test('a file is read in a time that grows no faster than it', () => {
  const timeOf = (text: string) => {
    const begun = performance.now()
    read(text)
    return performance.now() - begun
  }
  // Some milliseconds each; ten seconds and more where it grows with the square.
  expect(timeOf(`A=1${' '.repeat(100_000)}2`)).toBeLessThan(2_000)
  expect(timeOf('A=1\n'.repeat(100_000))).toBeLessThan(2_000)
})
