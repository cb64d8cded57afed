/** Whether the record at an address has this key. */
export type IsKeyAt = (address: number, key: Uint8Array, start: number, length: number) => boolean

/**
 * Where each key's record is: a hash table outside of V8's heap, 8 bytes a place. A `Map` takes over 100 bytes a key, and
 * throws at 2^24 of them.
 */
export interface KeyIndex {
  readonly size: number
  /** The address of the key's record; 0 where there is none. */
  find(hash: number, key: Uint8Array, start: number, length: number): number
  /** Of a key that is not in it. */
  add(hash: number, address: number): void
  /** Whether a key is at this address. */
  has(hash: number, address: number): boolean
  /** The record has moved. */
  move(hash: number, from: number, to: number): void
  remove(hash: number, address: number): void
}

/** Each grows by itself, so that a node with 20,000,000 keys moves 20,000 at a time: 0.2 ms, not 0.2 s. */
const segmentBits = 10
const hashBits = 32 - segmentBits
const hashesPerSegment = 2 ** hashBits

interface Segment {
  /** Pairs of hash and address; address 0 is a free place. A key is in the first that was free from its home on. */
  pairs: Uint32Array
  places: number
  keys: number
}

export function makeKeyIndex(isKeyAt: IsKeyAt): KeyIndex {
  const segments: Segment[] = Array.from({ length: 2 ** segmentBits }, () => makeSegment(8))
  let size = 0

  const segmentOf = (hash: number): Segment => segments[hash >>> hashBits] as Segment

  /** The place of this pair; -1 where there is none. */
  function placeOf({ pairs, places }: Segment, hash: number, address: number): number {
    for (let place = home(hash, places); ; place = place + 1 === places ? 0 : place + 1) {
      const found = pairs[2 * place + 1]
      if (found === address) return place
      if (found === 0) return -1
    }
  }

  return {
    get size() {
      return size
    },

    find(hash, key, start, length) {
      const { pairs, places } = segmentOf(hash)
      for (let place = home(hash, places); ; place = place + 1 === places ? 0 : place + 1) {
        const address = pairs[2 * place + 1] as number
        if (address === 0) return 0
        if (pairs[2 * place] === hash && isKeyAt(address, key, start, length)) return address
      }
    },

    add(hash, address) {
      const segment = segmentOf(hash)
      if (segment.keys + 1 > 0.8 * segment.places) grow(segment)
      insert(segment, hash, address)
      segment.keys++
      size++
    },

    has: (hash, address) => placeOf(segmentOf(hash), hash, address) >= 0,

    move(hash, from, to) {
      const segment = segmentOf(hash)
      segment.pairs[2 * placeOf(segment, hash, from) + 1] = to
    },

    /** What follows moves up, where that brings it nearer to its home: so no place need be marked as once taken. */
    remove(hash, address) {
      const segment = segmentOf(hash)
      const { pairs, places } = segment
      let gap = placeOf(segment, hash, address)
      for (let place = gap; ; ) {
        place = place + 1 === places ? 0 : place + 1
        if (pairs[2 * place + 1] === 0) break
        const wanted = home(pairs[2 * place] as number, places)
        const isBetween = gap <= place ? gap < wanted && wanted <= place : gap < wanted || wanted <= place
        if (isBetween) continue
        pairs.copyWithin(2 * gap, 2 * place, 2 * place + 2)
        gap = place
      }
      pairs[2 * gap + 1] = 0
      segment.keys--
      size--
    },
  }
}

function makeSegment(places: number): Segment {
  return { pairs: new Uint32Array(2 * places), places, keys: 0 }
}

/** Where a hash belongs, of that many places. */
function home(hash: number, places: number): number {
  return Math.floor(((hash & (hashesPerSegment - 1)) * places) / hashesPerSegment)
}

function insert({ pairs, places }: Segment, hash: number, address: number): void {
  let place = home(hash, places)
  while (pairs[2 * place + 1] !== 0) place = place + 1 === places ? 0 : place + 1
  pairs[2 * place] = hash
  pairs[2 * place + 1] = address
}

/** By half: twice as much would leave half of it empty for most of the time. */
function grow(segment: Segment): void {
  const { pairs } = segment
  segment.places += segment.places >> 1
  segment.pairs = new Uint32Array(2 * segment.places)
  for (let at = 0; at < pairs.length; at += 2) {
    if (pairs[at + 1] !== 0) insert(segment, pairs[at] as number, pairs[at + 1] as number)
  }
}
