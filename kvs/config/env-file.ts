import { interpolate } from './interpolate.ts'
import type { Environment } from './settings-table.ts'

export interface EnvFile {
  /** What the file sets; a name that comes twice has its last value. */
  readonly values: Environment
  /** Sentences that begin with the line's number, without a value: any of them may be a secret. */
  readonly problems: readonly string[]
}

const maxProblems = 10

/** A name and the sign behind it, with the blanks around them. Compose takes a colon for an equals sign. */
const nameShape = /(?:export[\t ]+)?(?<name>[A-Za-z_][\w.-]*)[\t ]*[=:][\t\v\f\r \u0085\u00a0]*/y
const blanksAndComments = /(?:\s|#[^\n]*)*/y
const restOfLine = /[^\n]*/y
const behindQuote = /[\t\v\f\r ]*(?:#[^\n]*)?(?=\n|$)/y
const quotedShapes = { '"': /"(?<inside>(?:[^"\\]|\\[\s\S])*)"/y, "'": /'(?<inside>(?:[^'\\]|\\[\s\S])*)'/y }

/**
 * Reads the text of an `.env` as Docker Compose does, so that one file means one thing to both: a comment begins with " #" or
 * behind a closing quote, `$NAME` is replaced except in single quotes, and escapes count in double quotes only. A test holds
 * it to Compose itself. What Compose passes over in silence, or takes for less than it looks like, is a problem here.
 * @param env comes before the file itself where a `$NAME` is looked up
 * @param concerns whether a name is of this service: a `$NAME` that is not set is a problem in the value of such a one alone
 */
export function parseEnvFile(text: string, env: Environment, concerns: (name: string) => boolean): EnvFile {
  const values: Record<string, string> = {}
  const problems: string[] = []
  let at = text.startsWith('\uFEFF') ? 1 : 0
  const lineAt = makeLineCounter(text)

  for (take(blanksAndComments); at < text.length; take(blanksAndComments)) {
    const place = `line ${lineAt(at)}`
    const name = take(nameShape)?.name
    if (name === undefined) {
      problems.push(`${place} is not of the form NAME=value`)
      take(restOfLine)
      continue
    }
    const value = takeValue(name)
    values[name] = value.text
    if (value.problem !== undefined) problems.push(`${place}: the value of ${name} ${value.problem}`)
  }
  const more = problems.length - maxProblems
  return { values, problems: more > 0 ? [...problems.slice(0, maxProblems), `and ${more} more lines`] : problems }

  /** Moves on behind what matches here, and gives its groups. */
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
    return interpolated(name, withoutBlanksBehind(plain), false)
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

/** Gives the number of the line of a place, from one call to the next further behind. */
function makeLineCounter(text: string): (place: number) => number {
  let line = 1
  let counted = 0
  return (place) => {
    for (; counted < place; counted++) if (text[counted] === '\n') line++
    return line
  }
}

/** A regular expression would look from each blank of a long row anew. */
function withoutBlanksBehind(text: string): string {
  let end = text.length
  while (end > 0 && /[\s\u0085]/.test(text.charAt(end - 1))) end--
  return text.slice(0, end)
}
