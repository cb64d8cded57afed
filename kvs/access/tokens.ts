import { hash } from 'node:crypto'
import { maxKeyBytes } from '../core/limits.ts'

/** What a token may do. No right implies another. */
export const rights = ['read', 'write', 'clear', 'replicate', 'admin'] as const

export type Right = (typeof rights)[number]

/** A bearer token, without the token itself. */
export interface Token {
  readonly name: string
  readonly rights: ReadonlySet<Right>
  /** SHA-256 of the token in lower-case hexadecimal. */
  readonly digest: string
  /** Prefixes of the keys that the token reaches; undefined for every key. */
  readonly prefixes: readonly string[] | undefined
  /** Whether the token was configured as its digest, which nobody who reads it can use. */
  readonly isHashed: boolean
}

/** The text of one configured token. */
export interface TokenText {
  /** Setting and line, for messages. */
  readonly location: string
  readonly text: string
}

export const minTokenLength = 16
const namePattern = /^[A-Za-z0-9._-]{1,64}$/
/** What an Authorization header can carry (RFC 6750, 2.1). */
const token68 = /^[A-Za-z0-9\-._~+/]+=*$/
const form = 'write name:rights:token or name:rights:token:prefix,prefix…'

/**
 * Parses texts of the form `name:rights:token:prefix,prefix…`. It adds sentences about mistakes to `problems`. These
 * contain nothing of a text but its name.
 */
export function parseTokens(entries: readonly TokenText[], problems: string[]): Token[] {
  const tokens: Token[] = []
  const takenNames = new Map<string, string>()
  const takenDigests = new Map<string, string>()
  for (const { location, text } of entries) {
    const mistakes: string[] = []
    const token = parseEntry(text, mistakes)
    const [name = '', , secret] = text.split(':', 3)
    const label = secret !== undefined && isSafeToShow(name) ? `${location} (${name})` : location
    const sameName = takenNames.get(name)
    const sameToken = token && takenDigests.get(token.digest)
    if (sameName) mistakes.push(`${sameName} has the same name: each token has one of its own`)
    if (sameToken) mistakes.push(`${sameToken} has the same token: make another one`)
    problems.push(...mistakes.map((sentence) => `${label}: ${sentence}`))
    takenNames.set(name, sameName ?? location)
    if (token === undefined) continue
    takenDigests.set(token.digest, sameToken ?? location)
    tokens.push(token)
  }
  return tokens
}

function parseEntry(text: string, problems: string[]): Token | undefined {
  if (/\s/.test(text)) {
    problems.push('has white space in it: a blank in a prefix is written %20, and a comment has a line of its own')
    return undefined
  }
  const [name = '', rightsText, secret, ...rest] = text.split(':')
  if (rightsText === undefined || secret === undefined) {
    problems.push(`is no token: ${form}`)
    return undefined
  }
  if (!namePattern.test(name)) problems.push('the name has to be 1 to 64 letters, digits, ".", "_" or "-"')
  const granted = parseRights(rightsText, problems)
  const digest = parseDigest(secret, problems)
  const prefixes = rest.length === 0 ? undefined : parsePrefixes(rest.join(':'), problems)
  if (problems.length > 0 || digest === undefined) return undefined
  return { name, rights: granted, digest, prefixes, isHashed: secret.startsWith('sha256=') }
}

function parseRights(text: string, problems: string[]): Set<Right> {
  const words = text.split('+')
  const granted = rights.filter((right) => words.includes(right))
  if (!words.every((word) => granted.some((right) => right === word))) {
    problems.push(
      'what follows the name are no rights: write read, write, clear, replicate, admin, or several joined by +, such as read+write',
    )
  }
  return new Set(granted)
}

function parseDigest(secret: string, problems: string[]): string | undefined {
  if (secret.startsWith('sha256=')) {
    const [, digest] = /^sha256=([0-9a-f]{64})$/i.exec(secret) ?? []
    if (digest === undefined) problems.push('after sha256= there have to be 64 hexadecimal digits')
    return digest?.toLowerCase()
  }
  if (secret.length < minTokenLength) {
    problems.push(
      `the token has ${secret.length} characters: make one of ${minTokenLength} or more (openssl rand -hex 32)`,
    )
    return undefined
  }
  if (!token68.test(secret)) {
    problems.push(
      'the token has characters that no header can carry: use letters, digits and - . _ ~ + /, and = at its end',
    )
    return undefined
  }
  return digestOf(secret)
}

export function digestOf(token: string): string {
  return hash('sha256', token, 'hex')
}

function parsePrefixes(text: string, problems: string[]): string[] {
  return text.split(',').flatMap((encoded, index) => {
    const prefix = decode(encoded)
    const problem = prefixProblem(encoded, prefix)
    if (problem !== undefined) problems.push(`prefix ${index + 1} ${problem}`)
    return prefix === undefined ? [] : [prefix]
  })
}

function prefixProblem(encoded: string, prefix: string | undefined): string | undefined {
  if (encoded === '') return 'is empty: leave out the last colon for a token that reaches every key'
  if (prefix === undefined) return 'is not percent-encoded UTF-8: "%" is written %25, and "," %2C'
  if (encoded.includes('#')) return 'has a "#", which is written %23; a comment has a line of its own'
  if (prefix.includes('\0')) return 'has the character NUL, which no key has'
  if (Buffer.byteLength(prefix) > maxKeyBytes) return `has more than the ${maxKeyBytes} bytes of the longest key`
  return undefined
}

function decode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}

/** Whether the name can't be a token that was put in the name's place: every token is longer. */
function isSafeToShow(name: string): boolean {
  return namePattern.test(name) && name.length < minTokenLength
}
