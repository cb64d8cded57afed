import { Pieces } from './bind-pieces.ts'
import { toTimestamp } from './timestamps.ts'

/**
 * One-dimensional arrays in Postgres's binary format (array_recv in the server's arrayfuncs.c). `pg` would send an
 * array as text, with each bytea in hexadecimal: twice the bytes and several times the work. Undefined is a null.
 */
const header = 20
const smallint = { oid: 21, size: 2 }
const integer = { oid: 23, size: 4 }
const boolean = { oid: 16, size: 1 }
const bigint = { oid: 20, size: 8 }
const timestamp = { oid: 1184, size: 8 }

export function smallintArray(values: readonly number[]): Buffer {
  const array = start(values.length, smallint.oid, values.length * (4 + smallint.size))
  let at = header
  for (const value of values) {
    at = array.writeInt32BE(smallint.size, at)
    at = array.writeInt16BE(value, at)
  }
  return array
}

export function integerArray(values: readonly number[]): Buffer {
  const array = start(values.length, integer.oid, values.length * (4 + integer.size))
  let at = header
  for (const value of values) {
    at = array.writeInt32BE(integer.size, at)
    at = array.writeInt32BE(value, at)
  }
  return array
}

export function bigintArray(values: readonly (bigint | undefined)[]): Buffer {
  return int64Array(values, bigint)
}

/** An array of `timestamp with time zone`. @param values milliseconds since 1970 */
export function timestampArray(values: readonly (number | undefined)[]): Buffer {
  const timestamps = values.map((value) => (value === undefined ? undefined : toTimestamp(value)))
  return int64Array(timestamps, timestamp)
}

function int64Array(values: readonly (bigint | undefined)[], { oid, size }: typeof bigint): Buffer {
  const present = values.filter((value) => value !== undefined).length
  const array = start(values.length, oid, values.length * 4 + present * size)
  let at = header
  for (const value of values) {
    at = array.writeInt32BE(value === undefined ? -1 : size, at)
    if (value !== undefined) at = array.writeBigInt64BE(value, at)
  }
  return array
}

export function booleanArray(values: readonly boolean[]): Buffer {
  const array = start(values.length, boolean.oid, values.length * (4 + boolean.size))
  let at = header
  for (const value of values) {
    at = array.writeInt32BE(boolean.size, at)
    at = array.writeInt8(value ? 1 : 0, at)
  }
  return array
}

export function textArray(values: readonly (string | undefined)[]): Buffer {
  let size = 0
  for (const value of values) size += 4 + (value === undefined ? 0 : Buffer.byteLength(value))
  const array = start(values.length, 25, size)
  let at = header
  for (const value of values) {
    if (value === undefined) {
      at = array.writeInt32BE(-1, at)
    } else {
      const written = array.write(value, at + 4)
      array.writeInt32BE(written, at)
      at += 4 + written
    }
  }
  return array
}

/** Values of at least so many bytes are sent from where they are. Smaller ones are quicker to copy together. */
const leastPiece = 64 * 1024

export function byteaArray(values: readonly (Buffer | undefined)[]): Buffer | Pieces {
  let size = 0
  let hasLarge = false
  for (const value of values) {
    const length = value?.length ?? 0
    size += 4 + length
    if (length >= leastPiece) hasLarge = true
  }
  if (hasLarge) return byteaArrayInPieces(values)
  const array = start(values.length, 17, size)
  let at = header
  for (const value of values) {
    at = array.writeInt32BE(value?.length ?? -1, at)
    if (value !== undefined) at += value.copy(array, at)
  }
  return array
}

function byteaArrayInPieces(values: readonly (Buffer | undefined)[]): Pieces {
  const pieces = [start(values.length, 17, 0)]
  for (const value of values) {
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(value?.length ?? -1)
    pieces.push(length)
    if (value !== undefined) pieces.push(value)
  }
  return new Pieces(pieces)
}

function start(length: number, elementOid: number, bytes: number): Buffer {
  const array = Buffer.allocUnsafe(header + bytes)
  array.writeInt32BE(1, 0) // dimensions
  array.writeInt32BE(1, 4) // may contain nulls
  array.writeInt32BE(elementOid, 8)
  array.writeInt32BE(length, 12)
  array.writeInt32BE(1, 16) // lower bound
  return array
}
