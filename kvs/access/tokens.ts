import { hash } from 'node:crypto'
import { maxKeyBytes } from '../core/limits.ts'

/** What a token may do; none of them implies another. */
export const rights = ['read', 'write', 'admin'] as const

export type Right = (typeof rights)[number]

/** A bearer token, without the token itself. */
export interface Token {
  readonly name: string
  readonly rights: ReadonlySet<Right>
  /** Of the token, SHA-256 in lower-case hexadecimal. */
  readonly digest: string
  /** What its keys begin with; undefined where it reaches every key. */
  readonly prefixes: readonly string[] | undefined
  /** Whether it was given as its digest, so that whoever reads that can't use it. */
  readonly isHashed: boolean
}

/** An entry as it was given, and what to call its place. */
export interface Entry {
  readonly place: string
  readonly text: string
}

export const minTokenLength = 16
const namePattern = /^[A-Za-z0-9._-]{1,64}$/
/** RFC 6750, 2.1: what can stand in an Authorization header. */
const token68 = /^[A-Za-z0-9\-._~+/]+=*$/
const form = 'write name:rights:token or name:rights:token:prefix,prefix…'

/** `name:rights:token:prefix,prefix…` each. What is wrong adds to `problems`, in sentences that show nothing of it but a name. */
export function parseTokens(entries: readonly Entry[], problems: string[]): Token[] {
  const tokens: Token[] = []
  const takenNames = new Map<string, string>()
  const takenDigests = new Map<string, string>()
  for (const { place, text } of entries) {
    const wrong: string[] = []
    const token = parseEntry(text, wrong)
    const [name = '', , secret] = text.split(':', 3)
    const label = secret !== undefined && canBeShown(name) ? `${place} (${name})` : place
    const sameName = takenNames.get(name)
    const sameToken = token && takenDigests.get(token.digest)
    if (sameName) wrong.push(`${sameName} has the same name: each token has one of its own`)
    if (sameToken) wrong.push(`${sameToken} has the same token: make another one`)
    problems.push(...wrong.map((sentence) => `${label}: ${sentence}`))
    takenNames.set(name, sameName ?? place)
    if (token === undefined) continue
    takenDigests.set(token.digest, sameToken ?? place)
    tokens.push(token)
  }
  return tokens
}

function parseEntry(text: string, wrong: string[]): Token | undefined {
  if (/\s/.test(text)) {
    wrong.push('has white space in it: a blank in a prefix is written %20, and a comment has a line of its own')
    return undefined
  }
  const [name = '', rightsText, secret, ...rest] = text.split(':')
  if (rightsText === undefined || secret === undefined) {
    wrong.push(`is no token: ${form}`)
    return undefined
  }
  if (!namePattern.test(name)) wrong.push('the name has to be 1 to 64 letters, digits, ".", "_" or "-"')
  const granted = parseRights(rightsText, wrong)
  const digest = digestIn(secret, wrong)
  const prefixes = rest.length === 0 ? undefined : parsePrefixes(rest.join(':'), wrong)
  if (wrong.length > 0 || digest === undefined) return undefined
  return { name, rights: granted, digest, prefixes, isHashed: secret.startsWith('sha256=') }
}

function parseRights(text: string, wrong: string[]): Set<Right> {
  const words = text.split('+')
  const granted = rights.filter((right) => words.includes(right))
  if (!words.every((word) => granted.some((right) => right === word))) {
    wrong.push(
      'what follows the name are no rights: write read, write, admin, or several joined by +, such as read+write',
    )
  }
  return new Set(granted)
}

function digestIn(secret: string, wrong: string[]): string | undefined {
  if (secret.startsWith('sha256=')) {
    const [, digest] = /^sha256=([0-9a-f]{64})$/i.exec(secret) ?? []
    if (digest === undefined) wrong.push('after sha256= there have to be 64 hexadecimal digits')
    return digest?.toLowerCase()
  }
  if (secret.length < minTokenLength) {
    wrong.push(
      `the token has ${secret.length} characters: make one of ${minTokenLength} or more (openssl rand -hex 32)`,
    )
    return undefined
  }
  if (!token68.test(secret)) {
    wrong.push(
      'the token has characters that no header can carry: use letters, digits and - . _ ~ + /, and = at its end',
    )
    return undefined
  }
  return digestOf(secret)
}

export function digestOf(token: string): string {
  return hash('sha256', token, 'hex')
}

function parsePrefixes(text: string, wrong: string[]): string[] {
  return text.split(',').flatMap((encoded, index) => {
    const prefix = decode(encoded)
    const problem = problemOf(encoded, prefix)
    if (problem !== undefined) wrong.push(`prefix ${index + 1} ${problem}`)
    return prefix === undefined ? [] : [prefix]
  })
}

function problemOf(encoded: string, prefix: string | undefined): string | undefined {
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

/** Not what could be a token in the name's place: none is that short. */
function canBeShown(name: string): boolean {
  return namePattern.test(name) && name.length < minTokenLength
}
