import { freeBuffer } from '../../lib/buffers.ts'
import { type Frame, type FrameLimits, framesByType, headBytes, longestFrames } from './frame.ts'
import { decodeFrame } from './frame-decoding.ts'
import { MalformedFrame } from './malformed-frame.ts'
import { makeStreamOrder } from './stream-order.ts'

/**
 * Reads one stream. It is over once it has thrown. Between two calls it holds the bytes of one unfinished frame, and
 * allocates twice of what has come of a frame at most, or 4 KiB, whatever its length says.
 */
export interface FrameReader {
  /**
   * Takes the next bytes of the stream, and calls `onFrame` for each frame that ends in them. Frames share no memory
   * with the chunk. Throws MalformedFrame, and what `onFrame` throws.
   */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void
  /** The stream has ended. Throws MalformedFrame where it ends inside of a frame, or before the first one. */
  end(): void
}

/** A larger buffer is not kept for the next frame that comes in several chunks. */
const maxKeptBytes = 64 * 1024
const leastBytes = 4 * 1024
const noBytes: Buffer = Buffer.alloc(0)

export function makeFrameReader(limits: FrameLimits): FrameReader {
  const order = makeStreamOrder(limits)
  const longest = longestFrames(limits)
  const held = makeHeldBytes()
  let lastOrigin = ''
  let frames = 0
  /** Bytes that the held frame has in all; `headBytes` as long as its length is not known. */
  let wanted = headBytes

  /** Size of the frame that begins at an offset, its length included. */
  function sizeAt(bytes: Buffer, at: number): number {
    frames += 1
    const length = bytes.readUInt32LE(at)
    if (length === 0) throw new MalformedFrame('the frame is empty')
    const type = typeAt(bytes, at)
    order.admit(type)
    if (length <= longest[type]) return 4 + length
    throw new MalformedFrame(`the ${type} has ${length} bytes; at most ${longest[type]} are allowed`)
  }

  function decode(bytes: Buffer, at: number, end: number): Frame {
    const frame = decodeFrame(typeAt(bytes, at), { bytes, at: at + headBytes, end }, limits, lastOrigin)
    if (frame.type === 'entry') lastOrigin = frame.origin.logId
    order.follow(frame, end - at)
    return frame
  }

  /** Takes a frame, or a part of one, and returns the offset behind it. */
  function step(chunk: Buffer, at: number, onFrame: (frame: Frame) => void): number {
    if (held.length === 0 && chunk.length - at >= headBytes) {
      wanted = sizeAt(chunk, at)
      const end = at + wanted
      if (end <= chunk.length) {
        wanted = headBytes
        onFrame(decode(chunk, at, end))
        return end
      }
    }
    const end = held.add(chunk, at, wanted)
    if (held.length === headBytes && wanted === headBytes) wanted = sizeAt(held.bytes, 0)
    if (held.length < wanted) return end
    const frame = decode(held.bytes, 0, wanted)
    held.clear()
    wanted = headBytes
    onFrame(frame)
    return end
  }

  return {
    push(chunk, onFrame) {
      try {
        for (let at = 0; at < chunk.length; ) at = step(chunk, at, onFrame)
      } catch (error) {
        throw error instanceof MalformedFrame ? new MalformedFrame(`frame ${frames}: ${error.message}`) : error
      }
    },
    end() {
      if (held.length > 0) throw new MalformedFrame('the stream ends inside of a frame')
      order.end()
    },
  }
}

function typeAt(bytes: Buffer, at: number): Frame['type'] {
  const number = bytes.readUInt8(at + 4)
  const type = framesByType[number]
  if (type === undefined) throw new MalformedFrame(`the frame is of an unknown type: ${number}`)
  return type
}

interface HeldBytes {
  /** The bytes, and room behind them. */
  readonly bytes: Buffer
  readonly length: number
  /** Copies bytes from an offset on, until there are `wanted`; returns the offset behind them. */
  add(chunk: Buffer, at: number, wanted: number): number
  clear(): void
}

/** What has come of a frame that is in several chunks. */
function makeHeldBytes(): HeldBytes {
  let bytes = noBytes
  let length = 0
  return {
    get bytes() {
      return bytes
    },
    get length() {
      return length
    },
    add(chunk, at, wanted) {
      const end = Math.min(chunk.length, at + wanted - length)
      bytes = grown(bytes, length, length + end - at, wanted)
      length += chunk.copy(bytes, length, at, end)
      return end
    },
    clear() {
      length = 0
      if (bytes.length <= maxKeptBytes) return
      freeBuffer(bytes)
      bytes = noBytes
    },
  }
}

/** Returns a buffer with the first `used` bytes and room for `needed`. It doubles, up to what is wanted. */
function grown(bytes: Buffer, used: number, needed: number, wanted: number): Buffer {
  if (needed <= bytes.length) return bytes
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, leastBytes, Math.min(2 * bytes.length, wanted)))
  bytes.copy(larger, 0, 0, used)
  freeBuffer(bytes)
  return larger
}
