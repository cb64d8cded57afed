import { beforeAll, describe, expect, test, vi } from 'vitest'
import { allCommands } from './all-commands.ts'
import { installedGcloud, recordedGrammar } from './judges.ts'

vi.setConfig({ testTimeout: 300_000 })

const commands = allCommands()
const gcloud = installedGcloud()
const recorded = recordedGrammar()

const judges = [
  { name: 'the recorded grammar', judge: recorded.judge },
  // Where gcloud is installed
  ...(gcloud ? [{ name: 'gcloud’s own parser', judge: gcloud.judge }] : []),
]

/** Each command with one of its flags misspelt, another one each time it occurs. */
const misspelt = commands.map((words, count) => {
  const flags = words.filter((word) => word.startsWith('--') && word !== '--flags-file=-')
  const flag = flags[count % flags.length] ?? ''
  return words.with(words.indexOf(flag), flag.replace(/^--(.)/, '--$1$1x'))
})

const wrong: Record<string, string[]> = {
  'a command that is not there': ['compute', 'instances', 'make', 'kvs'],
  'a name that is missing': ['compute', 'firewall-rules', 'create', '--allow=tcp:80'],
  'a name too many': ['secrets', 'create', 'one', 'two'],
  'a value that is none of the choices': ['compute', 'firewall-rules', 'create', 'kvs', '--direction=SIDEWAYS'],
  'a value that is missing': ['compute', 'firewall-rules', 'create', 'kvs', '--allow'],
  'a value for a switch': ['secrets', 'describe', 'kvs', '--quiet=indeed'],
}

describe.each(judges)('$name', ({ judge }) => {
  const asked = [...commands, ...misspelt, ...Object.values(wrong)]
  const problems = new Map<string[], string>()

  // All at once: it takes gcloud longer to start than to judge.
  beforeAll(() => {
    const answers = judge(asked)
    for (const [index, words] of asked.entries()) problems.set(words, answers[index] ?? 'no answer')
  })

  test('takes every command of deploy.sh and destroy.sh', () => {
    expect(commands.length).toBeGreaterThan(50)
    expect(commands.flatMap((words) => (problems.get(words) ? [[words, problems.get(words)]] : []))).toEqual([])
  })

  test('refuses each of them with a flag misspelt', () => {
    for (const words of misspelt)
      expect(problems.get(words), words.join(' ')).toMatch(/unrecognized arguments|must be specified/i)
  })

  test.each(Object.entries(wrong))('refuses %s', (_what, words) => {
    expect(problems.get(words)).toMatch(/./)
    expect(problems.get(words)).not.toBe('no answer')
  })
})

test('the recorded grammar is that of gcloud, where that is installed in the version it was recorded from', () => {
  if (gcloud?.version === recorded.version) expect(gcloud.record(commands)).toEqual(recorded.commands)
})
