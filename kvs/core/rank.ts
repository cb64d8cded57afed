/**
 * What says which of two entries of one key is the newer one, at every site alike. The later stamp is; a stamp is later
 * than those of all causes, so that comes to "what was written with the other in view, else what was written later".
 * Where two stamps are equal, an expiry is the newer, since it has the stamp of what it removes; then the one from the
 * larger origin; and of one origin, the one that came later from there.
 */
export interface Rank {
  /** As `Entry.stamp`. */
  readonly stamp: number
  readonly isExpiry: boolean
  /** Id of the log that the entry was first written in. */
  readonly origin: string
}

/** Whether an entry is newer than one that was taken over, or written, after it in the same log. */
export function outranks(one: Rank, later: Rank): boolean {
  if (one.stamp !== later.stamp) return one.stamp > later.stamp
  if (one.isExpiry !== later.isExpiry) return one.isExpiry
  return one.origin > later.origin
}

/**
 * Latest stamp that a client's token or another log may raise a log's clock to: 2200. Above it, 2^53 leaves room for
 * 1.8e15 more batches.
 */
export const maxStamp = Date.UTC(2200, 0, 1) * 1_000

/** Latest stamp of an entry: a log's clock is raised to `maxStamp` at most, and each of its batches adds one. */
export const maxEntryStamp = maxStamp + 2 ** 40

/** The stamp of an entry that is older than stamps. @param recordedAt as `Entry.recordedAt` */
export function stampAt(recordedAt: number): number {
  return recordedAt * 1_000
}
