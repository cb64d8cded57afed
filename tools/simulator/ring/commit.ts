import type { StoredEntry } from '../../../kvs/log/memory/index.ts'

/** An entry at the moment that it was committed. */
export interface Commit {
  /** Virtual milliseconds. */
  readonly at: number
  /** The member whose log has it; the first one is 0. */
  readonly member: number
  readonly entry: StoredEntry
}

/** Whether a client's write, or the end of a key, comes into effect by it: else it is a copy, or was overtaken. */
export function isOriginal({ entry }: Commit): boolean {
  return isOfKey(entry) && entry.earlier === undefined && !entry.superseded
}

/** 1 is a delete and 2 a put. */
export const isOfKey = ({ eventType }: StoredEntry) => eventType <= 2
export const isPut = ({ eventType }: StoredEntry) => eventType === 2
/** Whether the entry records that a key has ended by itself. */
export const isExpiry = (entry: StoredEntry) => !isPut(entry) && entry.deadline !== undefined
export const isOfRing = ({ eventType }: StoredEntry) => eventType === 5
