import type { Entry } from '../core/entry.ts'

/**
 * Makes whole batches of pages, which end anywhere. A batch may be a transaction, and nobody may see half of it; it may
 * go on over many pages.
 */
export interface WholeBatches {
  /** Sequence after which the next page is to be read; undefined where nothing waits for its rest. */
  readonly readThrough: bigint | undefined
  /**
   * Returns what waits and the page, through the last batch that is known to be whole. The rest waits for the next
   * page.
   * @param through a sequence at which a batch ends
   */
  take(page: readonly Entry[], through: bigint): readonly Entry[]
  /** Forgets what waits. */
  clear(): void
}

export function makeWholeBatches(): WholeBatches {
  /** First entries of a batch whose last ones are still to be read. */
  let begun: readonly Entry[] = []

  return {
    get readThrough() {
      return begun.at(-1)?.sequence
    },
    take(page, through) {
      const entries = begun.length > 0 ? [...begun, ...page] : page
      const isWhole = entries.at(-1)?.sequence === through
      const end = isWhole ? entries.length : startOfLastBatch(entries)
      begun = entries.slice(end)
      return begun.length > 0 ? entries.slice(0, end) : entries
    },
    clear() {
      begun = []
    },
  }
}

/**
 * Index of the first entry that is of the same batch as the last one. The entries of a batch have one digest, which no
 * other batch has. Adopted entries have none, and each stands for itself.
 */
function startOfLastBatch(entries: readonly Entry[]): number {
  let start = entries.length
  const digest = entries[start - 1]?.digest
  if (digest === undefined || digest.length === 0) return start
  while (start > 0 && entries[start - 1]?.digest.equals(digest)) start--
  return start
}
