import { expect, test } from 'vitest'
import { maxDeadline } from '../../../../kvs/core/limits.ts'
import type { Write } from '../../../../kvs/core/operation/operation.ts'
import { nowhere, type Position } from '../../../../kvs/core/position.ts'
import { maxStamp } from '../../../../kvs/core/rank.ts'
import type { EntryFrame, Frame, ReachedFrame } from '../../../../kvs/sites/frames/frame.ts'
import { makeFrameReader } from '../../../../kvs/sites/frames/frame-reader.ts'
import { MalformedFrame } from '../../../../kvs/sites/frames/malformed-frame.ts'
import { decoded, encoded, entryAt, hello, limits, put } from './samples.ts'

const remove: Write = { kind: 'delete', key: 'k' }
const reached: ReachedFrame = { type: 'reached', sequence: 5n, head: 6n, position: nowhere, time: 0 }
const end: Frame = { type: 'end', code: 'stopping', sentence: 'It stops.' }

const put1 = (change: object): EntryFrame => entryAt(1n, { ...put, ...change })
const from = (logId: string, sequence: bigint, place: bigint): EntryFrame => ({
  ...entryAt(place),
  origin: { logId, sequence },
})
const logs = (count: number): Position => ({
  sequences: new Map(Array.from({ length: count }, (_, index) => [`x${index}`, 1n])),
  stamp: 0,
})

/** A hello, and then a frame with bytes of it changed; the first 5 of a frame are its length and type. */
function changed(frame: Frame, changes: Record<number, number>): Buffer {
  const bytes = encoded(frame)
  for (const [at, byte] of Object.entries(changes)) bytes[Number(at)] = byte
  return Buffer.concat([encoded(hello), bytes])
}

/** A hello, and then a frame with its last bytes cut off or some added, and the length that belongs to that. */
function resized(frame: Frame, more: number): Buffer {
  const bytes = Buffer.concat([encoded(frame), Buffer.alloc(10)]).subarray(0, encoded(frame).length + more)
  bytes.writeUInt32LE(bytes.length - 4)
  return Buffer.concat([encoded(hello), bytes])
}

const after = (...frames: Frame[]) => encoded(hello, ...frames)
const keyAt = 5 + 43 + 2

