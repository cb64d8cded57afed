import type { Found } from '../../../kvs/core/entry.ts'

/** What a key had at some time: a value with its tag, or none. */
export type TrueVersion = Pick<Found, 'value' | 'tag' | 'modifiedAt' | 'deadline'> | undefined

/**
 * What keys have in truth: what clients' writes have given them, in the order in which logs took those. Whatever moves
 * between logs changes none of it.
 */
export interface Truth {
  readonly keys: readonly string[]
  /** What the key has now. */
  of(key: string): TrueVersion
  wrote(key: string, version: TrueVersion): void
  /** To be called where a read begins: what it may show at the earliest. */
  beginRead(key: string): number
  /**
   * Takes what a read has shown.
   * @param from as `beginRead` has returned
   * @returns a sentence where it was no value that the key had meanwhile
   */
  endRead(key: string, from: number, shown: TrueVersion): string | undefined
  /** To be called where a write is acknowledged: reads show it from now on, or a later one. */
  acknowledged(key: string, value: string | undefined): void
}

interface KeyHistory {
  readonly versions: TrueVersion[]
  /** Index of the version that reads show from now on, or a later one. */
  seen: number
}

export function makeTruth(keys: readonly string[]): Truth {
  const histories = new Map<string, KeyHistory>(keys.map((key) => [key, { versions: [undefined], seen: 0 }]))
  const historyOf = (key: string) => histories.get(key) as KeyHistory

  return {
    keys,
    of: (key) => historyOf(key).versions.at(-1),
    wrote: (key, version) => void historyOf(key).versions.push(version),
    beginRead: (key) => historyOf(key).seen,
    endRead(key, from, shown) {
      const history = historyOf(key)
      const at = history.versions.findIndex((version, index) => index >= from && isSameVersion(version, shown))
      if (at === -1) {
        const expected = history.versions.slice(from).map(versionText).join(' or ')
        return `a read of ${key} showed ${versionText(shown)}, not ${expected}`
      }
      history.seen = Math.max(history.seen, at)
      return undefined
    },
    acknowledged(key, value) {
      const history = historyOf(key)
      // Values are unique; of deletes it is the last one, since a key has one writer.
      const at = history.versions.findLastIndex((version) => version?.value.toString() === value)
      history.seen = Math.max(history.seen, at)
    },
  }
}

export function isSameVersion(one: TrueVersion, other: TrueVersion): boolean {
  return versionText(one) === versionText(other)
}

export function versionText(version: TrueVersion): string {
  if (version === undefined) return 'nothing'
  const { value, tag, modifiedAt, deadline } = version
  return `${value} (${tag}, of ${modifiedAt}${deadline === undefined ? '' : `, until ${deadline}`})`
}
