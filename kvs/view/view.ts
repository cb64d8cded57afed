import type { Entry, Found, LogPoint, PackedEntry } from '../core/entry.ts'
import { encodeKey } from '../core/key-bytes.ts'
import { maxKeyBytes } from '../core/limits.ts'
import { effectOf, setsValue } from '../core/operation/operation.ts'
import { type CurrentVersion, hasPassed, markOf, tagOf, type Version } from '../core/version.ts'
import { makeCursor } from './cursor.ts'
import { makePackedMap, type PackedMap } from './packed-map.ts'

/**
 * The latest value of each key: the result of all entries up to the position, applied in order. It does no I/O. Keys
 * and values are outside of V8's heap: 1,000,000 keys of 14 bytes with values of 100 bytes take 150 MB, and 350 MB in a
 * Map of Buffers.
 */
export interface View extends Pick<PackedMap, 'memory' | 'segments' | 'hashesIn' | 'visitKeys'> {
  /** Position of the last applied entry; sequence 0n before the first one. */
  readonly position: LogPoint
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
  /** Version of the key's value; undefined when it has none. */
  versionOf(key: string): CurrentVersion | undefined
  /**
   * Applies the next entry of the log. Returns whether it replaced a value that had not lapsed when the entry was
   * committed.
   * @throws OutOfOrder when another entry is next, without changing anything; ViewFull
   */
  apply(entry: Entry): boolean
  /** Applies an entry that was read in bulk. Otherwise the same as `apply`. */
  applyPacked(entry: PackedEntry): void
  /**
   * Sets the value of a key as a checkpoint has it. Allowed only before the first entry is applied.
   * @throws ViewFull
   */
  load(entry: PackedEntry): void
  /** Sets the position after everything that a checkpoint has was loaded. */
  loaded(position: LogPoint): void
}

/** A key whose deadline has passed, with the version of its value. */
export interface LapsedKey extends Version {
  readonly key: string
  readonly deadline: number
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
}

export function makeView({ logId = '', gapsUpTo = 0n, slabBytes, hashSecret }: ViewOptions = {}): View {
  const map = makePackedMap(slabBytes, hashSecret)
  const cursor = makeCursor(Number(gapsUpTo))
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
    get size() {
      return map.size
    },
    get memory() {
      return map.memory
    },

    get(key) {
      const address = find(key)
      if (address === 0) return undefined
      const { value, contentType, sequence, mark, recordedAt, deadline } = map.read(address)
      return { value, contentType, tag: tagOf(logId, sequence, mark), modifiedAt: recordedAt, deadline }
    },

    has(key, now) {
      const address = find(key)
      return address !== 0 && !hasPassed(map.deadlineAt(address), now)
    },
    segments: map.segments,
    hashesIn: map.hashesIn,
    visitKeys: map.visitKeys,

    versionOf(key) {
      const address = find(key)
      return address === 0 ? undefined : versionAt(map, address, logId)
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
    lapsed: (most) => listLapsed(map, most, logId),

    apply(entry) {
      const { digest } = entry
      const sequence = Number(entry.sequence)
      cursor.requireNext(sequence)
      const replaced = !entry.superseded && applyEntry(map, entry, sequence, encoded)
      cursor.advance(sequence, digest, 0, digest.length)
      return replaced
    },

    applyPacked(entry) {
      cursor.requireNext(entry.sequence)
      if (!entry.superseded) applyPackedEntry(map, entry)
      cursor.advance(entry.sequence, entry.bytes, entry.digestStart, entry.digestLength)
    },

    load: (entry) => setPackedValue(map, entry),
    loaded: ({ sequence, digest }) => cursor.advance(Number(sequence), digest, 0, digest.length),
  }
}

function versionAt(map: PackedMap, address: number, logId: string): CurrentVersion {
  const sequence = BigInt(map.sequenceAt(address))
  return { sequence, tag: tagOf(logId, sequence, map.markAt(address)), deadline: map.deadlineAt(address) }
}

function lapse(map: PackedMap, now: number, most: number, visit: Parameters<View['lapse']>[2]): number {
  for (let lapsed = 0; lapsed < most; lapsed++) {
    const address = map.deadlines.lapse(now)
    if (address === 0) return lapsed
    const { buffer, start, length } = map.keyAt(address)
    visit(buffer, start, length)
  }
  return most
}

function listLapsed(map: PackedMap, most: number, logId: string): LapsedKey[] {
  return Array.from({ length: Math.min(most, map.deadlines.lapsed) }, (_, index) => {
    const address = map.deadlines.lapsedAt(index)
    const { buffer, start, length } = map.keyAt(address)
    const { sequence, tag, deadline = 0 } = versionAt(map, address, logId)
    return { key: buffer.toString('utf8', start, start + length), sequence, tag, deadline }
  })
}

function applyEntry(map: PackedMap, entry: Entry, sequence: number, encoded: Buffer): boolean {
  const { digest, write, recordedAt } = entry
  const keyLength = encodeKey(write.key, encoded)
  if (keyLength < 0) return false
  if (!setsValue(write)) return map.remove(encoded, 0, keyLength, recordedAt)
  const { value, contentType, deadline } = write
  return map.set({
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
  })
}

function applyPackedEntry(map: PackedMap, entry: PackedEntry): void {
  if (effectOf(entry.kind) === 'set') setPackedValue(map, entry)
  else if (entry.keyLength <= maxKeyBytes) map.remove(entry.bytes, entry.keyStart, entry.keyLength, entry.recordedAt)
}

function setPackedValue(map: PackedMap, entry: PackedEntry): void {
  const { keyLength, keyStart, bytes, valueStart, valueLength, contentType, sequence, recordedAt, deadline } = entry
  if (keyLength > maxKeyBytes) return
  const mark = markOf(bytes, entry.digestStart, entry.digestLength)
  map.set({
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
  })
}
