import { hasPassed } from '../core/version.ts'
import { makeCompactor } from './compaction.ts'
import { makeHash } from './key-hash.ts'
import { type KeyIndex, makeKeyIndex } from './key-index.ts'
import type { Content } from './record-layout.ts'
import { makeRecords, type Records } from './records.ts'
import { makeSlabs } from './slabs.ts'

/** A map from keys, as bytes, to values. Both are packed in slabs and found by a hash index. */
export interface PackedMap
  extends Pick<Records, 'read' | 'keyAt' | 'sequenceAt' | 'tagAt' | 'deadlineAt' | 'rankAt' | 'deadlines'>,
    Pick<KeyIndex, 'segments' | 'hashesIn' | 'visit'> {
  /** Number of keys. */
  readonly size: number
  readonly memory: {
    /** Memory that is taken for keys and values, in bytes. */
    readonly bytes: number
    /** The part of it that is in use. */
    readonly liveBytes: number
  }
  /** Address of the key's record until the next change; 0 when there is none. */
  find(key: Buffer, start: number, length: number): number
  /**
   * Sets a key's value. Returns whether the key had one before that had not lapsed at the content's time.
   * @throws ViewFull
   */
  set(content: Content): boolean
  /**
   * Removes a key. Returns whether it had a value that had not lapsed.
   * @param at time of the removal, in milliseconds since 1970
   */
  remove(key: Buffer, start: number, length: number, at: number): boolean
  /** Calls `visit` for each key with this hash. It must change nothing. */
  visitKeys(hash: number, visit: VisitKey): void
}

/** Takes a key as a window on a buffer, which is valid only during the call, with its deadline where it has one. */
export type VisitKey = (bytes: Buffer, start: number, length: number, deadline: number | undefined) => void

/** @param slabBytes size of a slab, a power of two */
export function makePackedMap(slabBytes?: number, secret?: Buffer): PackedMap {
  const hash = makeHash(secret)
  const slabs = makeSlabs(slabBytes)
  const records = makeRecords(slabs)
  const index = makeKeyIndex(records.isKeyAt)
  const compact = makeCompactor(slabs, records, index, hash)

  const hasLapsed = (address: number, at: number) => hasPassed(records.deadlineAt(address), at)

  return {
    get size() {
      return index.size
    },
    get memory() {
      const { largeValueBytes, deadlines } = records
      return { bytes: slabs.bytes + largeValueBytes + deadlines.bytes, liveBytes: slabs.liveBytes + largeValueBytes }
    },
    read: records.read,
    keyAt: records.keyAt,
    deadlines: records.deadlines,
    sequenceAt: records.sequenceAt,
    tagAt: records.tagAt,
    deadlineAt: records.deadlineAt,
    rankAt: records.rankAt,
    find: (key, start, length) => index.find(hash(key, start, length), key, start, length),

    set(content) {
      const { key, keyStart, keyLength } = content
      const hashed = hash(key, keyStart, keyLength)
      const old = index.find(hashed, key, keyStart, keyLength)
      if (old === 0) {
        index.add(hashed, records.add(content))
        return false
      }
      const replaced = !hasLapsed(old, content.recordedAt)
      const address = records.replace(old, content)
      if (address !== old) index.move(hashed, old, address)
      compact(keyLength + content.valueLength)
      return replaced
    },

    remove(key, start, length, at) {
      const hashed = hash(key, start, length)
      const address = index.find(hashed, key, start, length)
      if (address === 0) return false
      const removed = !hasLapsed(address, at)
      index.remove(hashed, address)
      records.remove(address)
      compact(length)
      return removed
    },

    segments: index.segments,
    hashesIn: index.hashesIn,
    visit: index.visit,
    visitKeys(hash, visit) {
      index.visit(hash, (address) => {
        const { buffer, start, length } = records.keyAt(address)
        visit(buffer, start, length, records.deadlineAt(address))
      })
    },
  }
}
