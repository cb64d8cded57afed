import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import type { MovedWrite } from '../../../kvs/core/entry.ts'
import { maxDeadline } from '../../../kvs/core/limits.ts'
import { positionAt } from '../../../kvs/core/position.ts'
import { BadMovedPage, formatMovedPage, parseMovedPage } from '../../../kvs/kv/moved-page.ts'
import type { MovedPage } from '../../../kvs/kv/ring-service.ts'

const earlier = { tag: 'cafe-12-0a1b2c3d', modifiedAt: 1_700_000_000_000 }
const put = (key: string, value: Buffer, more = {}): MovedWrite => ({
  write: { kind: 'put', key, value, contentType: undefined, ...more },
  earlier,
})
const pageOf = (...items: MovedWrite[]): MovedPage => ({ position: positionAt('cafe', 7n), items, last: undefined })

test.each<[string, MovedPage]>([
  ['of nothing', pageOf()],
  ['of an empty value', pageOf(put('a', Buffer.alloc(0)))],
  ['of any bytes', pageOf(put('a', Buffer.from([0, 10, 13, 255, 0xc3])), put('b', Buffer.from('\n\n{}')))],
  ['of odd keys', pageOf(put('ä/\n"\u2028😀', Buffer.from('1')), put('ä'.repeat(512), Buffer.from('2')))],
  [
    'with types',
    pageOf(put('a', Buffer.from('1'), { contentType: '' }), put('b', Buffer.of(), { contentType: 'a/b' })),
  ],
  [
    'with deadlines',
    pageOf(put('a', Buffer.of(1), { deadline: 0 }), put('b', Buffer.of(2), { deadline: maxDeadline })),
  ],
  [
    'with deletes',
    pageOf({ write: { kind: 'delete', key: 'a' }, earlier }, put('a', Buffer.from('1')), {
      write: { kind: 'delete', key: 'a', deadline: 9 },
      earlier,
    }),
  ],
  ['with a last key', { ...pageOf(), last: 'ä' }],
])('a page %s comes back as it was', (_, page) => {
  expect(parseMovedPage(formatMovedPage(page))).toEqual(page)
})

/** A page of these parts, with the right checksum. */
function sealed(head: unknown, values = ''): Buffer {
  const content = Buffer.from(`${typeof head === 'string' ? head : JSON.stringify(head)}\n${values}`, 'latin1')
  return sealedBytes(content)
}

function sealedBytes(content: Buffer): Buffer {
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(content))
  return Buffer.concat([content, checksum])
}

const headOf = (more: object) => ({ position: 'cafe=7', last: null, items: [], ...more })
const item = { kind: 'put', key: 'a', size: 1, type: null, deadline: null, earlier: 'cafe-12-0a1b2c3d@1' }
const gone = { kind: 'delete', key: 'a', deadline: null, earlier: 'cafe-12-0a1b2c3d@1' }
const withItem = (more: object) => headOf({ items: [{ ...item, ...more }] })

test('what is refused below differs from these', () => {
  expect(parseMovedPage(sealed(headOf({}))).items).toEqual([])
  expect(parseMovedPage(sealed(withItem({}), '1')).items).toHaveLength(1)
  expect(parseMovedPage(sealed(headOf({ items: [gone] }))).items).toHaveLength(1)
})

