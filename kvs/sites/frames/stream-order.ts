import { type EntryFrame, type Frame, type FrameLimits, maxOrigins, type ReachedFrame } from './frame.ts'
import { MalformedFrame } from './malformed-frame.ts'

/** What holds between the frames of one stream. Each method throws MalformedFrame where it does not. */
export interface StreamOrder {
  /** Checks that a frame of a type may come now, before more of it is read. */
  admit(type: Frame['type']): void
  /** Checks a frame against those before it. */
  follow(frame: Frame, bytes: number): void
  /** Checks that the stream may end here. */
  end(): void
}

interface StreamState {
  /** Log id of the hello; undefined before it. */
  logId: string | undefined
  hasEnded: boolean
  /** Highest sequence of the sending log that was named so far. */
  last: bigint
  /** Highest sequence of each origin in the stream. */
  readonly lastOf: Map<string, bigint>
  /** Entries, and bytes of their frames, since the last `reached`. */
  batchEntries: number
  batchBytes: number
}

export function makeStreamOrder(limits: FrameLimits): StreamOrder {
  const state: StreamState = {
    logId: undefined,
    hasEnded: false,
    last: 0n,
    lastOf: new Map(),
    batchEntries: 0,
    batchBytes: 0,
  }
  return {
    admit(type) {
      if (state.hasEnded) throw new MalformedFrame(`a frame comes after the end: ${type}`)
      if (type !== 'hello' && state.logId === undefined)
        throw new MalformedFrame(`the first frame is no hello: ${type}`)
      if (type === 'hello' && state.logId !== undefined) throw new MalformedFrame('a second hello')
    },
    follow(frame, bytes) {
      if (frame.type === 'entry') return followEntry(state, frame, bytes, limits)
      if (frame.type === 'reached') return followReached(state, frame)
      if (frame.type === 'end') {
        state.hasEnded = true
        return
      }
      state.logId = frame.logId
      state.last = frame.after
    },
    end() {
      if (state.logId === undefined) throw new MalformedFrame('the stream ends before its first frame')
    },
  }
}

function followEntry(state: StreamState, frame: EntryFrame, bytes: number, limits: FrameLimits): void {
  const { sequence, origin } = frame
  if (sequence <= state.last) throw new MalformedFrame(`the sequence ${sequence} comes after ${state.last}`)
  state.last = sequence
  if (origin.logId === state.logId && origin.sequence !== sequence) {
    throw new MalformedFrame(`the entry ${sequence} was first written in its log as another one: ${origin.sequence}`)
  }
  followOrigin(state, origin.logId, origin.sequence)
  state.batchEntries += 1
  state.batchBytes += bytes
  if (state.batchEntries > limits.maxBatchEntries) {
    throw new MalformedFrame(`the batch has more than ${limits.maxBatchEntries} entries`)
  }
  if (state.batchBytes > limits.maxBatchBytes) {
    throw new MalformedFrame(`the batch has more than ${limits.maxBatchBytes} bytes`)
  }
}

function followOrigin({ lastOf }: StreamState, logId: string, sequence: bigint): void {
  const last = lastOf.get(logId)
  if (last === undefined && lastOf.size === maxOrigins) {
    throw new MalformedFrame(`the stream has entries of more than ${maxOrigins} origins`)
  }
  if (last !== undefined && sequence <= last) {
    throw new MalformedFrame(`the sequence ${sequence} of the origin ${logId} comes after ${last}`)
  }
  lastOf.set(logId, sequence)
}

function followReached(state: StreamState, { sequence, head }: ReachedFrame): void {
  if (sequence < state.last) throw new MalformedFrame(`${state.last} was sent, and then ${sequence} is reached`)
  if (head < sequence) throw new MalformedFrame(`the log's end, ${head}, is before what is reached: ${sequence}`)
  state.last = sequence
  state.batchEntries = 0
  state.batchBytes = 0
}
