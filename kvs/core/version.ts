import type { LogPoint } from './entry.ts'
import { maxLogIdLength } from './position.ts'

/** The entry that set a value. */
export interface Version {
  readonly sequence: bigint
  /**
   * Text of the value's ETag between its quotes. It names the log and its history beside the sequence, so that no other
   * value has the same one, not even in a log that was made anew or restored. Tags are opaque: two of them are only
   * compared as strings.
   */
  readonly tag: string
}

/** The entry that set a key's current value. */
export interface CurrentVersion extends Version {
  /** As `Found.deadline`. */
  readonly deadline: number | undefined
}

/**
 * Returns what a key has, or undefined where it has nothing or its deadline has passed: from its deadline on it is
 * absent.
 * @param now the log server's clock, in milliseconds since 1970; undefined before it is known
 */
export function unlessLapsed<Current extends { readonly deadline: number | undefined }>(
  current: Current | undefined,
  now: number | undefined,
): Current | undefined {
  return hasPassed(current?.deadline, now) ? undefined : current
}

/** Whether a deadline has passed; the parameters are as in `unlessLapsed`. */
export function hasPassed(deadline: number | undefined, now: number | undefined): boolean {
  return deadline !== undefined && now !== undefined && deadline <= now
}

/**
 * The part of an entry's digest that its tag has: the first four bytes, as a signed integer. An adopted entry has no
 * digest, and the mark 0; there the log's id, which is drawn at the adoption, stands for the history.
 */
export function markOf(bytes: Buffer, start: number, length: number): number {
  return length < 4 ? 0 : bytes.readInt32BE(start)
}

/** Writes a tag as `LOGID-SEQUENCE-MARK`. The mark is the first eight digits of the digest in hexadecimal. */
export function tagOf(logId: string, sequence: number | bigint, mark: number): string {
  const first = hex[mark >>> 24] as string
  const second = hex[(mark >>> 16) & 0xff] as string
  const third = hex[(mark >>> 8) & 0xff] as string
  return `${logId}-${sequence}-${first}${second}${third}${hex[mark & 0xff]}`
}

/** What a tag is made of. */
export interface TagParts {
  readonly logId: string
  readonly sequence: number
  /** As `markOf` returns it. */
  readonly mark: number
}

/** Reads what `tagOf` has made; undefined for anything else, and for a sequence of more than 48 bits. */
export function partsOfTag(tag: string): TagParts | undefined {
  const [, logId, digits, mark] = pattern.exec(tag) ?? []
  if (logId === undefined || mark === undefined) return undefined
  const sequence = Number(digits)
  return sequence < 2 ** 48 ? { logId, sequence, mark: Number.parseInt(mark, 16) | 0 } : undefined
}

const pattern = new RegExp(`^([0-9A-Za-z._-]{1,${maxLogIdLength}})-(0|[1-9]\\d{0,14})-([0-9a-f]{8})$`)

export function versionAt(logId: string, { sequence, digest }: LogPoint): Version {
  return { sequence, tag: tagOf(logId, sequence, markOf(digest, 0, digest.length)) }
}

/** Two digits for each byte. Every GET makes a tag, and `toString(16)` with `padStart` would take 0.3 µs more. */
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
