import { owned } from '../lib/buffers.ts'
import { byteAt, copyBytes } from './bytes.ts'
import { type Deadlines, makeDeadlines } from './deadlines.ts'
import { type LargeValues, makeLargeValues, type Value } from './large-values.ts'
import {
  type Content,
  contentSize,
  hasContentType,
  hasDeadline,
  isPacked,
  keyOffset,
  type PackedRank,
  type PackedTag,
  readDeadline,
  readKeyLength,
  readLargeValueNumber,
  readModifiedAt,
  readRank,
  readSequence,
  readSlot,
  readTag,
  readValueLength,
  recordSize,
  writeHeader,
  writeSlot,
} from './record-layout.ts'
import type { Slabs } from './slabs.ts'

/** What a record has beside its value. */
interface Times extends Pick<Content, 'deadline'> {
  /** Time of the entry that the record was made from, or of its earlier version. */
  readonly modifiedAt: number
}

/** Keys with their values, packed into slabs. */
export interface Records {
  /** Whether the record at the address has this key. */
  isKeyAt(address: number, key: Uint8Array, start: number, length: number): boolean
  /** Size of the record in memory, in bytes. */
  sizeAt(address: number): number
  /** The record's key as a window on a buffer. It is valid until the next change. */
  keyAt(address: number): { buffer: Buffer; start: number; length: number }
  /** Sequence of the entry that the record was made from. */
  sequenceAt(address: number): number
  /** Tag of that entry, or of its earlier version. */
  tagAt(address: number): PackedTag
  /** Deadline of the key; undefined where it has none. */
  deadlineAt(address: number): number | undefined
  /** Rank of the entry; undefined where it was added without one. */
  rankAt(address: number): PackedRank | undefined
  /** Copies the record, so that the result shares no memory with later changes. */
  read(address: number): Value & Times
  /**
   * Adds a record. Returns its address.
   * @throws ViewFull
   */
  add(content: Content): number
  /**
   * Replaces a record in place if the new one has the same size. Returns the address of the new one.
   * @throws ViewFull
   */
  replace(address: number, content: Content): number
  remove(address: number): void
  /** Moves a record to free the space at its address. Returns its new address. */
  move(address: number): number
  /** Size of the values that are not packed into slabs, in bytes. */
  readonly largeValueBytes: number
  /** The deadlines of the records that have one, by address. */
  readonly deadlines: Pick<Deadlines, 'pending' | 'lapsed' | 'next' | 'bytes' | 'lapse' | 'lapsedAt'>
}

export function makeRecords(slabs: Slabs): Records {
  const largeValues = makeLargeValues()
  const deadlines = makeDeadlines((address, slot) => writeSlot(slabs.buffer(address), slabs.offset(address), slot))

  const sizeAt = (address: number) => slabs.roundUp(recordSize(slabs.buffer(address), slabs.offset(address)))
  const sizeOf = (content: Content) => slabs.roundUp(contentSize(content))

  function writeAt(address: number, content: Content): void {
    writeRecord(slabs.buffer(address), slabs.offset(address), content, largeValues)
    if (content.deadline !== undefined) deadlines.add(address, content.deadline)
  }

  /** Removes what is kept elsewhere for a record that goes. */
  function removeParts(address: number): void {
    const [buffer, at] = [slabs.buffer(address), slabs.offset(address)]
    const number = readLargeValueNumber(buffer, at)
    if (number >= 0) largeValues.remove(number)
    if (hasDeadline(buffer, at)) deadlines.remove(readSlot(buffer, at))
  }

  function add(content: Content): number {
    const address = slabs.allocate(sizeOf(content))
    writeAt(address, content)
    return address
  }

  return {
    isKeyAt: (address, key, start, length) => hasKey(slabs.buffer(address), slabs.offset(address), key, start, length),
    sizeAt,
    keyAt(address) {
      const buffer = slabs.buffer(address)
      const at = slabs.offset(address)
      return { buffer, start: at + keyOffset(buffer, at), length: readKeyLength(buffer, at) }
    },
    sequenceAt: (address) => readSequence(slabs.buffer(address), slabs.offset(address)),
    tagAt: (address) => readTag(slabs.buffer(address), slabs.offset(address)),
    deadlineAt: (address) => readDeadline(slabs.buffer(address), slabs.offset(address)),
    rankAt: (address) => readRank(slabs.buffer(address), slabs.offset(address)),
    read: (address) => readRecord(slabs.buffer(address), slabs.offset(address), largeValues),
    add,

    replace(address, content) {
      const size = sizeAt(address)
      removeParts(address)
      if (size === sizeOf(content)) {
        writeAt(address, content)
        return address
      }
      const moved = add(content)
      slabs.release(address, size)
      return moved
    },

    remove(address) {
      removeParts(address)
      slabs.release(address, sizeAt(address))
    },

    move(address) {
      const size = sizeAt(address)
      const from = slabs.buffer(address)
      const start = slabs.offset(address)
      const moved = slabs.allocate(size)
      from.copy(slabs.buffer(moved), slabs.offset(moved), start, start + size)
      if (hasDeadline(from, start)) deadlines.move(readSlot(from, start), moved)
      slabs.release(address, size)
      return moved
    },

    get largeValueBytes() {
      return largeValues.bytes
    },
    deadlines,
  }
}

function hasKey(buffer: Buffer, at: number, key: Uint8Array, start: number, length: number): boolean {
  if (readKeyLength(buffer, at) !== length) return false
  const keyAt = at + keyOffset(buffer, at)
  for (let index = 0; index < length; index++) {
    if (buffer[keyAt + index] !== key[start + index]) return false
  }
  return true
}

function writeRecord(buffer: Buffer, at: number, content: Content, largeValues: LargeValues): void {
  const { keyLength, valueLength, contentType } = content
  const packed = isPacked(content)
  writeHeader(buffer, at, content, packed)
  const keyAt = at + keyOffset(buffer, at)
  copyBytes(content.key, content.keyStart, keyLength, buffer, keyAt)
  const keyEnd = keyAt + keyLength
  if (packed) {
    copyBytes(content.value, content.valueStart, valueLength, buffer, keyEnd)
    if (contentType !== undefined) buffer[keyEnd + valueLength] = buffer.write(contentType, keyEnd + valueLength + 1)
  } else {
    const value = owned(content.value, content.valueStart, valueLength)
    buffer.writeUInt32LE(largeValues.add({ value, contentType }), keyEnd)
  }
}

function readRecord(buffer: Buffer, at: number, largeValues: LargeValues): ReturnType<Records['read']> {
  const modifiedAt = readModifiedAt(buffer, at)
  const deadline = readDeadline(buffer, at)
  const number = readLargeValueNumber(buffer, at)
  if (number >= 0) return { ...largeValues.get(number), modifiedAt, deadline }
  const start = at + keyOffset(buffer, at) + readKeyLength(buffer, at)
  const end = start + readValueLength(buffer, at)
  const value = Buffer.allocUnsafe(end - start)
  copyBytes(buffer, start, end - start, value, 0)
  const contentType = hasContentType(buffer, at)
    ? buffer.toString('utf8', end + 1, end + 1 + byteAt(buffer, end))
    : undefined
  return { value, contentType, modifiedAt, deadline }
}
