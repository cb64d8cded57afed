import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Write } from '../../../../kvs/core/operation/operation.ts'
import { nowhere } from '../../../../kvs/core/position.ts'
import type { Frame } from '../../../../kvs/sites/frames/frame.ts'
import { makeFrameReader } from '../../../../kvs/sites/frames/frame-reader.ts'
import { makeFrameWriter } from '../../../../kvs/sites/frames/frame-writer.ts'
import { MalformedFrame } from '../../../../kvs/sites/frames/malformed-frame.ts'
import { decoded, encoded, entryAt, hello, limits, put, stream } from './samples.ts'

describe('a stream', () => {
  test('reads back as what was written, wherever it is cut', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (frames, lengths) => {
        expect(decoded(encoded(...frames), lengths)).toEqual(frames)
      }),
    )
  })

  test('reads back in single bytes, with texts that are not ASCII and the bounds of each field', () => {
    const write = {
      ...{ kind: 'put' as const, key: '\u{feff}ключ😀', value: Buffer.alloc(0), contentType: '' },
      ...{ deadline: Date.UTC(9999, 11, 31, 23, 59, 59, 999), after: { ...nowhere, stamp: Number.MAX_SAFE_INTEGER } },
    }
    const frames: Frame[] = [
      hello,
      entryAt(2n ** 63n - 1n, write),
      { type: 'reached', sequence: 2n ** 63n - 1n, head: 2n ** 63n - 1n, position: nowhere, time: 0 },
    ]
    expect(decoded(encoded(...frames), [1])).toEqual(frames)
  })

  test('its longest frames are taken', () => {
    const ids = Array.from({ length: 48 }, (_, index) => `${index}`.padStart(64, 'x'))
    const after = { sequences: new Map(ids.map((id) => [id, 2n ** 63n - 1n])), stamp: 0 }
    const value = Buffer.alloc(limits.maxValueBytes, 1)
    const write: Write = {
      kind: 'put',
      key: 'k'.repeat(1_024),
      value,
      contentType: 'ц'.repeat(255),
      deadline: 1,
      after,
    }
    const origin = { logId: 'y'.repeat(64), sequence: 1n }
    const frames: Frame[] = [
      hello,
      { ...entryAt(1n, write), origin },
      { type: 'reached', sequence: 1n, head: 1n, position: after, time: 1 },
    ]
    expect(decoded(encoded(...frames), [10_000])).toEqual(frames)
  })
})

describe('the writer', () => {
  test('packs frames into chunks of 64 KiB, and says how much waits', () => {
    const writer = makeFrameWriter()
    let bytes = writer.write(hello)
    for (let sequence = 1n; sequence <= 5_000n; sequence++) bytes += writer.write(entryAt(sequence))
    expect(writer.waitingBytes).toBe(bytes)
    const chunks = writer.take()
    expect(writer.waitingBytes).toBe(0)
    expect(writer.take()).toEqual([])
    expect(Buffer.concat(chunks).length).toBe(bytes)
    expect(chunks.slice(0, -1).every(({ length }) => length > 63 * 1024 && length <= 64 * 1024)).toBe(true)
  })

  test('does not copy a large value', () => {
    const value = Buffer.alloc(100_000, 'x')
    const writer = makeFrameWriter()
    const bytes = writer.write(entryAt(1n, { ...put, value } as Write))
    expect(writer.waitingBytes).toBe(bytes)
    expect(writer.take()).toContain(value)
  })

  test('leaves what was taken alone', () => {
    const writer = makeFrameWriter()
    writer.write(hello)
    const [first = Buffer.alloc(0)] = writer.take()
    const copy = Buffer.from(first)
    writer.write(entryAt(1n))
    expect(first).toEqual(copy)
    expect(decoded(Buffer.concat([first, ...writer.take()]))).toEqual([hello, entryAt(1n)])
  })

  test('an id that has no place leaves nothing behind', () => {
    const writer = makeFrameWriter()
    writer.write(hello)
    expect(() => writer.write({ ...entryAt(1n), origin: { logId: 'x'.repeat(256), sequence: 1n } })).toThrow(RangeError)
    writer.write(entryAt(1n))
    expect(decoded(Buffer.concat(writer.take()))).toEqual([hello, entryAt(1n)])
  })

  test('cuts a sentence that is too long', () => {
    const [, end] = decoded(encoded(hello, { type: 'end', code: 'stopping', sentence: 'ж'.repeat(600) }))
    expect(end).toEqual({ type: 'end', code: 'stopping', sentence: 'ж'.repeat(500) })
  })
})

describe('the reader', () => {
  test.each([undefined, 7])('gives values memory of their own, from chunks of %s', (length) => {
    const bytes = encoded(hello, entryAt(1n))
    const [, entry] = decoded(bytes, [length ?? bytes.length])
    expect(entry?.type === 'entry' && entry.write.kind === 'put' && entry.write.value.buffer.byteLength).toBe(1)
  })

  test('takes no changed byte as anything but frames or a MalformedFrame', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
    fc.assert(
      fc.property(
        stream,
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.nat({ max: 500 }),
        (frames, changes, cut) => {
          const bytes = encoded(...frames)
          for (const [place, bits] of changes) {
            const at = place % Math.min(bytes.length, 1_000)
            bytes.writeUInt8(bytes.readUInt8(at) ^ bits, at)
          }
          expectFramesOrMalformed(() => decoded(bytes, [cut + 1]))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('takes no noise behind a hello as anything but frames or a MalformedFrame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expectFramesOrMalformed(() => decoded(Buffer.concat([encoded(hello), noise])))
      }),
    )
  })

  test('allocates by what has come, not by the length that a frame claims', () => {
    const large = { ...limits, maxValueBytes: 1_000_000_000 }
    const claimed = Buffer.alloc(10)
    claimed.writeUInt32LE(1_000_000_000)
    claimed[4] = 2
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 20 }, () => {
      const reader = makeFrameReader(large)
      reader.push(Buffer.concat([encoded(hello), claimed]), () => {})
      return reader
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
    for (const reader of readers) expect(() => reader.end()).toThrow(MalformedFrame)
  })
})

function expectFramesOrMalformed(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedFrame)
  }
}
