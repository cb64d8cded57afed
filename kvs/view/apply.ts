import type { Entry, PackedEntry } from '../core/entry.ts'
import { encodeKey } from '../core/key-bytes.ts'
import { maxKeyBytes } from '../core/limits.ts'
import { changesNoKey, effectOf, isExpiry, setsValue } from '../core/operation/operation.ts'
import { markOf } from '../core/version.ts'
import type { LogNumbers } from './log-numbers.ts'
import type { PackedMap } from './packed-map.ts'
import type { Ranks } from './ranks.ts'
import type { Content, PackedRank } from './record-layout.ts'
import { packEarlier } from './shown-versions.ts'

/** What is kept of keys' newest entries. */
export interface Newest {
  readonly values: PackedMap
  /** Undefined where ranks are not kept. */
  readonly ranks: Ranks | undefined
  readonly logs: LogNumbers
}

/**
 * Has an entry be the newest of its key. Returns whether it replaced a value that had not lapsed.
 * @param sequence that of the entry
 * @param encoded a buffer of `maxKeyBytes`, which is overwritten
 * @throws ViewFull
 */
export function applyEntry(newest: Newest, entry: Entry, sequence: number, encoded: Buffer): boolean {
  const { digest, write, recordedAt, stamp, origin, earlier } = entry
  if (changesNoKey(write)) return false
  const keyLength = encodeKey(write.key, encoded)
  if (keyLength < 0) return false
  const rank = newest.ranks?.pack(stamp, isExpiry(write), origin?.logId)
  if (!setsValue(write)) return removeValue(newest, encoded, 0, keyLength, recordedAt, rank)
  const { value, contentType, deadline } = write
  return setValue(newest, {
    key: encoded,
    keyStart: 0,
    keyLength,
    value,
    valueStart: 0,
    valueLength: value.length,
    contentType,
    sequence,
    mark: markOf(digest, 0, digest.length),
    recordedAt,
    deadline,
    rank,
    earlier: earlier && packEarlier(newest.logs, earlier),
  })
}

/** The same for an entry that was read in bulk. */
export function applyPackedEntry(newest: Newest, entry: PackedEntry): void {
  const { keyLength, keyStart, bytes, valueStart, valueLength, contentType, sequence, recordedAt, deadline } = entry
  const effect = effectOf(entry.kind)
  if (effect === 'none' || keyLength > maxKeyBytes) return
  const isRemoval = effect === 'remove'
  const rank = newest.ranks?.pack(entry.stamp, isRemoval && deadline !== undefined, entry.origin)
  if (isRemoval) {
    removeValue(newest, bytes, keyStart, keyLength, recordedAt, rank)
    return
  }
  const mark = markOf(bytes, entry.digestStart, entry.digestLength)
  setValue(newest, {
    key: bytes,
    keyStart,
    keyLength,
    value: bytes,
    valueStart,
    valueLength,
    contentType,
    sequence,
    mark,
    recordedAt,
    deadline,
    rank,
    earlier: entry.earlier === undefined ? undefined : packEarlier(newest.logs, entry.earlier),
  })
}

function setValue({ values, ranks }: Newest, content: Content): boolean {
  const replaced = values.set(content)
  ranks?.tombstones.remove(content.key, content.keyStart, content.keyLength)
  return replaced
}

function removeValue(
  { values, ranks }: Newest,
  key: Buffer,
  start: number,
  length: number,
  at: number,
  rank: PackedRank | undefined,
): boolean {
  const removed = values.remove(key, start, length, at)
  if (rank !== undefined) ranks?.tombstones.set(key, start, length, rank)
  return removed
}
