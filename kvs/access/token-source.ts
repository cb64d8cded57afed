import { isUtf8 } from 'node:buffer'
import { readBounded } from '../lib/files.ts'
import { parseTokens, type Token, type TokenText } from './tokens.ts'

/** What was read from a setting or a file. The tokens may be used only if there are no problems. */
export interface TokenSource {
  readonly tokens: readonly Token[]
  /** Sentences. They contain no token. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

const maxFileBytes = 1_048_576
const maxProblems = 10

/** Parses tokens from the text of a setting, separated by white space. */
export function parseTokenSetting(setting: string, text: string): TokenSource {
  const texts = text.split(/\s+/).filter((text) => text !== '')
  const entries = texts.map((text, index) => ({ location: `${setting}: token ${index + 1}`, text }))
  return makeSource(setting, entries)
}

/** Reads tokens from the file that a setting names, one in each line. */
export function readTokenFile(setting: string, path: string): TokenSource {
  const failed = (problem: string) => ({ tokens: [], problems: [`${setting} ${problem}`], warnings: [] })
  try {
    const file = readBounded(path, maxFileBytes)
    if (typeof file === 'string') return failed(`names ${file}`)
    const { content, mode } = file
    if (!isUtf8(content)) return failed('names a file that is not UTF-8')
    const source = makeSource(setting, tokenLines(setting, content.toString()), checkLastLine(setting, content))
    return { ...source, warnings: permissionWarnings(setting, mode, source.tokens) }
  } catch (error) {
    // The message leaves out the path: it may be a token that was put where the file's name belongs.
    return failed(`names a file that can’t be read (${errorCode(error)})`)
  }
}

function permissionWarnings(setting: string, mode: number, tokens: readonly Token[]): string[] {
  const canRead = (mode & 0o004) !== 0 && tokens.some(({ isHashed }) => !isHashed)
  const canWrite = (mode & 0o022) !== 0
  return [
    ...(canRead
      ? [`${setting}: every user of this machine can read the tokens: chmod o-r, or keep them as sha256=…`]
      : []),
    ...(canWrite ? [`${setting}: others than its owner can write tokens of their own into it: chmod go-w`] : []),
  ]
}

function tokenLines(setting: string, content: string): TokenText[] {
  return content
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line, index) => ({ location: `${setting}: line ${index + 1}`, text: line.trim() }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'))
}

/** A line that is still being written may lack its prefixes: its token would reach keys that it must not reach. */
function checkLastLine(setting: string, content: Buffer): string[] {
  const isWhole = content.length === 0 || content.at(-1) === 0x0a
  return isWhole ? [] : [`${setting}: its last line is cut short: end it with a line feed`]
}

/** No token at all is a problem too: a file that was emptied by mistake must not allow anonymous access. */
function makeSource(
  setting: string,
  entries: readonly TokenText[],
  firstProblems: readonly string[] = [],
): TokenSource {
  const problems = [...firstProblems, ...(entries.length === 0 ? [`${setting} has no token in it`] : [])]
  const tokens = parseTokens(entries, problems)
  const more = problems.length - maxProblems
  const shown = more > 0 ? [...problems.slice(0, maxProblems), `${setting}: and ${more} more`] : problems
  return { tokens, problems: shown, warnings: [] }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
