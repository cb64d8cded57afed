/** Bounds of a page of entries: at most so many entries, and so many bytes of values. */
export const pageLimits = { entries: 5_000, bytes: 8 * 1024 * 1024, leastBytes: 64 * 1024 }

/** How many bytes of values a reader asks for at once. */
export interface PageSize {
  readonly bytes: number
  /** A page arrived: the next one may be larger by a tenth. */
  grow(): void
  /**
   * A connection failed to carry a page in time: the next one has half the size, so that a narrow network copes in the
   * end.
   */
  shrink(): void
}

export function makePageSize(): PageSize {
  let { bytes } = pageLimits
  return {
    get bytes() {
      return bytes
    },
    grow() {
      bytes = Math.min(pageLimits.bytes, Math.ceil(1.1 * bytes))
    },
    shrink() {
      bytes = Math.max(pageLimits.leastBytes, Math.floor(bytes / 2))
    },
  }
}