test.each<[string, Buffer, RegExp]>([
  ['an empty frame', Buffer.alloc(5), /^frame 1: the frame is empty$/],
  ['an unknown frame', changed(end, { 4: 9 }), /^frame 2: the frame is of an unknown type: 9$/],
  ['what is no stream at all', Buffer.from('{"error":"not found"}'), /of an unknown type: 114$/],
  ['an unknown version', Buffer.from(encoded(hello).map((byte, at) => (at === 5 ? 2 : byte))), /has version 2; only 1/],
  ['an entry first', encoded(entryAt(1n)), /^frame 1: the first frame is no hello: entry$/],
  ['a second hello', after(hello), /^frame 2: a second hello$/],
  ['a frame after the end', after(end, end), /a frame comes after the end: end$/],
  ['a hello from a log without an id', encoded({ ...hello, logId: '' }), /the log id is no log's id: ""$/],
  [
    'a hello after no sequence',
    encoded({ ...hello, after: -1n }),
    /the sequence is no sequence: 18446744073709551615$/,
  ],
  ['an entry that is too long', changed(put1({}), { 3: 1 }), /the entry has \d+ bytes; at most \d+ are allowed$/],
  ['a hello that is too long', Buffer.from([1, 4, 0, 0, 1]), /the hello has 1025 bytes; at most 1024 are allowed$/],
  ['a frame that ends too early', resized(put1({}), -1), /the frame ends inside of its value$/],
  ['a frame without most of it', resized(put1({}), -9), /the frame ends inside of its stamp$/],
  ['bytes behind the fields', resized(put1({}), 2), /the frame has 2 more bytes than its fields$/],
  ['a stream that ends inside of a head', after(end).subarray(0, -17), /the stream ends inside of a frame$/],
  ['a stream that ends inside of a frame', after(end).subarray(0, -1), /^the stream ends inside of a frame$/],
  ['a stream of nothing', Buffer.alloc(0), /^the stream ends before its first frame$/],
  ['an empty key', after(put1({ key: '' })), /the key is empty$/],
  ['a key that is not UTF-8', changed(put1({}), { [keyAt]: 0xff }), /the key is not UTF-8$/],
  ['a key with NUL', after(put1({ key: 'a\0' })), /the key has a NUL in it$/],
  ['a key that is too long', after(put1({ key: 'k'.repeat(1_025) })), /the key has 1025 bytes; at most 1024/],
  [
    'a value that is too large',
    after(put1({ value: Buffer.alloc(200_001) })),
    /the value has 200001 bytes; at most 200000/,
  ],
  ['a put without a value', changed(put1({ value: Buffer.alloc(0) }), { 6: 0 }), /the put has no value$/],
  ['a delete with a value', changed(entryAt(1n, remove), { 6: 2 }), /the delete has a value$/],
  ['a delete with a content type', changed(entryAt(1n, remove), { 6: 4 }), /the delete has a content type$/],
  ['a value that is said not to be there', changed(put1({}), { 6: 0 }), /the value has 1 bytes, and is not there$/],
  [
    'a content type like that',
    changed(put1({ contentType: 'a' }), { 6: 2 }),
    /the content type has 1 bytes, and is not/,
  ],
  [
    'a dependency like that',
    changed(put1({ after: logs(1) }), { 6: 2 }),
    /the dependency has 4 bytes, and is not there$/,
  ],
  ['an unknown flag', changed(put1({}), { 6: 34 }), /the entry has unknown flags: 34$/],
  ['an unknown kind', changed(put1({}), { 5: 7 }), /the entry is of an unknown kind: 7$/],
  ['an entry on a ring', changed(entryAt(1n, remove), { 5: 5 }), /the entry is of an unknown kind: 5$/],
  [
    'a long content type',
    after(put1({ contentType: 'ц'.repeat(256) })),
    /the content type has 256 characters; at most 255/,
  ],
  ['a very long one', after(put1({ contentType: 'x'.repeat(766) })), /the content type has 766 bytes; at most 765/],
  ['a content type with NUL', after(put1({ contentType: '\0' })), /the content type has a NUL in it$/],
  ['a deadline before 1970', after(put1({ deadline: -1 })), /the deadline is not a whole number from 0 .*: -1$/],
  ['a deadline after 9999', after(put1({ deadline: maxDeadline + 1 })), /the deadline is not a whole number/],
  ['a deadline inside of a millisecond', after(put1({ deadline: 0.5 })), /the deadline is not a whole number .*: 0.5$/],
  ['no stamp', after({ ...entryAt(1n), stamp: 0 }), /the stamp is not a whole number from 1 through 7\d+: 0$/],
  [
    'a stamp that is not a number',
    after({ ...entryAt(1n), stamp: Number.NaN }),
    /the stamp is not a whole number .*NaN$/,
  ],
  [
    'a stamp that is far too late',
    after({ ...entryAt(1n), stamp: maxStamp + 2 ** 40 + 1 }),
    /the stamp is not a whole/,
  ],
  ['an origin without an id', after(from('', 1n, 1n)), /the origin is no log's id: ""$/],
  ['an origin of another form', after(from('a b', 1n, 1n)), /the origin is no log's id: "a b"$/],
  ['an origin with a long id', after(from('a'.repeat(65), 1n, 1n)), /the origin is no log's id: "a+"$/],
  ['the sequence 0', after(from('b2', 1n, 0n)), /the sequence is no sequence: 0$/],
  ['the sequence 0 of an origin', after(from('b2', 0n, 1n)), /the sequence of the origin is no sequence: 0$/],
  ['a sequence twice', after(from('b2', 1n, 3n), from('c3', 1n, 3n)), /the sequence 3 comes after 3$/],
  ['a sequence before the hello’s', encoded({ ...hello, after: 4n }, entryAt(4n)), /the sequence 4 comes after 4$/],
  ['a sequence that was reached', after(reached, entryAt(5n)), /the sequence 5 comes after 5$/],
  [
    'an origin’s sequence twice',
    after(from('b2', 7n, 1n), from('b2', 7n, 2n)),
    /the sequence 7 of the origin b2 comes after 7$/,
  ],
  ['an own entry with two sequences', after(from('a1', 1n, 2n)), /the entry 2 was first written in its log as another/],
  ['reaching what is before an entry', after(entryAt(6n), reached), /6 was sent, and then 5 is reached$/],
  ['an end before what is reached', after({ ...reached, head: 4n }), /the log's end, 4, is before what is reached: 5$/],
  ['a time that is none', after({ ...reached, time: -1 }), /the time is not a whole number/],
  [
    'a position that is none',
    changed({ ...reached, position: logs(1) }, { 33: 0x3d }),
    /the position is not a position$/,
  ],
  ['a position with NUL', changed({ ...reached, position: logs(1) }, { 33: 0 }), /the position has a NUL in it$/],
  ['a position of 101 logs', after({ ...reached, position: logs(101) }), /the position is not a position$/],
  [
    'a dependency that is none',
    changed(put1({ after: logs(1) }), { [keyAt + 1]: 0x3d }),
    /the dependency is not a position$/,
  ],
  ['an empty dependency', changed(put1({}), { 6: 18 }), /the dependency is not a position$/],
  ['a dependency of 101 logs', after(put1({ after: logs(101) })), /the dependency is not a position$/],
  ['an unknown code of the end', changed(end, { 5: 9 }), /the code of the end is unknown: 9$/],
  ['a sentence that is not UTF-8', changed(end, { 10: 0xc0 }), /the sentence is not UTF-8$/],
])('%s is malformed', (_, bytes, message) => {
  for (const length of [bytes.length || 1, 1]) {
    const read = () => decoded(bytes, [length])
    expect(read).toThrow(MalformedFrame)
    expect(read).toThrow(message)
  }
})

test('a batch of too many entries is malformed; what is reached begins another one', () => {
  const entries = Array.from({ length: 100 }, (_, index) => entryAt(BigInt(index + 1)))
  const reached100 = { ...reached, sequence: 100n, head: 100n }
  const frames = [...entries, reached100, entryAt(101n)]
  expect(decoded(after(...frames))).toHaveLength(103)
  expect(() => decoded(after(...entries, entryAt(101n)))).toThrow(/^frame 102: the batch has more than 100 entries$/)
})

test('a batch of too many bytes is malformed', () => {
  const bytes = encoded(entryAt(1n)).length + encoded(entryAt(2n)).length
  const stream = after(entryAt(1n), entryAt(2n))
  expect(decoded(stream, [stream.length], { ...limits, maxBatchBytes: bytes })).toHaveLength(3)
  expect(() => decoded(stream, [stream.length], { ...limits, maxBatchBytes: bytes - 1 })).toThrow(/the batch has more/)
})

test('entries of more than 100 origins are malformed', () => {
  const reader = makeFrameReader({ ...limits, maxBatchEntries: 2_000 })
  const entries = Array.from({ length: 101 }, (_, index) => from(`x${index}`, 1n, BigInt(index + 1)))
  const push = () => reader.push(after(...entries), () => {})
  expect(push).toThrow(/^frame 102: the stream has entries of more than 100 origins$/)
})

test('what came before a malformed frame is given, and an error of the caller’s stays its own', () => {
  const frames: Frame[] = []
  expect(() => makeFrameReader(limits).push(after(hello), (frame) => frames.push(frame))).toThrow(MalformedFrame)
  expect(frames).toEqual([hello])
  const failure = new Error('the caller’s')
  const fail = () => {
    throw failure
  }
  expect(() => makeFrameReader(limits).push(after(), fail)).toThrow(failure)
})
