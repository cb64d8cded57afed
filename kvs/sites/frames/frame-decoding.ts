import { maxDeadline, maxKeyBytes } from '../../core/limits.ts'
import { decodeWrite, effectOf, kindOfCode, type Write } from '../../core/operation/operation.ts'
import { isLogId, nowhere } from '../../core/position.ts'
import { maxEntryStamp } from '../../core/rank.ts'
import { owned } from '../../lib/buffers.ts'
import {
  type EndFrame,
  type EntryFrame,
  endCodes,
  entryFlags,
  type Frame,
  type FrameLimits,
  formatVersion,
  type HelloFrame,
  maxContentTypeLength,
  maxSentenceBytes,
  type ReachedFrame,
} from './frame.ts'
import {
  begins,
  endFields,
  type Fields,
  readByte,
  readLength,
  readNumber,
  readPosition,
  readSequence,
  readText,
  skip,
} from './frame-fields.ts'
import { MalformedFrame } from './malformed-frame.ts'

/**
 * Reads the fields of a frame, to its end. What it returns has its memory for itself. Throws MalformedFrame.
 * @param lastOrigin that of the last entry, which the next one mostly has as well; empty before the first one
 */
export function decodeFrame(type: Frame['type'], fields: Fields, limits: FrameLimits, lastOrigin: string): Frame {
  const frame = decodeFields(type, fields, limits, lastOrigin)
  endFields(fields)
  return frame
}

function decodeFields(type: Frame['type'], fields: Fields, limits: FrameLimits, lastOrigin: string): Frame {
  if (type === 'entry') return decodeEntry(fields, limits, lastOrigin)
  if (type === 'hello') return decodeHello(fields)
  if (type === 'reached') return decodeReached(fields)
  return decodeEnd(fields)
}

function decodeHello(fields: Fields): HelloFrame {
  const version = readByte(fields, 'version')
  if (version !== formatVersion) {
    throw new MalformedFrame(`the format has version ${version}; only ${formatVersion} is known here`)
  }
  const after = readSequence(fields, 'sequence', 0n)
  return { type: 'hello', logId: readLogId(fields, readByte(fields, 'log id'), 'log id'), after }
}

function decodeReached(fields: Fields): ReachedFrame {
  const sequence = readSequence(fields, 'sequence', 0n)
  const head = readSequence(fields, 'head', 0n)
  const time = readNumber(fields, 'time', 0, maxDeadline)
  const length = readLength(fields, 'position')
  const position = length === 0 ? nowhere : readPosition(fields, length, 'position')
  return { type: 'reached', sequence, head, position, time }
}

function decodeEnd(fields: Fields): EndFrame {
  const number = readByte(fields, 'code')
  const code = endCodes[number]
  if (code === undefined) throw new MalformedFrame(`the code of the end is unknown: ${number}`)
  const length = readLength(fields, 'sentence')
  checkLength('sentence', length, maxSentenceBytes)
  return { type: 'end', code, sentence: readText(fields, length, 'sentence') }
}

function decodeEntry(fields: Fields, { maxValueBytes }: FrameLimits, lastOrigin: string): EntryFrame {
  const { bytes } = fields
  const head = skip(fields, 19, 'head')
  const code = bytes.readUInt8(head)
  const flags = bytes.readUInt8(head + 1)
  if (flags > entryFlags.all) throw new MalformedFrame(`the entry has unknown flags: ${flags}`)
  const keyLength = bytes.readUInt32LE(head + 3)
  const typeLength = bytes.readUInt32LE(head + 7)
  const afterLength = bytes.readUInt32LE(head + 11)
  const valueLength = bytes.readUInt32LE(head + 15)
  if (keyLength === 0) throw new MalformedFrame('the key is empty')
  checkLength('key', keyLength, maxKeyBytes)
  checkLength('value', valueLength, maxValueBytes)
  checkAbsent('content type', typeLength, flags & entryFlags.contentType)
  checkAbsent('dependency', afterLength, flags & entryFlags.after)
  checkAbsent('value', valueLength, flags & entryFlags.value)
  const sequence = readSequence(fields, 'sequence', 1n)
  const originSequence = readSequence(fields, 'sequence of the origin', 1n)
  const stamp = readNumber(fields, 'stamp', 1, maxEntryStamp)
  const logId = readOrigin(fields, bytes.readUInt8(head + 2), lastOrigin)
  const lengths = { keyLength, typeLength, afterLength, valueLength }
  const write = decodeContent(fields, code, flags, lengths)
  const superseded = (flags & entryFlags.superseded) !== 0
  return { type: 'entry', sequence, origin: { logId, sequence: originSequence }, stamp, superseded, write }
}

interface ContentLengths {
  readonly keyLength: number
  readonly typeLength: number
  readonly afterLength: number
  readonly valueLength: number
}

function decodeContent(fields: Fields, code: number, flags: number, lengths: ContentLengths): Write {
  const key = readText(fields, lengths.keyLength, 'key')
  const contentType = flags & entryFlags.contentType ? readContentType(fields, lengths.typeLength) : undefined
  const deadline = flags & entryFlags.deadline ? readNumber(fields, 'deadline', 0, maxDeadline) : undefined
  const after = flags & entryFlags.after ? readPosition(fields, lengths.afterLength, 'dependency') : undefined
  const hasValue = (flags & entryFlags.value) !== 0
  const valueAt = skip(fields, lengths.valueLength, 'value')
  const kind = kindOfCode(code, true)
  // A site's log has no entries on a ring. To this one they would be as if a ring had them appended here.
  if (kind === undefined || kind === 'ring') throw new MalformedFrame(`the entry is of an unknown kind: ${code}`)
  if (effectOf(kind) === 'set' && !hasValue) throw new MalformedFrame(`the ${kind} has no value`)
  if (effectOf(kind) !== 'set' && hasValue) throw new MalformedFrame(`the ${kind} has a value`)
  if (effectOf(kind) !== 'set' && contentType !== undefined) throw new MalformedFrame(`the ${kind} has a content type`)
  const value = hasValue ? owned(fields.bytes, valueAt, lengths.valueLength) : undefined
  const write = decodeWrite(kind, key, value, contentType, deadline, after)
  if (write === undefined) throw new MalformedFrame(`the ${kind} lacks what it needs`)
  return write
}

/** Entries of one origin share its id as one string. */
function readOrigin(fields: Fields, length: number, lastOrigin: string): string {
  if (length !== lastOrigin.length || length === 0 || !begins(fields, lastOrigin)) {
    return readLogId(fields, length, 'origin')
  }
  skip(fields, length, 'origin')
  return lastOrigin
}

function readLogId(fields: Fields, length: number, name: string): string {
  const logId = readText(fields, length, name)
  if (!isLogId(logId)) throw new MalformedFrame(`the ${name} is no log's id: ${JSON.stringify(logId)}`)
  return logId
}

function readContentType(fields: Fields, bytes: number): string {
  checkLength('content type', bytes, 3 * maxContentTypeLength)
  const text = readText(fields, bytes, 'content type')
  if (text.length <= maxContentTypeLength) return text
  throw new MalformedFrame(
    `the content type has ${text.length} characters; at most ${maxContentTypeLength} are allowed`,
  )
}

function checkLength(name: string, length: number, most: number): void {
  if (length > most) throw new MalformedFrame(`the ${name} has ${length} bytes; at most ${most} are allowed`)
}

function checkAbsent(name: string, length: number, flag: number): void {
  if (length > 0 && flag === 0) throw new MalformedFrame(`the ${name} has ${length} bytes, and is not there`)
}
