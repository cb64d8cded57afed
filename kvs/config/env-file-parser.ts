import { interpolate } from './interpolation.ts'
import type { Environment } from './settings-table.ts'

export interface EnvFile {
  /** Values by name. Of a name that occurs twice the last value counts. */
  readonly values: Environment
  /** Sentences that begin with the line's number. They contain no values, because any value may be a secret. */
  readonly problems: readonly string[]
}

const maxProblems = 10

/** A name with its equals sign and the blanks around it. Compose accepts a colon in place of the equals sign. */
const nameShape = /(?:export[\t ]+)?(?<name>[A-Za-z_][\w.-]*)[\t ]*[=:][\t\v\f\r \u0085\u00a0]*/y
const blanksAndComments = /(?:\s|#[^\n]*)*/y
const restOfLine = /[^\n]*/y
const behindQuote = /[\t\v\f\r ]*(?:#[^\n]*)?(?=\n|$)/y
const quotedShapes = { '"': /"(?<inside>(?:[^"\\]|\\[\s\S])*)"/y, "'": /'(?<inside>(?:[^'\\]|\\[\s\S])*)'/y }

/**
 * Parses an `.env` file as Docker Compose does, so that both read the same values: a comment begins with " #" or behind
 * a closing quote, `$NAME` is replaced except in single quotes, and escapes count in double quotes only.
 * test/container/env-file.test.ts compares it with Compose. What Compose ignores in silence, or reads as less than it
 * looks like, is a problem here.
 * @param env looked up before the file's own values when a `$NAME` is replaced
 * @param concerns returns whether a name belongs to this service: only in its value is an unset `$NAME` a problem
 */
export function parseEnvFile(text: string, env: Environment, concerns: (name: string) => boolean): EnvFile {
  const values: Record<string, string> = {}
  const problems: string[] = []
  let at = text.startsWith('\uFEFF') ? 1 : 0
  const lineAt = makeLineCounter(text)

  for (take(blanksAndComments); at < text.length; take(blanksAndComments)) {
    const location = `line ${lineAt(at)}`
    const name = take(nameShape)?.name
    if (name === undefined) {
      problems.push(`${location} is not of the form NAME=value`)
      take(restOfLine)
      continue
    }
    const value = takeValue(name)
    values[name] = value.text
    if (value.problem !== undefined) problems.push(`${location}: the value of ${name} ${value.problem}`)
  }
  const more = problems.length - maxProblems
  return { values, problems: more > 0 ? [...problems.slice(0, maxProblems), `and ${more} more lines`] : problems }

  /** Matches at the current position and moves behind the match. Returns its groups; undefined without a match. */
  function take(shape: RegExp): Record<string, string> | undefined {
    shape.lastIndex = at
    const match = shape.exec(text)
    if (match) at = shape.lastIndex
    return match ? { ...match.groups, all: match[0] } : undefined
  }

  function takeValue(name: string): { text: string; problem?: string } {
    const quote = text[at]
    const value = quote === '"' || quote === "'" ? takeQuoted(name, quote) : takePlain(name)
    return value.text.includes('\0') ? { text: '', problem: 'has a NUL byte in it' } : value
  }

  function takePlain(name: string): { text: string; problem?: string } {
    const [plain = ''] = (take(restOfLine)?.all ?? '').split(' #')
    return interpolated(name, trimTrailingBlanks(plain), false)
  }

  function takeQuoted(name: string, quote: '"' | "'"): { text: string; problem?: string } {
    const inside = take(quotedShapes[quote])?.inside
    const isWhole = inside !== undefined && take(behindQuote) !== undefined
    if (!isWhole) take(restOfLine)
    if (inside === undefined) return { text: '', problem: `begins with a ${quote} that nothing closes` }
    if (!isWhole)
      return { text: '', problem: `goes on behind the ${quote} that closes it, where only a comment may be` }
    return quote === "'" ? { text: inside.replaceAll("\\'", "'") } : interpolated(name, inside, true)
  }

  function interpolated(name: string, given: string, isQuoted: boolean): { text: string; problem?: string } {
    const { text, problem, isUnset } = interpolate(given, isQuoted, (name) => env[name] ?? values[name])
    const unset =
      isUnset && concerns(name) ? 'has a $ before a name that is not set, which Compose takes for nothing' : undefined
    const found = problem ?? unset
    return found === undefined ? { text } : { text, problem: `${found}: in single quotes all stands for itself` }
  }
}

/** Returns a function that gives the line number of an offset. The offsets of its calls must not decrease. */
function makeLineCounter(text: string): (offset: number) => number {
  let line = 1
  let counted = 0
  return (offset) => {
    for (; counted < offset; counted++) if (text[counted] === '\n') line++
    return line
  }
}

/** A loop: a regular expression would take quadratic time for a long row of blanks. */
function trimTrailingBlanks(text: string): string {
  let end = text.length
  while (end > 0 && /[\s\u0085]/.test(text.charAt(end - 1))) end--
  return text.slice(0, end)
}
