import type { Entry, Found, LogPoint, PackedEntry, Reached } from '../core/entry.ts'
import type { HeldPuts } from '../core/held-put.ts'
import { encodeKey } from '../core/key-bytes.ts'
import { maxKeyBytes } from '../core/limits.ts'
import { changesNoKey } from '../core/operation/operation.ts'
import { type LastSeen, logsIn, type Position } from '../core/position.ts'
import type { Rank } from '../core/rank.ts'
import { type CurrentVersion, hasPassed } from '../core/version.ts'
import { applyEntry, applyPackedEntry } from './apply.ts'
import { makeCursor } from './cursor.ts'
import { makeDependencies, setDependency } from './dependencies.ts'
import { type Forgetting, makeForgetting } from './forgetting.ts'
import { type LapsedKey, lapse, listLapsed } from './lapsed-keys.ts'
import { makeLogNumbers } from './log-numbers.ts'
import { makePackedMap, type PackedMap } from './packed-map.ts'
import { putAt } from './puts.ts'
import { makeRanks } from './ranks.ts'
import { foundAt, versionAt } from './shown-versions.ts'
import { makeVector } from './vector.ts'

/**
 * The latest value of each key: the result of all entries up to the position, applied in order. It does no I/O. Keys
 * and values are outside of V8's heap: 1,000,000 keys of 14 bytes with values of 100 bytes take 150 MB, and 350 MB in a
 * Map of Buffers.
 */
export interface View
  extends Pick<PackedMap, 'memory' | 'segments' | 'hashesIn' | 'visitKeys'>,
    Pick<HeldPuts, 'visitPuts' | 'putOf'> {
  /** Position of the last applied entry; sequence 0n before the first one. */
  readonly position: LogPoint
  /**
   * What the view has of each origin. The component of this log is the sequence of the last entry that was first
   * written in it, 0n before one; that of another log, the sequence there of the last one that was taken over,
   * superseded or not. The stamp is the highest of all entries. The same object until it changes.
   */
  readonly seen: Position
  /** As `Vector.lastOf`. */
  lastOf(logId: string): LastSeen
  /** Number of keys that have a value. */
  readonly size: number
  get(key: string): Found | undefined
  /** Whether the key has a value that has not lapsed by `now`, as `unlessLapsed` takes it. */
  has(key: string, now: number | undefined): boolean
  /** Keys that end by themselves: those whose deadline is to come, and those whose deadline has passed. */
  readonly deadlines: { readonly pending: number; readonly lapsed: number }
  /** How many keys end by themselves, in all. */
  readonly ending: number
  /** The earliest deadline to come, as far as `lapse` was told of the time; undefined when there is none. */
  readonly nextDeadline: number | undefined
  /**
   * Has deadlines pass, up to and with `now`, the earliest first and at most `most` of them. That changes nothing of
   * what `get` shows.
   * @param visit called with each key, as a window on a buffer that is valid during the call; must not change the view
   * @returns how many have passed
   */
  lapse(now: number, most: number, visit: (buffer: Buffer, start: number, length: number) => void): number
  /** At most so many keys whose deadline has passed, in no order. */
  lapsed(most: number): readonly LapsedKey[]
  /**
   * Version of the key's value; undefined when it has none. Of a moved value it has the tag of the earlier version, as
   * `get` and `lapsed` have it too, and the sequence of the entry in this log.
   */
  versionOf(key: string): CurrentVersion | undefined
  /**
   * Rank of the key's newest entry, a put or a delete. Undefined where the key has none, where its delete is forgotten
   * or a checkpoint has left it out, and in a view without ranks.
   */
  rankOf(key: string): Rank | undefined
  /** Number of keys without a value whose delete is kept with its rank; 0 in a view without ranks. */
  readonly tombstones: number
  /** Undefined in a view without ranks. */
  readonly forgetting: Forgetting | undefined
  /**
   * The `after` of the key's newest entry, a put or a delete, until `seen` covers it. Undefined in a view without
   * ranks.
   */
  dependencyOf(key: string): Position | undefined
  /** The dependencies of all keys, merged; undefined where there is none. */
  readonly dependencies: Position | undefined
  /** Number of keys that have a dependency. */
  readonly unmet: number
  /**
   * Applies the next entry of the log. Returns whether it replaced a value that had not lapsed when the entry was
   * committed.
   * @throws OutOfOrder when another entry is next, without changing anything; ViewFull
   */
  apply(entry: Entry): boolean
  /** Applies an entry that was read in bulk. Otherwise the same as `apply`. */
  applyPacked(entry: PackedEntry): void
  /**
   * Takes over the newest entry of a key as a checkpoint has it. A delete makes a tombstone, and nothing in a view
   * without ranks. Allowed only before the first entry is applied.
   * @throws ViewFull
   */
  load(entry: PackedEntry): void
  /**
   * Sets `position`, `seen`, and what is forgotten, after everything that a checkpoint has was loaded. Drops covered
   * dependencies.
   */
  loaded(reached: Reached): void
}

