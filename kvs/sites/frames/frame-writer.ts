import { codeOf, setsValue } from '../../core/operation/operation.ts'
import { formatPosition } from '../../core/position.ts'
import {
  type EndFrame,
  type EntryFrame,
  endCodes,
  entryFlags,
  entryHeadBytes,
  type Frame,
  formatVersion,
  frameTypes,
  type HelloFrame,
  headBytes,
  maxSentenceBytes,
  type ReachedFrame,
} from './frame.ts'

export interface FrameWriter {
  /**
   * Adds a frame and returns its size in bytes. A value above 16 KiB is not copied: nobody may change it until it is
   * sent. Throws a RangeError on an id of more than 255 bytes.
   */
  write(frame: Frame): number
  /** Bytes that have been written and not taken. */
  readonly waitingBytes: number
  /** Takes what was written since the last call, as chunks of 64 KiB at most, apart from larger values. */
  take(): Buffer[]
}

const blockBytes = 64 * 1024

/** Values above this are chunks of their own. */
const maxCopiedBytes = 16 * 1024

/** What has been encoded. */
interface Output {
  readonly chunks: Buffer[]
  /** Bytes of the chunks. */
  chunkBytes: number
  block: Buffer
  /** The block's memory. Its methods are compiled into the caller, those of buffers are not. */
  view: DataView
  /** Where in the block the next chunk begins. */
  start: number
  /** Where in the block the next byte goes. */
  at: number
}

export function makeFrameWriter(): FrameWriter {
  const block = Buffer.allocUnsafeSlow(0)
  const output: Output = { chunks: [], chunkBytes: 0, block, view: new DataView(block.buffer), start: 0, at: 0 }
  return {
    write(frame) {
      const before = bytesIn(output)
      writeFrame(output, frame)
      return bytesIn(output) - before
    },
    get waitingBytes() {
      return bytesIn(output)
    },
    take() {
      endChunk(output)
      output.chunkBytes = 0
      return output.chunks.splice(0)
    },
  }
}

function bytesIn({ chunkBytes, start, at }: Output): number {
  return chunkBytes + at - start
}

/** A frame that throws leaves nothing behind. */
function writeFrame(output: Output, frame: Frame): void {
  switch (frame.type) {
    case 'entry':
      writeEntry(output, frame)
      break
    case 'reached':
      writeReached(output, frame)
      break
    case 'hello':
      writeHello(output, frame)
      break
    case 'end':
      writeEnd(output, frame)
  }
}

function writeHello(output: Output, { logId, after }: HelloFrame): void {
  const block = roomFor(output, headBytes + 1 + 8 + 1 + 3 * logId.length)
  let at = output.at + headBytes
  at = block.writeUInt8(formatVersion, at)
  at = block.writeBigInt64LE(after, at)
  const end = writeText(block, at + 1, logId)
  block.writeUInt8(end - at - 1, at)
  endFrame(output, frameTypes.hello, end, 0)
}

function writeReached(output: Output, { sequence, head, position, time }: ReachedFrame): void {
  const text = formatPosition(position)
  const block = roomFor(output, headBytes + 3 * 8 + 4 + 3 * text.length)
  let at = output.at + headBytes
  at = block.writeBigInt64LE(sequence, at)
  at = block.writeBigInt64LE(head, at)
  at = block.writeDoubleLE(time, at)
  const end = writeText(block, at + 4, text)
  block.writeUInt32LE(end - at - 4, at)
  endFrame(output, frameTypes.reached, end, 0)
}

function writeEnd(output: Output, { code, sentence }: EndFrame): void {
  const block = roomFor(output, headBytes + 1 + 4 + maxSentenceBytes)
  let at = output.at + headBytes
  at = block.writeUInt8(endCodes.indexOf(code), at)
  const length = block.write(sentence, at + 4, maxSentenceBytes)
  block.writeUInt32LE(length, at)
  endFrame(output, frameTypes.end, at + 4 + length, 0)
}

