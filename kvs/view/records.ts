import { owned } from '../lib/buffers.ts'
import type { Slabs } from './slabs.ts'

/** Larger values, with their type, are objects of their own: few, so that what they cost beside their bytes is little. */
export const maxPackedBytes = 32 * 1024
const maxPackedType = 255

/** What a record is made of: windows on buffers, of which it keeps nothing. */
export interface Content {
  readonly key: Buffer
  readonly keyStart: number
  readonly keyLength: number
  readonly value: Buffer
  readonly valueStart: number
  readonly valueLength: number
  readonly contentType: string | undefined
  readonly sequence: number
  /** Of its digest, as `markOf` has it. */
  readonly mark: number
}

export interface Value {
  readonly value: Buffer
  readonly contentType: string | undefined
}

/**
 * One key with its value, packed:
 *
 *     0  value's length, 16 bits; or 0 where the value is not packed
 *     2  key's length, 14 bits; whether there is a content type; whether the value is packed
 *     4  sequence, 48 bits: 400 years at 20,000 a second
 *    10  mark: of the entry's digest, 32 bits
 *    14  key, value, content type (its length, 8 bits, first), or the number of a value that is not packed, 32 bits
 */
export interface Records {
  isKeyAt(address: number, key: Uint8Array, start: number, length: number): boolean
  /** The bytes of memory it takes. */
  sizeAt(address: number): number
  /** The buffer that the key at the address is in, and where in it. */
  keyAt(address: number): { buffer: Buffer; start: number; length: number }
  /** Of the entry it was made from. */
  sequenceAt(address: number): number
  /** Of that entry's digest, as `markOf` has it. */
  markAt(address: number): number
  /** A copy that shares memory with nothing that changes. */
  read(address: number): Value & { sequence: number; mark: number }
  /** @throws ViewFull */
  add(content: Content): number
  /** In place where it takes the same space, else as a new one. Returns where it is. */
  replace(address: number, content: Content): number
  remove(address: number): void
  /** Makes room at the old place. */
  move(address: number): number
  /** What values of their own take, beside the slabs. */
  readonly unpackedBytes: number
}

const header = 14
const typeFlag = 1 << 14
const unpackedFlag = 1 << 15

