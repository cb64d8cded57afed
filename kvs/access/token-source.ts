import { isUtf8 } from 'node:buffer'
import { readBounded } from '../lib/files.ts'
import { type Entry, parseTokens, type Token } from './tokens.ts'

/** What a place to keep tokens in has. The tokens are of use only if there are no problems. */
export interface Source {
  readonly tokens: readonly Token[]
  /** Sentences, without a token. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

const maxFileBytes = 1_048_576
const maxProblems = 10

/** The tokens in a setting's own text, between white space. */
export function tokensIn(setting: string, text: string): Source {
  const texts = text.split(/\s+/).filter((text) => text !== '')
  const entries = texts.map((text, index) => ({ place: `${setting}: token ${index + 1}`, text }))
  return sourceOf(setting, entries)
}

/** The tokens in the file that a setting names, one a line. */
export function tokensInFile(setting: string, path: string): Source {
  const failed = (problem: string) => ({ tokens: [], problems: [`${setting} ${problem}`], warnings: [] })
  try {
    const file = readBounded(path, maxFileBytes)
    if (typeof file === 'string') return failed(`names ${file}`)
    const { content, mode } = file
    if (!isUtf8(content)) return failed('names a file that is not UTF-8')
    const source = sourceOf(setting, entriesOf(setting, content.toString()), cutShort(setting, content))
    return { ...source, warnings: warningsOf(setting, mode, source.tokens) }
  } catch (error) {
    // The path is not told: it may be a token put where its file's name belongs.
    return failed(`names a file that can’t be read (${codeOf(error)})`)
  }
}

function warningsOf(setting: string, mode: number, tokens: readonly Token[]): string[] {
  const canRead = (mode & 0o004) !== 0 && tokens.some(({ isHashed }) => !isHashed)
  const canWrite = (mode & 0o022) !== 0
  return [
    ...(canRead
      ? [`${setting}: every user of this machine can read the tokens: chmod o-r, or keep them as sha256=…`]
      : []),
    ...(canWrite ? [`${setting}: others than its owner can write tokens of their own into it: chmod go-w`] : []),
  ]
}

function entriesOf(setting: string, content: string): Entry[] {
  return content
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line, index) => ({ place: `${setting}: line ${index + 1}`, text: line.trim() }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'))
}

/** A line that is still being written may lack its prefixes, and so reach more than it is to. */
function cutShort(setting: string, content: Buffer): string[] {
  const isWhole = content.length === 0 || content.at(-1) === 0x0a
  return isWhole ? [] : [`${setting}: its last line is cut short: end it with a line feed`]
}

/** None at all is a problem too: a file that was emptied by mistake must not open every door. */
function sourceOf(setting: string, entries: readonly Entry[], found: readonly string[] = []): Source {
  const problems = [...found, ...(entries.length === 0 ? [`${setting} has no token in it`] : [])]
  const tokens = parseTokens(entries, problems)
  const more = problems.length - maxProblems
  const told = more > 0 ? [...problems.slice(0, maxProblems), `${setting}: and ${more} more`] : problems
  return { tokens, problems: told, warnings: [] }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
