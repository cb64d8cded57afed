import { partsOfTag } from './version.ts'

/**
 * The version that a value had in the log that it was first written in. A value that moves to another log keeps it:
 * clients go on knowing the value by that tag and that time.
 */
export interface EarlierVersion {
  /** As `Version.tag`. */
  readonly tag: string
  /** As `Found.modifiedAt`. */
  readonly modifiedAt: number
}

/** Writes `TAG@MILLISECONDS`, as logs and members keep it. */
export function formatEarlier({ tag, modifiedAt }: EarlierVersion): string {
  return `${tag}@${modifiedAt}`
}

/**
 * Reads what `formatEarlier` has made; undefined for anything else, and for a sequence or a time of more than 48 bits.
 */
export function earlierIn(text: string): EarlierVersion | undefined {
  const [, tag = '', digits] = pattern.exec(text) ?? []
  const modifiedAt = Number(digits)
  return modifiedAt < 2 ** 48 && partsOfTag(tag) !== undefined ? { tag, modifiedAt } : undefined
}

const pattern = /^([^@]+)@(0|[1-9]\d{0,14})$/
