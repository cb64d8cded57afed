import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxDeadline } from '../../../kvs/core/limits.ts'
import {
  type Content,
  contentSize,
  isPacked,
  keyOffset,
  readDeadline,
  readKeyLength,
  readModifiedAt,
  readRank,
  readSequence,
  readTag,
  readValueLength,
  recordSize,
  writeHeader,
} from '../../../kvs/view/record-layout.ts'

const bytes = Buffer.alloc(32 * 1024)
const rank = fc.record({
  stamp: fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 48 - 1, 2 ** 48, Number.MAX_SAFE_INTEGER)),
  isExpiry: fc.boolean(),
  origin: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
})
const number48 = fc.oneof(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.constantFrom(0, 2 ** 48 - 1))
const mark = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const earlier = fc.record({
  log: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  sequence: number48,
  mark,
  modifiedAt: number48,
})
const content: fc.Arbitrary<Content> = fc.record({
  key: fc.constant(bytes),
  keyStart: fc.constant(0),
  keyLength: fc.integer({ min: 0, max: 1024 }),
  value: fc.constant(bytes),
  valueStart: fc.constant(0),
  valueLength: fc.integer({ min: 0, max: 32 * 1024 }),
  contentType: fc.constant(undefined),
  sequence: number48,
  mark,
  recordedAt: number48,
  deadline: fc.option(fc.integer({ min: 0, max: maxDeadline }), { nil: undefined }),
  rank: fc.option(rank, { nil: undefined }),
  earlier: fc.option(earlier, { nil: undefined }),
})

test('a header reads back as it was written, whatever was there, and says how long the record is', () => {
  fc.assert(
    fc.property(content, fc.constantFrom(0, 0xff), fc.nat(16), (content, before, at) => {
      const buffer = Buffer.alloc(40_000, before)
      writeHeader(buffer, at, content, isPacked(content))
      const { keyLength, valueLength, sequence, mark, recordedAt, deadline, rank, earlier } = content
      expect([readKeyLength(buffer, at), readValueLength(buffer, at)]).toEqual([keyLength, valueLength])
      const { modifiedAt, ...tag } = earlier ?? { log: 0, sequence, mark, modifiedAt: recordedAt }
      expect([readSequence(buffer, at), readTag(buffer, at)]).toEqual([sequence, tag])
      expect(readModifiedAt(buffer, at)).toBe(modifiedAt)
      expect(readDeadline(buffer, at)).toBe(deadline)
      expect(readRank(buffer, at)).toEqual(rank)
      expect(recordSize(buffer, at)).toBe(contentSize(content))
      expect(contentSize(content)).toBe(keyOffset(buffer, at) + keyLength + valueLength)
    }),
  )
})

test('a rank takes 9 bytes and an earlier version 8, and none takes nothing', () => {
  const key = { key: bytes, keyStart: 0, keyLength: 14, sequence: 1, mark: 0, recordedAt: 0 }
  const plain = { ...key, value: bytes, valueStart: 0, valueLength: 100, contentType: undefined }
  const rank = { stamp: 1, isExpiry: false, origin: 0 }
  const earlier = { log: 1, sequence: 1, mark: 0, modifiedAt: 0 }
  const sizes = [undefined, 7].flatMap((deadline) =>
    [undefined, rank].flatMap((rank) =>
      [undefined, earlier].map((earlier) => contentSize({ ...plain, deadline, rank, earlier })),
    ),
  )
  expect(sizes).toEqual([134, 142, 143, 151, 144, 152, 153, 161])
})
