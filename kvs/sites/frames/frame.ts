import type { ForeignEntry } from '../../core/entry.ts'
import { maxKeyBytes } from '../../core/limits.ts'
import { maxLogIdLength, type Position, positionBounds } from '../../core/position.ts'

/**
 * What one site sends to another of its log, in this order: a hello, then entries, each batch of them with a `reached`
 * behind it, and at last an `end`, where the sender can still say that it stops.
 *
 * A frame is its length without these 4 bytes, its type in a byte, and its fields. Numbers are little-endian. Texts are
 * UTF-8 after their length. frame-writer.ts has the fields of each frame in their order.
 */
export type Frame = HelloFrame | EntryFrame | ReachedFrame | EndFrame

/** The first frame of a stream. */
export interface HelloFrame {
  readonly type: 'hello'
  /** Id of the log that is sent. */
  readonly logId: string
  /** Sequence of that log after which the stream begins. */
  readonly after: bigint
}

/** An entry of the sending log. Its origin is the sending log itself where it was first written there. */
export interface EntryFrame extends ForeignEntry {
  readonly type: 'entry'
  /** Its sequence in the sending log. */
  readonly sequence: bigint
}

/**
 * Everything of the sending log through `sequence` has been sent. What comes between two of these frames lands together
 * or not at all. One that tells nothing new is a sign of life.
 */
export interface ReachedFrame {
  readonly type: 'reached'
  readonly sequence: bigint
  /** Highest sequence of the sending log that the sender knows of, no less than `sequence`. */
  readonly head: bigint
  /**
   * What the sending log has of each origin through `sequence`. What is first written in that log afterwards has a
   * later stamp than this one, but for expiries. 0 where the sender is an older program, which promises nothing.
   */
  readonly position: Position
  /** Clock of the sending log's server, in whole milliseconds since 1970. */
  readonly time: number
}

/** The last frame of a stream. */
export interface EndFrame {
  readonly type: 'end'
  readonly code: EndCode
  /** What happened, as a sentence for an operator. It is cut to `maxSentenceBytes` by the sender. */
  readonly sentence: string
}

/** Why a stream ends; the place of a code here is its number on the wire. */
export const endCodes = ['stopping', 'unavailable', 'diverged'] as const

/** `stopping`: the node stops. `unavailable`: its log can't be read now. `diverged`: its log went back. */
export type EndCode = (typeof endCodes)[number]

/** Version of the format. Readers refuse any other. */
export const formatVersion = 1

/** Type of each frame on the wire. */
export const frameTypes = { hello: 1, entry: 2, reached: 3, end: 4 } as const satisfies Record<Frame['type'], number>

/** Frames by their type on the wire. */
export const framesByType: (Frame['type'] | undefined)[] = []
for (const name of ['hello', 'entry', 'reached', 'end'] as const) framesByType[frameTypes[name]] = name

/** Flags of an entry. */
export const entryFlags = { superseded: 1, value: 2, contentType: 4, deadline: 8, after: 16, all: 31 } as const

/** Bytes of a frame's length and type. */
export const headBytes = 5

/** Bytes of an entry's kind, flags, lengths, sequences and stamp. */
export const entryHeadBytes = 3 + 4 * 4 + 3 * 8

export const maxContentTypeLength = 255
export const maxSentenceBytes = 1_000

/** Most origins of a stream. */
export const maxOrigins = positionBounds.parts

/** Positions are ASCII. */
const maxPositionBytes = positionBounds.length

export const maxSequence = 2n ** 63n - 1n

export interface FrameLimits {
  /** Largest value of an entry. */
  readonly maxValueBytes: number
  /** Most entries between two `reached`, and most bytes of their frames, as `FrameWriter.write` returns them. */
  readonly maxBatchEntries: number
  readonly maxBatchBytes: number
}

/** Most bytes of each frame, its length aside. That of a hello has room for what later versions say in theirs. */
export function longestFrames({ maxValueBytes }: FrameLimits): Readonly<Record<Frame['type'], number>> {
  const contentBytes = maxLogIdLength + maxKeyBytes + 3 * maxContentTypeLength + maxValueBytes
  return {
    hello: 1_024,
    entry: 1 + entryHeadBytes + 8 + contentBytes + maxPositionBytes,
    reached: 1 + 3 * 8 + 4 + maxPositionBytes,
    end: 1 + 1 + 4 + maxSentenceBytes,
  }
}
