/** Keys in byte order, packed one after the other, without gaps. */
export interface PackedKeys {
  bytes: Buffer
  /** Offset in `bytes` after each key. */
  ends: Uint16Array | Uint32Array
  /** Number of keys. */
  count: number
}

/** A key as a window on a buffer. */
export interface KeyWindow {
  readonly bytes: Buffer
  readonly start: number
  readonly length: number
}

/** Least room that is made for more keys, in bytes. */
const leastRoom = 32

/** Offset of a key; that after the last one for `index === count`. */
export function startOf({ ends }: PackedKeys, index: number): number {
  return index === 0 ? 0 : (ends[index - 1] as number)
}

export function endOf({ ends }: PackedKeys, index: number): number {
  return ends[index] as number
}

/** Size of all keys in bytes. */
export function usedBytes(keys: PackedKeys): number {
  return startOf(keys, keys.count)
}

/** Number of bytes that two keys begin with alike, of which `from` are known. */
export function sharedBytes(
  { bytes, start, length }: KeyWindow,
  from: number,
  other: Buffer,
  otherStart: number,
  otherLength: number,
): number {
  const most = length < otherLength ? length : otherLength
  let at = from
  while (at < most && bytes[start + at] === other[otherStart + at]) at++
  return at
}

/** Whether the key is the one at `index`. */
export function isAt(keys: PackedKeys, index: number, key: KeyWindow): boolean {
  if (index >= keys.count) return false
  const at = startOf(keys, index)
  const length = endOf(keys, index) - at
  return length === key.length && sharedBytes(key, 0, keys.bytes, at, length) === length
}

/**
 * Index of the first key that is not before this one; `count` where there is none. What the key shares with both ends
 * of the part that is left, all keys in it begin with, and it is not compared again.
 */
export function findKey({ bytes: other, ends, count }: PackedKeys, key: KeyWindow): number {
  const { bytes, start, length } = key
  let [low, high, lowShared, highShared] = [0, count, 0, 0]
  while (low < high) {
    const middle = (low + high) >>> 1
    const from = middle === 0 ? 0 : (ends[middle - 1] as number)
    const otherLength = (ends[middle] as number) - from
    const shared = sharedBytes(key, lowShared < highShared ? lowShared : highShared, other, from, otherLength)
    const isAfter =
      shared < length &&
      (shared === otherLength || (bytes[start + shared] as number) > (other[from + shared] as number))
    if (isAfter) {
      low = middle + 1
      lowShared = shared
    } else {
      high = middle
      highShared = shared
    }
  }
  return low
}

/** Inserts a key before the one at `index`. There must be a place for it in `ends`. */
export function insertKey(keys: PackedKeys, index: number, { bytes, start, length }: KeyWindow): void {
  const { count } = keys
  const used = usedBytes(keys)
  const at = startOf(keys, index)
  if (used + length > keys.bytes.length) growBytes(keys, used + length)
  if (at < used) keys.bytes.copyWithin(at + length, at, used)
  bytes.copy(keys.bytes, at, start, start + length)
  const { ends } = keys
  for (let later = count; later > index; later--) ends[later] = (ends[later - 1] as number) + length
  ends[index] = at + length
  keys.count++
}

export function removeKey(keys: PackedKeys, index: number): void {
  const { bytes, ends } = keys
  const at = startOf(keys, index)
  const length = endOf(keys, index) - at
  bytes.copyWithin(at, at + length, usedBytes(keys))
  keys.count--
  for (let later = index; later < keys.count; later++) ends[later] = (ends[later + 1] as number) - length
}

/** Moves the keys to a buffer that has room for so many bytes, and a few more. */
export function growBytes(keys: PackedKeys, bytes: number): void {
  const larger = Buffer.allocUnsafeSlow(roomFor(bytes))
  keys.bytes.copy(larger, 0, 0, usedBytes(keys))
  keys.bytes = larger
}

/** An eighth more than is needed, so that not every new key has all of them copied. */
export function roomFor(bytes: number): number {
  return bytes + (bytes >>> 3) + leastRoom
}