test.each<[string, Buffer]>([
  ['has 3 bytes, fewer than any', Buffer.alloc(3)],
  ['is not what was sent', Buffer.from('hello')],
  ['has no line of JSON', sealedBytes(Buffer.from(JSON.stringify(headOf({}))))],
  ['has no line of JSON', sealedBytes(Buffer.alloc(0))],
  ['has a head that is not JSON', sealed('{')],
  ['has a head that is not valid UTF-8', sealed('"\xff"')],
  ['has in the head others than position, last, items', sealed([])],
  ['has in the head others than position, last, items', sealed('null')],
  ['has in the head others than position, last, items', sealed(headOf({ more: 1 }))],
  ['has in the head others than position, last, items', sealed({ position: 'cafe=7', last: null, things: [] })],
  ['has no position of a log', sealed(headOf({ position: '' }))],
  ['has no position of a log', sealed(headOf({ position: 'stamp=1' }))],
  ['has no position of a log', sealed(headOf({ position: 7 }))],
  ['has a last key that is none', sealed(headOf({ last: 7 }))],
  ['has a last key that is none', sealed(headOf({ last: 'a\0' }))],
  ['has no list of items', sealed(headOf({ items: {} }))],
  ['has in items[0] neither a put nor a delete', sealed(headOf({ items: [null] }))],
  ['has in items[0] neither a put nor a delete', sealed(withItem({ kind: 'join' }))],
  ['has in items[0] others than kind, key, size', sealed(withItem({ more: 1 }), '1')],
  ['has in items[0] others than kind, key, deadline', sealed(headOf({ items: [{ ...gone, size: 1 }] }), '1')],
  ['has in items[1] others than kind, key', sealed(headOf({ items: [item, { ...item, size: undefined }] }), '1')],
  ['has in items[0] no key', sealed(withItem({ key: 1 }), '1')],
  ['has in items[0] no key', sealed(withItem({ key: 'a\0' }), '1')],
  ['has in items[0] no key', sealed(JSON.stringify(withItem({ key: '\ud800' })), '1')],
  ['has in items[0] no key', sealed(withItem({ key: 'a'.repeat(1_025) }), '1')],
  ['has in items[0] no deadline', sealed(withItem({ deadline: -1 }), '1')],
  ['has in items[0] no deadline', sealed(withItem({ deadline: 0.5 }), '1')],
  ['has in items[0] no deadline', sealed(withItem({ deadline: maxDeadline + 1 }), '1')],
  ['has in items[0] no earlier version', sealed(withItem({ earlier: null }), '1')],
  ['has in items[0] no earlier version', sealed(withItem({ earlier: 'cafe-12@1' }), '1')],
  ['has in items[0] no content type', sealed(withItem({ type: 1 }), '1')],
  ['has in items[0] no content type', sealed(withItem({ type: 'a'.repeat(256) }), '1')],
  ['has in items[0] a size that is none, or ends before', sealed(withItem({ size: 2 }), '1')],
  ['has in items[0] a size that is none', sealed(withItem({ size: -1 }), '1')],
  ['has in items[0] a size that is none', sealed(withItem({ size: '1' }), '1')],
  ['has in items[0] a size that is none', sealed(withItem({ size: 2 ** 53 }), '1')],
  ['has 1 more bytes than its values', sealed(withItem({}), '12')],
])('a page that %s is refused', (sentence, bytes) => {
  expect(() => parseMovedPage(bytes)).toThrow(BadMovedPage)
  expect(() => parseMovedPage(bytes)).toThrow(sentence)
})

/** Numbers from 0 to below `below`, the same ones for the same seed (xorshift). */
function numbersOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const characters = ['a', 'ä', '€', '😀', '"', '\\', '\n', '{', '/']

function randomPage(below: (most: number) => number): MovedPage {
  const textOf = (length: number) => Array.from({ length }, () => characters[below(characters.length)]).join('')
  const items = Array.from({ length: below(6) }, (): MovedWrite => {
    const deadline = below(2) === 0 ? undefined : below(2 ** 31)
    const version = { tag: `cafe-${below(1_000)}-00ff00ff`, modifiedAt: below(2 ** 31) }
    const key = textOf(below(20))
    if (below(3) === 0) return { write: { kind: 'delete', key, deadline }, earlier: version }
    const value = Buffer.from(Array.from({ length: below(40) }, () => below(256)))
    const contentType = below(2) === 0 ? undefined : textOf(below(10))
    return { write: { kind: 'put', key, value, contentType, deadline }, earlier: version }
  })
  return { position: positionAt('cafe', BigInt(below(1_000))), items, last: below(2) === 0 ? undefined : textOf(3) }
}

test.each(Array.from({ length: 50 }, (_, seed) => seed))(
  'pages of seed %i come back as they were, and none does that was changed on its way',
  (seed) => {
    const below = numbersOf(seed + 1)
    const page = randomPage(below)
    const bytes = formatMovedPage(page)
    expect(parseMovedPage(bytes)).toEqual(page)
    for (let round = 0; round < 40; round++) expect(() => parseMovedPage(changed(bytes, below))).toThrow(BadMovedPage)
  },
)

/** Flips bits of a byte, or takes bytes out, or cuts the end off. */
function changed(bytes: Buffer, below: (most: number) => number): Buffer {
  const at = below(bytes.length)
  if (below(3) === 0) return bytes.subarray(0, at)
  if (below(3) === 0) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
  const copy = Buffer.from(bytes)
  copy.writeUInt8((copy[at] as number) ^ (1 + below(255)), at)
  return copy
}
