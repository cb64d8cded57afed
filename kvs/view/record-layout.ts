import { byteAt } from './bytes.ts'

/**
 * The layout of a record in a slab, which packs one key with its value:
 *
 *     0  length of the value, 16 bits; 0 when the value is not packed
 *     2  length of the key, 11 bits; whether there is an earlier version, a rank, a deadline, a content type; whether
 *        the value is not packed
 *     4  sequence, 48 bits: enough for 400 years at 20,000 a second
 *    10  mark of the entry's digest, 32 bits; that of the earlier version where there is one
 *    14  time of the entry, or of the earlier version, in milliseconds since 1970, 48 bits: enough up to the year 10889
 *    20  deadline in the same way, 48 bits, and its slot, 32 bits, where there is one; what follows, or else is here:
 *        rank where there is one: lower 48 bits of the stamp; its upper 5 in 7 bits; whether the entry is an expiry;
 *        number of its origin, 16 bits
 *        earlier version where there is one: number of its log, 16 bits; its sequence there, 48 bits
 *        key, value, content type (after its length, 8 bits); or key and the number of a large value, 32 bits
 */
const headerBytes = 20
const deadlineBytes = 6
const slotBytes = 4
const rankBytes = 9
const earlierBytes = 8
const earlierFlag = 1 << 11
const rankFlag = 1 << 12
const deadlineFlag = 1 << 13
const typeFlag = 1 << 14
const unpackedFlag = 1 << 15
/** In the byte that has the upper bits of a stamp. */
const expiryFlag = 1 << 7

/** Larger values are buffers of their own: they are few enough that the overhead of an object is small. */
export const maxPackedBytes = 32 * 1024
const maxPackedTypeBytes = 255

/** Number of different logs that records can name. */
export const maxLogs = 2 ** 16

/** A rank as a record keeps it. */
export interface PackedRank {
  /** As `Rank.stamp`. */
  readonly stamp: number
  readonly isExpiry: boolean
  /** Number that stands for the origin, below `maxLogs`. */
  readonly origin: number
}

/** What the tag of a value is made of, as a record keeps it. */
export interface PackedTag {
  /** Number that stands for the log that the tag names, below `maxLogs`; 0 for the view's own. */
  readonly log: number
  readonly sequence: number
  /** As `markOf` returns it. */
  readonly mark: number
}

/** As `EarlierVersion`. */
export interface PackedEarlier extends PackedTag {
  readonly modifiedAt: number
}

/** The content of a record. Key and value are windows on buffers, which a record copies. */
export interface Content {
  readonly key: Buffer
  readonly keyStart: number
  readonly keyLength: number
  readonly value: Buffer
  readonly valueStart: number
  readonly valueLength: number
  readonly contentType: string | undefined
  readonly sequence: number
  /** Mark of the entry's digest, as `markOf` returns it. */
  readonly mark: number
  /** As `Entry.recordedAt`. */
  readonly recordedAt: number
  /** As `Put.deadline`. */
  readonly deadline: number | undefined
  /** Rank of the entry; undefined where the view keeps none. */
  readonly rank: PackedRank | undefined
  /** The version that readers see of a moved value; undefined for any other value. */
  readonly earlier: PackedEarlier | undefined
}

export function isPacked({ valueLength, contentType }: Content): boolean {
  return (
    valueLength <= maxPackedBytes && (contentType === undefined || Buffer.byteLength(contentType) <= maxPackedTypeBytes)
  )
}

/** Size of a new record in bytes, before rounding. */
export function contentSize(content: Content): number {
  const { keyLength, valueLength, contentType, deadline, rank, earlier } = content
  const deadlinePart = deadline === undefined ? 0 : deadlineBytes + slotBytes
  const rankPart = rank === undefined ? 0 : rankBytes
  const keyEnd = headerBytes + deadlinePart + rankPart + (earlier === undefined ? 0 : earlierBytes) + keyLength
  if (!isPacked(content)) return keyEnd + 4
  const typeLength = contentType === undefined ? 0 : 1 + Buffer.byteLength(contentType)
  return keyEnd + valueLength + typeLength
}

/** Size of the record at an offset in bytes, before rounding. */
export function recordSize(buffer: Buffer, at: number): number {
  const keyEnd = keyOffset(buffer, at) + readKeyLength(buffer, at)
  if (hasFlag(buffer, at, unpackedFlag)) return keyEnd + 4
  const valueEnd = keyEnd + readValueLength(buffer, at)
  return hasFlag(buffer, at, typeFlag) ? valueEnd + 1 + byteAt(buffer, at + valueEnd) : valueEnd
}

