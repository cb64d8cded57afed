import { isUtf8 } from 'node:buffer'
import { type Position, parsePosition } from '../../core/position.ts'
import { maxSequence } from './frame.ts'
import { MalformedFrame } from './malformed-frame.ts'

/** The fields of a frame that are not read yet. */
export interface Fields {
  readonly bytes: Buffer
  /** Offset of the next field. */
  at: number
  /** Offset behind the frame. */
  readonly end: number
}

/** Steps over a field and returns its offset. Throws MalformedFrame where the frame ends before the field does. */
export function skip(fields: Fields, length: number, name: string): number {
  const { at, end } = fields
  if (length > end - at) throw new MalformedFrame(`the frame ends inside of its ${name}`)
  fields.at = at + length
  return at
}

export function readByte(fields: Fields, name: string): number {
  return fields.bytes.readUInt8(skip(fields, 1, name))
}

/** Reads a length of 4 bytes. */
export function readLength(fields: Fields, name: string): number {
  return fields.bytes.readUInt32LE(skip(fields, 4, `${name}'s length`))
}

/** Reads a sequence from `least` on. */
export function readSequence(fields: Fields, name: string, least: bigint): bigint {
  const sequence = fields.bytes.readBigUInt64LE(skip(fields, 8, name))
  if (sequence < least || sequence > maxSequence) throw new MalformedFrame(`the ${name} is no sequence: ${sequence}`)
  return sequence
}

/** Reads a whole number from `least` through `most`. */
export function readNumber(fields: Fields, name: string, least: number, most: number): number {
  const number = fields.bytes.readDoubleLE(skip(fields, 8, name))
  if (Number.isSafeInteger(number) && number >= least && number <= most) return number
  throw new MalformedFrame(`the ${name} is not a whole number from ${least} through ${most}: ${number}`)
}

/** Reads UTF-8 without NUL, which Postgres takes in no text. */
export function readText(fields: Fields, length: number, name: string): string {
  const start = skip(fields, length, name)
  const { bytes, at: end } = fields
  let union = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte === 0) throw new MalformedFrame(`the ${name} has a NUL in it`)
    union |= byte
  }
  if (union < 0x80) return bytes.toString('latin1', start, end)
  if (!isUtf8(bytes.subarray(start, end))) throw new MalformedFrame(`the ${name} is not UTF-8`)
  return bytes.toString('utf8', start, end)
}

/** Whether the next bytes are those of an ASCII text; they are left where they are. */
export function begins({ bytes, at, end }: Fields, text: string): boolean {
  const { length } = text
  if (length > end - at) return false
  for (let index = 0; index < length; index++) if (bytes[at + index] !== text.charCodeAt(index)) return false
  return true
}

export function readPosition(fields: Fields, length: number, name: string): Position {
  const position = parsePosition(readText(fields, length, name))
  if (position === undefined) throw new MalformedFrame(`the ${name} is not a position`)
  return position
}

/** Throws MalformedFrame where anything is left of the frame. */
export function endFields({ at, end }: Fields): void {
  if (at < end) throw new MalformedFrame(`the frame has ${end - at} more bytes than its fields`)
}