export function makeRecords(slabs: Slabs): Records {
  const unpacked: (Value | undefined)[] = []
  const vacant: number[] = []
  let unpackedBytes = 0

  function keyLengthAt(buffer: Buffer, at: number): number {
    return (byte(buffer, at + 2) | (byte(buffer, at + 3) << 8)) & (typeFlag - 1)
  }

  function sizeAt(address: number): number {
    const buffer = slabs.buffer(address)
    const at = slabs.offset(address)
    const flags = byte(buffer, at + 3) << 8
    const keyEnd = header + keyLengthAt(buffer, at)
    if (flags & unpackedFlag) return slabs.roundUp(keyEnd + 4)
    const valueEnd = keyEnd + (byte(buffer, at) | (byte(buffer, at + 1) << 8))
    return slabs.roundUp(flags & typeFlag ? valueEnd + 1 + byte(buffer, at + valueEnd) : valueEnd)
  }

  function isPacked({ valueLength, contentType }: Content): boolean {
    return (
      valueLength <= maxPackedBytes && (contentType === undefined || Buffer.byteLength(contentType) <= maxPackedType)
    )
  }

  function sizeOf(content: Content): number {
    const { keyLength, valueLength, contentType } = content
    if (!isPacked(content)) return slabs.roundUp(header + keyLength + 4)
    const typeLength = contentType === undefined ? 0 : 1 + Buffer.byteLength(contentType)
    return slabs.roundUp(header + keyLength + valueLength + typeLength)
  }

  function writeAt(address: number, content: Content): void {
    const { keyLength, valueLength, contentType, sequence, mark } = content
    const buffer = slabs.buffer(address)
    const at = slabs.offset(address)
    const packed = isPacked(content)
    buffer.writeUInt16LE(packed ? valueLength : 0, at)
    buffer.writeUInt16LE(
      keyLength | (packed ? 0 : unpackedFlag) | (packed && contentType !== undefined ? typeFlag : 0),
      at + 2,
    )
    buffer.writeUIntLE(sequence, at + 4, 6)
    buffer.writeInt32LE(mark, at + 10)
    copy(content.key, content.keyStart, keyLength, buffer, at + header)
    const keyEnd = at + header + keyLength
    if (packed) {
      copy(content.value, content.valueStart, valueLength, buffer, keyEnd)
      if (contentType !== undefined) buffer[keyEnd + valueLength] = buffer.write(contentType, keyEnd + valueLength + 1)
    } else {
      const number = vacant.pop() ?? unpacked.length
      unpacked[number] = { value: owned(content.value, content.valueStart, valueLength), contentType }
      unpackedBytes += valueLength
      buffer.writeUInt32LE(number, keyEnd)
    }
  }

  /** The number of the value that is not packed; -1 where it is. */
  function unpackedAt(address: number): number {
    const buffer = slabs.buffer(address)
    const at = slabs.offset(address)
    if ((byte(buffer, at + 3) << 8) & unpackedFlag) return buffer.readUInt32LE(at + header + keyLengthAt(buffer, at))
    return -1
  }

  function sequenceAt(address: number): number {
    return slabs.buffer(address).readUIntLE(slabs.offset(address) + 4, 6)
  }

  function markAt(address: number): number {
    return slabs.buffer(address).readInt32LE(slabs.offset(address) + 10)
  }

  function forget(address: number): void {
    const number = unpackedAt(address)
    if (number < 0) return
    unpackedBytes -= unpacked[number]?.value.length ?? 0
    unpacked[number] = undefined
    vacant.push(number)
  }

  function add(content: Content): number {
    const address = slabs.allocate(sizeOf(content))
    writeAt(address, content)
    return address
  }

  return {
    isKeyAt(address, key, start, length) {
      const buffer = slabs.buffer(address)
      const at = slabs.offset(address)
      if (keyLengthAt(buffer, at) !== length) return false
      for (let index = 0; index < length; index++) {
        if (buffer[at + header + index] !== key[start + index]) return false
      }
      return true
    },

    sizeAt,

    keyAt(address) {
      const buffer = slabs.buffer(address)
      const at = slabs.offset(address)
      return { buffer, start: at + header, length: keyLengthAt(buffer, at) }
    },

    sequenceAt,
    markAt,

    read(address) {
      const buffer = slabs.buffer(address)
      const at = slabs.offset(address)
      const sequence = sequenceAt(address)
      const mark = markAt(address)
      const number = unpackedAt(address)
      if (number >= 0) return { ...(unpacked[number] as Value), sequence, mark }
      const start = at + header + keyLengthAt(buffer, at)
      const end = start + (byte(buffer, at) | (byte(buffer, at + 1) << 8))
      const value = Buffer.allocUnsafe(end - start)
      copy(buffer, start, end - start, value, 0)
      if (!((byte(buffer, at + 3) << 8) & typeFlag)) return { value, contentType: undefined, sequence, mark }
      return { value, contentType: buffer.toString('utf8', end + 1, end + 1 + byte(buffer, end)), sequence, mark }
    },

    add,

    replace(address, content) {
      const size = sizeAt(address)
      forget(address)
      if (size === sizeOf(content)) {
        writeAt(address, content)
        return address
      }
      const moved = add(content)
      slabs.release(address, size)
      return moved
    },

    remove(address) {
      forget(address)
      slabs.release(address, sizeAt(address))
    },

    move(address) {
      const size = sizeAt(address)
      const from = slabs.buffer(address)
      const start = slabs.offset(address)
      const moved = slabs.allocate(size)
      from.copy(slabs.buffer(moved), slabs.offset(moved), start, start + size)
      slabs.release(address, size)
      return moved
    },

    get unpackedBytes() {
      return unpackedBytes
    },
  }
}

/** Byte by byte where that is less work than a call out of JavaScript. */
function copy(from: Buffer, start: number, length: number, to: Buffer, at: number): void {
  if (length <= 32) for (let index = 0; index < length; index++) to[at + index] = from[start + index] as number
  else from.copy(to, at, start, start + length)
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}
