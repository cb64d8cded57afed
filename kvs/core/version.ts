import type { LogPoint } from './entry.ts'

/** The entry that set a value. */
export interface Version {
  readonly sequence: bigint
  /**
   * What the value's ETag has between its quotes. It names the log and its past beside the sequence, so that no other value
   * has the same one, in a log that was made anew or restored either. Two tags are only ever compared as strings.
   */
  readonly tag: string
}

/**
 * As much of an entry's digest as its tag has: the first four bytes, as a signed integer. 0 for an adopted entry, whose digest is
 * empty: of what was adopted the log's id tells, which is drawn as it is adopted.
 */
export function markOf(bytes: Buffer, start: number, length: number): number {
  return length < 4 ? 0 : bytes.readInt32BE(start)
}

/** `LOGID-SEQUENCE-MARK`, the mark as the first eight digits of the digest in hexadecimal. */
export function tagOf(logId: string, sequence: number | bigint, mark: number): string {
  const first = hex[mark >>> 24] as string
  const second = hex[(mark >>> 16) & 0xff] as string
  const third = hex[(mark >>> 8) & 0xff] as string
  return `${logId}-${sequence}-${first}${second}${third}${hex[mark & 0xff]}`
}

export function versionAt(logId: string, { sequence, digest }: LogPoint): Version {
  return { sequence, tag: tagOf(logId, sequence, markOf(digest, 0, digest.length)) }
}

/** Of each byte. A tag is made for each GET; `toString(16)` and `padStart` would take 0.3 µs more. */
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
