import fc from 'fast-check'
import type { Write } from '../../../../kvs/core/operation/operation.ts'
import type { Put } from '../../../../kvs/core/operation/put.ts'
import type { Position } from '../../../../kvs/core/position.ts'
import type { EntryFrame, Frame, FrameLimits, HelloFrame } from '../../../../kvs/sites/frames/frame.ts'
import { makeFrameReader } from '../../../../kvs/sites/frames/frame-reader.ts'
import { makeFrameWriter } from '../../../../kvs/sites/frames/frame-writer.ts'

export const limits: FrameLimits = { maxValueBytes: 200_000, maxBatchEntries: 100, maxBatchBytes: 10_000_000 }

export const hello: HelloFrame = { type: 'hello', logId: 'a1', after: 0n }

export const put: Put = { kind: 'put', key: 'k', value: Buffer.from('v'), contentType: undefined }

/** An entry that was first written in the log of `hello`, at its sequence there. */
export function entryAt(sequence: bigint, write: Write = put): EntryFrame {
  return { type: 'entry', sequence, origin: { logId: 'a1', sequence }, stamp: 1_000, superseded: false, write }
}

/** The bytes of frames as one buffer. */
export function encoded(...frames: Frame[]): Buffer {
  const writer = makeFrameWriter()
  for (const frame of frames) writer.write(frame)
  return Buffer.concat(writer.take())
}

/** Reads a whole stream in chunks of these lengths, the last of which repeats. */
export function decoded(bytes: Buffer, lengths: readonly number[] = [bytes.length || 1], using = limits): Frame[] {
  const frames: Frame[] = []
  const reader = makeFrameReader(using)
  const left = [...lengths]
  let length = 1
  for (let at = 0; at < bytes.length; at += length) {
    length = left.shift() ?? length
    // a copy, which is overwritten: a frame that is a window on its chunk shows
    const chunk = Buffer.from(bytes.subarray(at, at + length))
    reader.push(chunk, (frame) => frames.push(frame))
    chunk.fill(0xee)
  }
  reader.end()
  return frames
}

const logId = fc.stringMatching(/^[0-9a-z._-]{1,64}$/)
const sequence = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const text = (maxLength: number) =>
  fc.string({ unit: 'binary', minLength: 1, maxLength }).filter((text) => !text.includes('\0'))

const position = fc
  .tuple(fc.array(fc.tuple(logId, sequence), { maxLength: 5 }), fc.nat())
  .map(([sequences, stamp]): Position => ({ sequences: new Map(sequences), stamp }))
const dependency = position.filter(({ sequences }) => sequences.size > 0)

const deadline = fc.option(fc.nat({ max: Date.UTC(9999, 0, 1) }), { nil: undefined })
const after = fc.option(dependency, { nil: undefined }).map((after) => after && { after })
const value = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  fc.integer({ min: 16_380, max: 150_000 }).map((length) => Buffer.alloc(length, 'large ')),
)

const write: fc.Arbitrary<Write> = fc.oneof(
  fc
    .record({ key: text(300), value, contentType: fc.option(text(80), { nil: undefined }), deadline, after })
    .map(({ after, ...content }): Write => ({ kind: 'put', ...content, ...after })),
  fc
    .record({ key: text(300), deadline, after })
    .map(({ after, ...content }): Write => ({ kind: 'delete', ...content, ...after })),
)

const step = fc.nat({ max: 1_000_000 }).map((step) => BigInt(step) + 1n)
const entry = fc.record({
  step,
  originStep: step,
  logId: fc.constantFrom('a1', 'b2', 'c.3_-'),
  stamp: fc.integer({ min: 1, max: 7_000_000_000_000_000 }),
  superseded: fc.boolean(),
  write,
})
const reached = fc.record({ position, ahead: fc.nat(), time: fc.nat({ max: 4_000_000_000_000 }) })

/** Whole streams: a hello, entries and what is reached, an end or none. */
export const stream = fc
  .tuple(
    fc.bigInt({ min: 0n, max: 2n ** 60n }),
    fc.array(fc.oneof(entry, entry, reached), { maxLength: 20 }),
    fc.boolean(),
  )
  .map(([start, parts, hasEnd]): Frame[] => {
    let last = start
    const lastOf = new Map<string, bigint>()
    const frames = parts.map((part): Frame => {
      if ('time' in part) {
        const { position, time } = part
        return { type: 'reached', sequence: last, head: last + BigInt(part.ahead), position, time }
      }
      const { logId, stamp, superseded, write } = part
      last += part.step
      const sequence = logId === 'a1' ? last : (lastOf.get(logId) ?? 0n) + part.originStep
      lastOf.set(logId, sequence)
      return { type: 'entry', sequence: last, origin: { logId, sequence }, stamp, superseded, write }
    })
    const end: Frame[] = hasEnd ? [{ type: 'end', code: 'diverged', sentence: 'The log went back – to 4.' }] : []
    return [{ type: 'hello', logId: 'a1', after: start }, ...frames, ...end]
  })
