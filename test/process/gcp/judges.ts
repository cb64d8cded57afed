import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is wrong with each of some commands, each as the words behind "gcloud"; '' where nothing is. */
export type Judge = (commands: readonly string[][]) => string[]

interface Grammar {
  /** The version of gcloud that it was recorded from */
  readonly version: string
  /** Of each command how many words it takes, as argparse counts, and its flags: --flag, --flag= or --flag=this|that */
  readonly commands: Record<string, { positionals: string; flags: string }>
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))
export const grammarFile = file('grammar.json')

export interface Gcloud {
  readonly version: string
  readonly judge: Judge
  record(commands: readonly string[][]): Grammar['commands']
}

/** gcloud's own parser, which runs nothing; undefined where gcloud is not installed. */
export function installedGcloud(): Gcloud | undefined {
  const run = (command: string, args: string[], input = '', more = {}) => {
    // A configuration of its own: whoever runs the tests may be logged in.
    const configuration = mkdtempSync(join(tmpdir(), 'kvs-gcloud-'))
    const env = { ...process.env, CLOUDSDK_CONFIG: configuration, ...more }
    try {
      return execFileSync(command, args, { input, encoding: 'utf8', env, stdio: ['pipe', 'pipe', 'pipe'] })
    } finally {
      rmSync(configuration, { recursive: true, force: true })
    }
  }
  let root: string, python: string, version: string
  try {
    const format = 'value(installation.sdk_root,basic.python_location,basic.version)'
    ;[root = '', python = '', version = ''] = run('gcloud', ['info', `--format=${format}`])
      .trim()
      .split('\t')
  } catch {
    return undefined
  }
  const parse = (commands: readonly string[][], ...options: string[]) => {
    const input = commands.map((words) => `${JSON.stringify(words)}\n`).join('')
    return run(python, [file('parse-with-gcloud.py'), ...options], input, { GCLOUD_ROOT: root })
  }
  return {
    version,
    judge: (commands) => parse(commands).split('\n').slice(0, -1),
    record: (commands) => JSON.parse(parse(commands, '--record')),
  }
}

/** The grammar that was recorded from gcloud's parser: flags and how many words, but not all that a value may be. */
export function recordedGrammar(): Grammar & { readonly judge: Judge } {
  const grammar: Grammar = JSON.parse(readFileSync(grammarFile, 'utf8'))
  return { ...grammar, judge: (commands) => commands.map((words) => judgeOne(grammar, words)) }
}

function judgeOne({ commands }: Grammar, words: readonly string[]): string {
  const length = words.findIndex((_, index) => commands[words.slice(0, index + 1).join(' ')] !== undefined) + 1
  const command = commands[words.slice(0, length).join(' ')]
  if (command === undefined) return `unknown command: ${words.slice(0, 3).join(' ')}`
  const rest = words.slice(length)
  const positionals = rest.filter((word) => !word.startsWith('--'))
  const [least, most] = { '': [0, 0], '?': [0, 1], '+': [1, 99], '*': [0, 99] }[command.positionals] ?? [1, 1]
  if (positionals.length < Number(least) || positionals.length > Number(most)) return `words: ${positionals.join(' ')}`
  const known = new Map(command.flags.split(' ').map((flag) => [flag.split('=', 1)[0] ?? '', flag]))
  const wrong = rest.filter((word) => word.startsWith('--')).find((word) => !fits(known, word))
  return wrong ? `unrecognized arguments: ${wrong}` : ''
}

function fits(known: ReadonlyMap<string, string>, word: string): boolean {
  const [name = '', ...value] = word.split('=')
  const flag = known.get(name)
  if (flag === undefined) return false
  if (!flag.includes('=')) return value.length === 0
  const choices = flag.slice(flag.indexOf('=') + 1)
  return value.length > 0 && (choices === '' || choices.split('|').includes(value.join('=')))
}