/** Writes all but the deadline's slot. */
export function writeHeader(buffer: Buffer, at: number, content: Content, packed: boolean): void {
  const { keyLength, valueLength, contentType, sequence, recordedAt, deadline, rank, earlier } = content
  const typeFlags = packed ? (contentType === undefined ? 0 : typeFlag) : unpackedFlag
  const rankFlags = (rank === undefined ? 0 : rankFlag) | (earlier === undefined ? 0 : earlierFlag)
  const flags = typeFlags | rankFlags | (deadline === undefined ? 0 : deadlineFlag)
  buffer.writeUInt16LE(packed ? valueLength : 0, at)
  buffer.writeUInt16LE(keyLength | flags, at + 2)
  buffer.writeUIntLE(sequence, at + 4, 6)
  buffer.writeInt32LE((earlier ?? content).mark, at + 10)
  buffer.writeUIntLE(earlier?.modifiedAt ?? recordedAt, at + 14, 6)
  if (deadline !== undefined) buffer.writeUIntLE(deadline, at + headerBytes, deadlineBytes)
  if (rank !== undefined) writeRank(buffer, at + rankOffset(buffer, at), rank)
  if (earlier !== undefined) {
    const start = at + earlierOffset(buffer, at)
    buffer.writeUInt16LE(earlier.log, start)
    buffer.writeUIntLE(earlier.sequence, start + 2, 6)
  }
}

function writeRank(buffer: Buffer, at: number, { stamp, isExpiry, origin }: PackedRank): void {
  buffer.writeUIntLE(stamp % 2 ** 48, at, 6)
  buffer[at + 6] = Math.floor(stamp / 2 ** 48) | (isExpiry ? expiryFlag : 0)
  buffer.writeUInt16LE(origin, at + 7)
}

/** Undefined where the record has none. */
export function readRank(buffer: Buffer, at: number): PackedRank | undefined {
  if (!hasFlag(buffer, at, rankFlag)) return undefined
  const start = at + rankOffset(buffer, at)
  const top = byteAt(buffer, start + 6)
  const stamp = (top & (expiryFlag - 1)) * 2 ** 48 + buffer.readUIntLE(start, 6)
  return { stamp, isExpiry: (top & expiryFlag) !== 0, origin: buffer.readUInt16LE(start + 7) }
}

/** Offset of the key from the record's start. */
export function keyOffset(buffer: Buffer, at: number): number {
  const offset = earlierOffset(buffer, at)
  return hasFlag(buffer, at, earlierFlag) ? offset + earlierBytes : offset
}

/** Offset of the earlier version, or of the key where there is none. */
function earlierOffset(buffer: Buffer, at: number): number {
  const offset = rankOffset(buffer, at)
  return hasFlag(buffer, at, rankFlag) ? offset + rankBytes : offset
}

/** Offset of the rank, or of what comes after it where there is none. */
function rankOffset(buffer: Buffer, at: number): number {
  return hasFlag(buffer, at, deadlineFlag) ? headerBytes + deadlineBytes + slotBytes : headerBytes
}

/** Slot of the record's deadline, as `Deadlines` has it. Only for a record with a deadline. */
export function readSlot(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + headerBytes + deadlineBytes)
}

export function writeSlot(buffer: Buffer, at: number, slot: number): void {
  buffer.writeUInt32LE(slot, at + headerBytes + deadlineBytes)
}

export function readKeyLength(buffer: Buffer, at: number): number {
  return (byteAt(buffer, at + 2) | (byteAt(buffer, at + 3) << 8)) & (earlierFlag - 1)
}

export function readValueLength(buffer: Buffer, at: number): number {
  return byteAt(buffer, at) | (byteAt(buffer, at + 1) << 8)
}

export function readSequence(buffer: Buffer, at: number): number {
  return buffer.readUIntLE(at + 4, 6)
}

/** The tag by which readers know the value: that of the earlier version where there is one. */
export function readTag(buffer: Buffer, at: number): PackedTag {
  const mark = buffer.readInt32LE(at + 10)
  if (!hasFlag(buffer, at, earlierFlag)) return { log: 0, sequence: readSequence(buffer, at), mark }
  const start = at + earlierOffset(buffer, at)
  return { log: buffer.readUInt16LE(start), sequence: buffer.readUIntLE(start + 2, 6), mark }
}

/** Time of the entry, or of the earlier version, as `Content` has it. */
export function readModifiedAt(buffer: Buffer, at: number): number {
  return buffer.readUIntLE(at + 14, 6)
}

export function hasDeadline(buffer: Buffer, at: number): boolean {
  return hasFlag(buffer, at, deadlineFlag)
}

/** Undefined where the record has none. */
export function readDeadline(buffer: Buffer, at: number): number | undefined {
  return hasFlag(buffer, at, deadlineFlag) ? buffer.readUIntLE(at + headerBytes, deadlineBytes) : undefined
}

export function hasContentType(buffer: Buffer, at: number): boolean {
  return hasFlag(buffer, at, typeFlag)
}

/** Number of the record's large value; -1 when the value is packed. */
export function readLargeValueNumber(buffer: Buffer, at: number): number {
  if (!hasFlag(buffer, at, unpackedFlag)) return -1
  return buffer.readUInt32LE(at + keyOffset(buffer, at) + readKeyLength(buffer, at))
}

function hasFlag(buffer: Buffer, at: number, flag: number): boolean {
  return ((byteAt(buffer, at + 3) << 8) & flag) !== 0
}
