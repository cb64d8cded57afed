import { maxLogIdLength } from './position.ts'

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

/** Reads what `formatEarlier` has made; undefined for anything else. */
export function earlierIn(text: string): EarlierVersion | undefined {
  const [, tag, modifiedAt] = pattern.exec(text) ?? []
  return tag === undefined || modifiedAt === undefined ? undefined : { tag, modifiedAt: Number(modifiedAt) }
}

const pattern = new RegExp(`^([0-9a-z._-]{1,${maxLogIdLength}}-\\d{1,16}-[0-9a-f]{8})@(\\d{1,15})$`, 'i')