/** After the head come the origin's id, key, content type, deadline, dependency and value: those that there are. */
function writeEntry(output: Output, { sequence, origin, stamp, superseded, write }: EntryFrame): void {
  const { deadline } = write
  const value = setsValue(write) ? write.value : undefined
  const contentType = setsValue(write) ? write.contentType : undefined
  const after = write.after === undefined ? '' : formatPosition(write.after)
  const valueBytes = value === undefined ? 0 : value.length
  const textLength = origin.logId.length + write.key.length + (contentType ?? '').length + after.length
  const copiedBytes = valueBytes > maxCopiedBytes ? 0 : valueBytes
  const block = roomFor(output, headBytes + entryHeadBytes + 3 * textLength + 8 + copiedBytes)
  const head = output.at + headBytes
  const originEnd = writeText(block, head + entryHeadBytes, origin.logId)
  const keyEnd = writeText(block, originEnd, write.key)
  const typeEnd = contentType === undefined ? keyEnd : writeText(block, keyEnd, contentType)
  const deadlineEnd = deadline === undefined ? typeEnd : block.writeDoubleLE(deadline, typeEnd)
  const afterEnd = writeText(block, deadlineEnd, after)
  block[head] = codeOf(write.kind)
  block[head + 1] =
    (superseded ? entryFlags.superseded : 0) |
    (value === undefined ? 0 : entryFlags.value) |
    (contentType === undefined ? 0 : entryFlags.contentType) |
    (deadline === undefined ? 0 : entryFlags.deadline) |
    (after === '' ? 0 : entryFlags.after)
  block.writeUInt8(originEnd - head - entryHeadBytes, head + 2)
  const { view } = output
  view.setUint32(head + 3, keyEnd - originEnd, true)
  view.setUint32(head + 7, typeEnd - keyEnd, true)
  view.setUint32(head + 11, afterEnd - deadlineEnd, true)
  view.setUint32(head + 15, valueBytes, true)
  view.setBigInt64(head + 19, sequence, true)
  view.setBigInt64(head + 27, origin.sequence, true)
  view.setFloat64(head + 35, stamp, true)
  if (value === undefined || copiedBytes === 0) {
    endFrame(output, frameTypes.entry, afterEnd, valueBytes)
    if (value !== undefined && valueBytes > 0) addChunk(output, value)
    return
  }
  value.copy(block, afterEnd)
  endFrame(output, frameTypes.entry, afterEnd + valueBytes, 0)
}

/** @param bytesBehind what of the frame comes behind the block, as a chunk of its own */
function endFrame(output: Output, type: number, end: number, bytesBehind: number): void {
  const { block, view, at } = output
  view.setUint32(at, end - at - 4 + bytesBehind, true)
  block[at + 4] = type
  output.at = end
}

/** Returns a block that has room for a number of bytes at `output.at`. */
function roomFor(output: Output, bytes: number): Buffer {
  if (output.at + bytes > output.block.length) {
    endChunk(output)
    output.block = Buffer.allocUnsafeSlow(Math.max(blockBytes, bytes))
    output.view = new DataView(output.block.buffer)
    output.start = 0
    output.at = 0
  }
  return output.block
}

function endChunk(output: Output): void {
  const { block, start, at } = output
  if (at === start) return
  output.chunks.push(block.subarray(start, at))
  output.chunkBytes += at - start
  output.start = at
}

function addChunk(output: Output, chunk: Buffer): void {
  endChunk(output)
  output.chunks.push(chunk)
  output.chunkBytes += chunk.length
}

/** Returns the offset behind the text. A loop is faster than a call into V8 for most: they are short, and ASCII. */
function writeText(to: Buffer, start: number, text: string): number {
  const { length } = text
  if (length > 64) return start + to.write(text, start)
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x7f) return start + to.write(text, start)
    to[start + at] = code
  }
  return start + length
}
