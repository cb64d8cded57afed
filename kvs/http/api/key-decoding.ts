import { KvsError } from '../../core/errors.ts'
import { maxKeyBytes } from '../../core/limits.ts'
import type { Request } from '../exchange/index.ts'

/** A character takes up to four bytes, each of them up to three when it is percent-encoded. */
const encodedCharacter = 12

/**
 * Decodes the key that the rest of a path names, and checks that the caller may reach it.
 * @throws KvsError bad_key, forbidden
 */
export function keyFor({ telemetry, caller }: Request, raw: string): string {
  const key = decodeKey(raw)
  telemetry.key = key
  caller?.requireKey(key)
  return key
}

/**
 * The same in a dialect of short keys. Only a PUT bounds a key's characters: other keys may have come by /v1.
 * @throws KvsError bad_key, forbidden
 */
export function shortKeyFor(request: Request, raw: string, maxCharacters: number): string {
  const isPut = request.method === 'PUT'
  if (isPut && raw.length > maxCharacters * encodedCharacter) throw tooLong()
  const key = keyFor(request, raw)
  if (isPut && [...key].length > maxCharacters) throw tooLong()
  return key
}

/** The keys that begin with a prefix, as far as the caller reaches them. */
export interface Collection {
  /** Empty for all keys. */
  readonly prefix: string
  /** What these keys begin with, as `Caller.prefixesWithin`. */
  readonly reached: readonly string[]
}

/**
 * Decodes the prefix that a path names which ends in a colon, and checks that the caller reaches such keys.
 * @param raw the rest of the path, with the colon
 * @throws KvsError bad_key, forbidden
 */
export function collectionFor({ telemetry, caller }: Request, raw: string): Collection {
  // Of PREFIX: the dots of its last part are no path's own.
  if (hasDotSegment(raw)) throw dotSegment()
  const prefix = decode(raw.slice(0, -1))
  telemetry.key = `${prefix}:`
  return { prefix, reached: caller?.prefixesWithin(prefix) ?? [prefix] }
}

/**
 * Decodes the key that the rest of a path names.
 * @param raw as it came over the wire, without the query; ASCII, since Node's parser refuses all else
 * @throws KvsError bad_key, with a sentence for each rule
 */
export function decodeKey(raw: string): string {
  if (raw.endsWith(':')) throw bad('a path that ends in ":" is reserved; a key that ends in a colon is written %3A')
  if (hasDotSegment(raw)) throw dotSegment()
  return decode(raw)
}

function decode(raw: string): string {
  if (raw.includes('#')) throw bad('a "#" in a key is written %23')
  const key = percentDecode(raw)
  requireStorable(key)
  return key
}

/**
 * Checks a key that came as text, not in a path: a path can name it.
 * @throws KvsError bad_key
 */
export function requireNameable(key: string): void {
  if (key === '') throw bad('the key is empty')
  if (!key.isWellFormed()) throw bad('the key has half of a surrogate pair, which UTF-8 does not have')
  if (key === '.' || key === '..') throw bad('"." and ".." can’t be keys, since clients collapse them in paths')
  requireStorable(key)
}

function requireStorable(key: string): void {
  if (key.includes('\0')) throw bad('a key can’t contain the character NUL')
  // A UTF-16 unit takes at most 3 bytes of UTF-8, so that most keys need not be measured.
  if (key.length * 3 > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes) {
    throw bad(`the key has ${Buffer.byteLength(key)} bytes; at most ${maxKeyBytes} are allowed`)
  }
}

function percentDecode(raw: string): string {
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    if (/%(?![0-9A-Fa-f]{2})/.test(raw)) {
      throw bad('bad percent-encoding: "%" must be followed by two hexadecimal digits, and is itself written %25')
    }
    throw bad('the key is not valid UTF-8')
  }
}

/** A dot may be written %2E, which URL parsers collapse just the same (https://url.spec.whatwg.org). */
function hasDotSegment(raw: string): boolean {
  return raw.includes('.') || raw.includes('%2') ? /(^|\/)(\.|%2[Ee]){1,2}(\/|$)/.test(raw) : false
}

const tooLong = () => bad('Key is too long')
const dotSegment = () => bad('"." and ".." can’t be keys or parts of a path, since clients collapse them')

function bad(message: string): KvsError {
  return new KvsError('bad_key', message)
}
