import { isUtf8 } from 'node:buffer'
import { KvsError } from '../../../core/errors.ts'

/** An object of a request that was parsed. */
export type Members = Readonly<Record<string, unknown>>

/** Deeper than any request is nested. */
const maxLevels = 8

/** What a JSON text may be made of. */
export interface JsonBounds {
  /** What the text is, as an error names it. */
  readonly what: string
  /** Most names of one object. */
  readonly maxNames: number
  /** Most commas and opening brackets. */
  readonly maxParts: number
}

/** More names and more parts than any transaction has. */
const ofTransactions: JsonBounds = { what: 'the body', maxNames: 16, maxParts: 16_384 }

/** A number as it stands in the body: parsing would round it. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * Parses the JSON of a request that is taken at its word: each name of an object once, and no bytes that are not UTF-8.
 * A number becomes a `JsonNumber`. What would hold everything else up for long is refused before.
 * @throws KvsError bad_request, transaction_too_large
 */
export function parseStrictly(body: Buffer, bounds = ofTransactions): unknown {
  const { what } = bounds
  if (!isUtf8(body)) throw new KvsError('bad_request', `${what} is not valid UTF-8; nothing was stored`)
  const text = body.toString()
  const flaw = flawIn(text, bounds)
  try {
    if (flaw === undefined) return JSON.parse(text, withNumbersAsText)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new KvsError('bad_request', `${what} is not JSON: ${onOneLine(error.message)}; nothing was stored`)
  }
  throw new KvsError('bad_request', `${flaw}; nothing was stored`)
}

const withNumbersAsText = (_: string, value: unknown, context?: { readonly source?: string }) =>
  typeof value === 'number' ? new JsonNumber(context?.source ?? String(value)) : value

/** V8 quotes the body as it is. */
function onOneLine(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replace(/[\u007f-\u009f\u2028\u2029]/g, '?')
}

/** A text of the client's, to be shown in an error. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}

/**
 * What `JSON.parse` would pass over, or take long for: a name that an object has twice, or parts without end. It takes
 * any text, and leaves to `JSON.parse` what is no JSON at all.
 * @throws KvsError transaction_too_large
 */
function flawIn(text: string, { what, maxNames, maxParts }: JsonBounds): string | undefined {
  /** Names so far of each object that is open; undefined for an array. */
  const open: (Set<string> | undefined)[] = []
  let isNameNext = false
  let parts = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      const end = endOfString(text, at)
      const names = open.at(-1)
      if (isNameNext && names !== undefined) {
        const name = nameIn(text.slice(at, end))
        if (names.has(name)) return `${what} has the name ${quoted(name)} twice in one object`
        names.add(name)
        if (names.size > maxNames) return `${what} has an object of more than ${maxNames} members`
        isNameNext = false
      }
      at = end - 1
    } else if (character === '{' || character === '[') {
      isNameNext = character === '{'
      open.push(isNameNext ? new Set() : undefined)
      if (open.length > maxLevels) return `${what} is nested deeper than ${maxLevels} levels`
      parts++
    } else if (character === '}' || character === ']') {
      isNameNext = false
      open.pop()
    } else if (character === ',') {
      isNameNext = open.at(-1) !== undefined
      parts++
    }
    if (parts > maxParts)
      throw new KvsError('transaction_too_large', `${what} has more parts than any transaction; nothing was stored`)
  }
  return undefined
}

/** Index behind the string that begins at `start`; the text's end where it has none. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return at + 1
  }
  return text.length
}

function nameIn(text: string): string {
  try {
    return text.includes('\\') ? String(JSON.parse(text)) : text.slice(1, -1)
  } catch {
    return text
  }
}

/** What a value of JSON is, in words. */
export function typeName(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (value instanceof JsonNumber) return 'a number'
  return typeof value === 'object' ? 'an object' : typeof value === 'string' ? 'a text' : `a ${typeof value}`
}

/** @param place where in the body it is, such as `do[3].key` */
export function bad(place: string, what: string): KvsError {
  return new KvsError('bad_request', `${place} ${what}; nothing was stored`)
}
