import type { Environment } from './settings-table.ts'

export interface Interpolation {
  readonly text: string
  /**
   * Why Compose refuses the text, or reads it as something else; undefined when it does neither. Contains none of the
   * text.
   */
  readonly problem?: string
  /** Whether the text has a $NAME that is not set. Compose warns of it and replaces it by nothing. */
  readonly isUnset: boolean
}

/** Matches a reference. The group `brace` matches the beginning of a form in braces that is not supported. */
const reference =
  String.raw`\$(?:(?<dollar>\$)|(?<bare>[A-Za-z_]\w*)` +
  String.raw`|\{(?<braced>[A-Za-z_]\w*)(?:(?<operator>:?[-+])(?<word>[^$\{\}]*))?\}|(?<brace>\{))`
const references = new RegExp(reference, 'g')
const escapesAndReferences = new RegExp(String.raw`\\(?<escaped>[abfnrtv"\\$0])|${reference}`, 'g')

const characters: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '"': '"', '\\': '\\', $: '$' },
}

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-text}` and `${NAME:+text}` by their values as Compose does
 * (https://docs.docker.com/reference/compose-file/interpolation/). `$$` becomes one dollar.
 * @param isQuoted whether the text was in double quotes, in which a backslash begins an escape
 * @param lookUp returns the value of a name; undefined when it is not set
 */
export function interpolate(
  text: string,
  isQuoted: boolean,
  lookUp: (name: string) => string | undefined,
): Interpolation {
  let problem: string | undefined
  let isUnset = false

  const interpolated = text.replace(isQuoted ? escapesAndReferences : references, (found, ...rest) => {
    const { escaped, dollar, bare, braced, operator, word = '', brace } = rest.at(-1) as Environment
    if (escaped !== undefined) {
      if (escaped === '0') problem = 'has a \\0 in it, which Compose reads as no other program does'
      return characters[escaped] ?? found
    }
    if (dollar !== undefined) return dollar
    if (brace !== undefined) {
      problem = `has a $\{ in it that begins none of $\{NAME}, $\{NAME:-text} and $\{NAME:+text}`
      return found
    }
    const value = lookUp(bare ?? braced ?? '')
    if (operator === undefined && value === undefined) isUnset = true
    const isThere = operator?.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
    if (operator?.endsWith('+')) return isThere ? word : ''
    return isThere ? (value ?? '') : word
  })
  return { text: interpolated, isUnset, ...(problem !== undefined && { problem }) }
}
