export type {
  EndCode,
  EndFrame,
  EntryFrame,
  Frame,
  FrameLimits,
  HelloFrame,
  ReachedFrame,
} from './frames/frame.ts'
export { type FrameReader, makeFrameReader } from './frames/frame-reader.ts'
export { type FrameWriter, makeFrameWriter } from './frames/frame-writer.ts'
export { MalformedFrame } from './frames/malformed-frame.ts'