export interface ViewOptions {
  /** Id of the log that is applied; empty for a view that stays empty. */
  readonly logId?: string
  /** Sequences up to here, adopted from the textbook service, may have gaps. */
  readonly gapsUpTo?: bigint
  /** Size of a slab in bytes, a power of two. The default is 1 MiB. */
  readonly slabBytes?: number
  /** Keys the hashes of keys, which have an order by them. The default is one of this process. */
  readonly hashSecret?: Buffer | undefined
  /**
   * Whether to keep what decides between entries of one key from different logs: ranks, tombstones and dependencies, as
   * a site needs them. It takes 9 bytes more for a key, and a record for a deleted one. The default is false.
   */
  readonly ranks?: boolean
}

export function makeView(options: ViewOptions = {}): View {
  const { logId = '', gapsUpTo = 0n, slabBytes, hashSecret } = options
  const map = makePackedMap(slabBytes, hashSecret)
  const logs = makeLogNumbers(logId)
  const ranks = options.ranks ? makeRanks(logs, slabBytes, hashSecret) : undefined
  const newest = { values: map, ranks, logs }
  const cursor = makeCursor(Number(gapsUpTo))
  const vector = makeVector(logId)
  const dependencies = ranks && makeDependencies(vector.reached)
  /** Holds a key in UTF-8 for the duration of one call. */
  const encoded = Buffer.alloc(maxKeyBytes)

  function find(key: string): number {
    const length = encodeKey(key, encoded)
    return length < 0 ? 0 : map.find(encoded, 0, length)
  }

  return {
    get position() {
      return cursor.point
    },
    get seen() {
      return vector.position
    },
    lastOf: vector.lastOf,
    get size() {
      return map.size
    },
    get memory() {
      return ranks === undefined ? map.memory : sumOf(map.memory, ranks.tombstones.memory)
    },

    get(key) {
      const address = find(key)
      return address === 0 ? undefined : foundAt(map, logs, address)
    },

    has(key, now) {
      const address = find(key)
      return address !== 0 && !hasPassed(map.deadlineAt(address), now)
    },
    segments: map.segments,
    hashesIn: map.hashesIn,
    visitKeys: map.visitKeys,
    visitPuts(hash, visit) {
      map.visit(hash, (address) => {
        const put = putAt(map, ranks, address)
        if (put !== undefined) visit(put)
      })
    },
    putOf(key) {
      const address = find(key)
      return address === 0 ? undefined : putAt(map, ranks, address)
    },

    versionOf(key) {
      const address = find(key)
      return address === 0 ? undefined : versionAt(map, logs, address)
    },

    rankOf(key) {
      const length = encodeKey(key, encoded)
      if (ranks === undefined || length < 0) return undefined
      const address = map.find(encoded, 0, length)
      const rank = address === 0 ? ranks.tombstones.rankOf(encoded, 0, length) : map.rankAt(address)
      return rank && ranks.unpack(rank)
    },
    get tombstones() {
      return ranks?.tombstones.size ?? 0
    },
    forgetting: ranks && makeForgetting(map, ranks),
    dependencyOf: (key) => dependencies?.of(key),
    get dependencies() {
      return dependencies?.merged
    },
    get unmet() {
      return dependencies?.size ?? 0
    },

    get deadlines() {
      return { pending: map.deadlines.pending, lapsed: map.deadlines.lapsed }
    },
    get ending() {
      return map.deadlines.pending + map.deadlines.lapsed
    },
    get nextDeadline() {
      return map.deadlines.next
    },
    lapse: (now, most, visit) => lapse(map, now, most, visit),
    lapsed: (most) => listLapsed(map, most, logs),

    apply(entry) {
      const { digest, origin, write } = entry
      const sequence = Number(entry.sequence)
      cursor.requireNext(sequence)
      const replaced = !entry.superseded && applyEntry(newest, entry, sequence, encoded)
      cursor.advance(sequence, digest, 0, digest.length)
      vector.advance(origin === undefined ? sequence : Number(origin.sequence), entry.stamp, origin?.logId)
      if (dependencies === undefined) return replaced
      if (dependencies.size > 0) dependencies.advance(origin?.logId ?? logId)
      if (!entry.superseded && !changesNoKey(write)) dependencies.set(write.key, write.after)
      return replaced
    },

    applyPacked(entry) {
      const { sequence, origin } = entry
      cursor.requireNext(sequence)
      if (!entry.superseded) applyPackedEntry(newest, entry)
      cursor.advance(sequence, entry.bytes, entry.digestStart, entry.digestLength)
      vector.advance(origin === undefined ? sequence : entry.originSequence, entry.stamp, origin)
      if (dependencies === undefined) return
      if (dependencies.size > 0) dependencies.advance(origin ?? logId)
      if (!entry.superseded) setDependency(dependencies, entry)
    },

    load(entry) {
      applyPackedEntry(newest, entry)
      if (dependencies !== undefined) setDependency(dependencies, entry)
    },
    loaded({ sequence, digest, position, forgotten = 0 }) {
      cursor.advance(Number(sequence), digest, 0, digest.length)
      vector.load(position)
      for (const id of logsIn(position)) dependencies?.advance(id)
      ranks?.tombstones.forget(forgotten)
    },
  }
}

function sumOf(one: PackedMap['memory'], other: PackedMap['memory']): PackedMap['memory'] {
  return { bytes: one.bytes + other.bytes, liveBytes: one.liveBytes + other.liveBytes }
}
