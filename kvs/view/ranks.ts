import type { Rank } from '../core/rank.ts'
import type { LogNumbers } from './log-numbers.ts'
import { makePackedMap, type PackedMap } from './packed-map.ts'
import type { PackedRank } from './record-layout.ts'

/** The ranks of keys' newest entries as records keep them, and tombstones: those of deletes, which have no value. */
export interface Ranks {
  readonly tombstones: Tombstones
  /**
   * Packs the rank of an entry.
   * @param origin id of the log that it was first written in; undefined where it is this one
   * @throws ViewFull as `LogNumbers.of`
   */
  pack(stamp: number, isExpiry: boolean, origin: string | undefined): PackedRank
  unpack(rank: PackedRank): Rank
}

/** The ranks of deletes by key, for keys without a value. */
export interface Tombstones extends Pick<PackedMap, 'size' | 'memory'> {
  /** Rank of the key's delete; undefined where it has no tombstone, or a forgotten one. */
  rankOf(key: Buffer, start: number, length: number): PackedRank | undefined
  /**
   * Makes a tombstone, or sets its rank. Of a forgotten delete there is none afterwards.
   * @throws ViewFull
   */
  set(key: Buffer, start: number, length: number, rank: PackedRank): void
  remove(key: Buffer, start: number, length: number): void
  /** As `Forgetting.through`. */
  readonly forgotten: number
  /** As in `Forgetting`. */
  forget(through: number): void
  sweep(): Iterator<undefined>
}

/**
 * @param logs those of the view
 * @param slabBytes as for a map, as is `hashSecret`
 */
export function makeRanks(logs: LogNumbers, slabBytes?: number, hashSecret?: Buffer): Ranks {
  return {
    tombstones: makeTombstones(slabBytes, hashSecret),
    pack: (stamp, isExpiry, origin) => ({ stamp, isExpiry, origin: origin === undefined ? 0 : logs.of(origin) }),
    unpack: ({ stamp, isExpiry, origin }) => ({ stamp, isExpiry, origin: logs.idOf(origin) }),
  }
}

const noValue = Buffer.alloc(0)
/** What a record has and a tombstone does not. */
const nothing = {
  value: noValue,
  valueStart: 0,
  valueLength: 0,
  contentType: undefined,
  deadline: undefined,
  earlier: undefined,
}

function makeTombstones(slabBytes?: number, hashSecret?: Buffer): Tombstones {
  const map = makePackedMap(slabBytes, hashSecret)
  let forgotten = 0

  function rankOf(key: Buffer, start: number, length: number): PackedRank | undefined {
    const address = map.size === 0 ? 0 : map.find(key, start, length)
    const rank = address === 0 ? undefined : map.rankAt(address)
    return rank !== undefined && rank.stamp > forgotten ? rank : undefined
  }

  function remove(key: Buffer, start: number, length: number): void {
    if (map.size > 0) map.remove(key, start, length, 0)
  }

  /** Removes the forgotten ones among the keys with this hash. */
  function removeForgotten(hash: number): void {
    const gone: Buffer[] = []
    map.visitKeys(hash, (bytes, start, length) => {
      if (rankOf(bytes, start, length) === undefined) gone.push(Buffer.from(bytes.subarray(start, start + length)))
    })
    for (const key of gone) remove(key, 0, key.length)
  }

  return {
    get size() {
      return map.size
    },
    get memory() {
      return map.memory
    },
    get forgotten() {
      return forgotten
    },

    rankOf,
    set(key, keyStart, keyLength, rank) {
      if (rank.stamp <= forgotten) remove(key, keyStart, keyLength)
      else map.set({ key, keyStart, keyLength, ...nothing, sequence: 0, mark: 0, recordedAt: 0, rank })
    },
    remove,
    forget(through) {
      forgotten = through
    },
    *sweep() {
      for (let segment = 0; segment < map.segments; segment++) {
        for (const hash of map.hashesIn(segment)) {
          removeForgotten(hash)
          yield
        }
      }
    },
  }
}
