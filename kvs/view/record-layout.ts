import { byteAt } from './bytes.ts'

/**
 * The layout of a record in a slab, which packs one key with its value:
 *
 *     0  length of the value, 16 bits; 0 when the value is not packed
 *     2  length of the key, 14 bits; whether there is a content type; whether the value is not packed
 *     4  sequence, 48 bits: enough for 400 years at 20,000 a second
 *    10  mark of the entry's digest, 32 bits
 *    14  key, value, content type (after its length, 8 bits); or key and the number of a large value, 32 bits
 */
export const headerBytes = 14
const typeFlag = 1 << 14
const unpackedFlag = 1 << 15

/** Larger values are buffers of their own: they are few enough that the overhead of an object is small. */
export const maxPackedBytes = 32 * 1024
const maxPackedTypeBytes = 255

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
}

export function isPacked({ valueLength, contentType }: Content): boolean {
  return (
    valueLength <= maxPackedBytes && (contentType === undefined || Buffer.byteLength(contentType) <= maxPackedTypeBytes)
  )
}

/** Size of a new record in bytes, before rounding. */
export function contentSize(content: Content): number {
  const { keyLength, valueLength, contentType } = content
  if (!isPacked(content)) return headerBytes + keyLength + 4
  const typeLength = contentType === undefined ? 0 : 1 + Buffer.byteLength(contentType)
  return headerBytes + keyLength + valueLength + typeLength
}

/** Size of the record at an offset in bytes, before rounding. */
export function recordSize(buffer: Buffer, at: number): number {
  const keyEnd = headerBytes + readKeyLength(buffer, at)
  if (hasFlag(buffer, at, unpackedFlag)) return keyEnd + 4
  const valueEnd = keyEnd + readValueLength(buffer, at)
  return hasFlag(buffer, at, typeFlag) ? valueEnd + 1 + byteAt(buffer, at + valueEnd) : valueEnd
}

export function writeHeader(buffer: Buffer, at: number, content: Content, packed: boolean): void {
  const { keyLength, valueLength, contentType, sequence, mark } = content
  const flags = (packed ? 0 : unpackedFlag) | (packed && contentType !== undefined ? typeFlag : 0)
  buffer.writeUInt16LE(packed ? valueLength : 0, at)
  buffer.writeUInt16LE(keyLength | flags, at + 2)
  buffer.writeUIntLE(sequence, at + 4, 6)
  buffer.writeInt32LE(mark, at + 10)
}

export function readKeyLength(buffer: Buffer, at: number): number {
  return (byteAt(buffer, at + 2) | (byteAt(buffer, at + 3) << 8)) & (typeFlag - 1)
}

export function readValueLength(buffer: Buffer, at: number): number {
  return byteAt(buffer, at) | (byteAt(buffer, at + 1) << 8)
}

export function readSequence(buffer: Buffer, at: number): number {
  return buffer.readUIntLE(at + 4, 6)
}

export function readMark(buffer: Buffer, at: number): number {
  return buffer.readInt32LE(at + 10)
}

export function hasContentType(buffer: Buffer, at: number): boolean {
  return hasFlag(buffer, at, typeFlag)
}

/** Number of the record's large value; -1 when the value is packed. */
export function readLargeValueNumber(buffer: Buffer, at: number): number {
  if (!hasFlag(buffer, at, unpackedFlag)) return -1
  return buffer.readUInt32LE(at + headerBytes + readKeyLength(buffer, at))
}

function hasFlag(buffer: Buffer, at: number, flag: number): boolean {
  return ((byteAt(buffer, at + 3) << 8) & flag) !== 0
}
