import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Ring, RingEntry } from '../../../../kvs/core/ring/description.ts'
import {
  formatRingEntry,
  positionIn,
  positionsIn,
  ringEntryIn,
  ringIn,
  ringJson,
} from '../../../../kvs/core/ring/ring-text.ts'
import { everySlot, positions, ranges } from './arbitraries.ts'

const settled: fc.Arbitrary<Ring> = fc.record({
  id: fc.stringMatching(/^[0-9a-f]{1,64}$/),
  version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  home: fc.constantFrom('a:1', 'https://b:1'),
  positions: fc.oneof(positions, fc.constant(new Map())),
  next: fc.constant(undefined),
  standbys: fc.array(fc.constantFrom('d:1', 'e:1')),
})
const joining = fc.array(fc.constantFrom('d:1', 'f:1'))
const changing = fc.tuple(settled, positions, joining).map(([ring, next, joining]) => ({ ...ring, next, joining }))
const ring: fc.Arbitrary<Ring> = fc.oneof(settled, changing)
const self = fc.constantFrom('a:1', 'b:1')
const entry: fc.Arbitrary<RingEntry> = fc
  .record({ ring, self, owns: ranges, keeps: ranges })
  .map(({ keeps, ...entry }) => ({ ...entry, ...(keeps.length > 0 && { keeps }) }))

test('an entry comes back from its text', () => {
  fc.assert(
    fc.property(entry, (entry) => {
      expect(ringEntryIn(formatRingEntry(entry))).toEqual(entry)
    }),
  )
})

test('a ring comes back from JSON', () => {
  fc.assert(
    fc.property(ring, (ring) => {
      expect(ringIn(JSON.parse(JSON.stringify(ringJson(ring))))).toEqual(ring)
    }),
  )
})

const formed = {
  id: 'cafe',
  version: 1,
  home: 'a:1',
  positions: { 3000: 'a:1' },
  next: null,
  standbys: ['b:1'],
}
const told = { ring: formed, self: 'a:1', owns: [[0, 3_000]] }

test('a text is as other programs read it', () => {
  expect(JSON.parse(formatRingEntry(ringEntryIn(JSON.stringify(told)) as RingEntry))).toEqual(told)
})

test.each([
  ['no object', []],
  ['nothing', null],
  ['a change without who joins by it', { ...formed, next: formed.positions }],
  ['a change that a number joins by', { ...formed, next: formed.positions, joining: [1] }],
  ['an id that is none', { ...formed, id: 'CAFE' }],
  ['an empty id', { ...formed, id: '' }],
  ['an id of 65 digits', { ...formed, id: 'a'.repeat(65) }],
  ['a number as its id', { ...formed, id: 1 }],
  ['version 0', { ...formed, version: 0 }],
  ['half a version', { ...formed, version: 1.5 }],
  ['a version past all safe integers', { ...formed, version: 2 ** 53 }],
  ['a text as its version', { ...formed, version: '1' }],
  ['no home', { ...formed, home: undefined }],
  ['no positions', { ...formed, positions: undefined }],
  ['a list of positions', { ...formed, positions: ['a:1'] }],
  ['a position without an address', { ...formed, positions: { 3000: null } }],
  ['a position past the last slot', { ...formed, positions: { 10000: 'a:1' } }],
  ['next positions that are none', { ...formed, next: { x: 'a:1' } }],
  ['no next positions, nor null', { ...formed, next: undefined }],
  ['standbys that are no list', { ...formed, standbys: 'b:1' }],
  ['standbys that are no texts', { ...formed, standbys: [1] }],
])('a ring with %s is none', (_, value) => {
  expect(ringIn(value)).toBeUndefined()
  expect(ringEntryIn(JSON.stringify({ ...told, ring: value }))).toBeUndefined()
})

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['null', 'null'],
  ['nobody’s word', JSON.stringify({ ...told, self: undefined })],
  ['no slots', JSON.stringify({ ...told, owns: undefined })],
  ['slots that are no pairs', JSON.stringify({ ...told, owns: [1] })],
  ['half a pair', JSON.stringify({ ...told, owns: [[1]] })],
  ['a range that goes back', JSON.stringify({ ...told, owns: [[2, 1]] })],
  ['a range below 0', JSON.stringify({ ...told, owns: [[-1, 1]] })],
  ['a range past the last slot', JSON.stringify({ ...told, owns: [[9_999, 10_000]] })],
  ['half a slot', JSON.stringify({ ...told, owns: [[0.5, 1]] })],
  [
    'ranges that overlap',
    JSON.stringify({
      ...told,
      owns: [
        [0, 2],
        [2, 3],
      ],
    }),
  ],
  [
    'ranges out of order',
    JSON.stringify({
      ...told,
      owns: [
        [4, 5],
        [0, 1],
      ],
    }),
  ],
])('a text with %s is no entry', (_, text) => {
  expect(ringEntryIn(text)).toBeUndefined()
})

test('a position is written in one way', () => {
  expect(everySlot.map((slot) => positionIn(`${slot}`))).toEqual(everySlot)
  for (const text of ['', '00', '01', '-1', '+1', '1.0', ' 1', '1 ', '1e3', '10000', '99999', 'x', '٣']) {
    expect(positionIn(text), text).toBeUndefined()
  }
  expect(positionsIn({ 0: 'a:1', 9999: 'b:1' })).toEqual(
    new Map([
      [0, 'a:1'],
      [9_999, 'b:1'],
    ]),
  )
  expect(positionsIn({ '01': 'a:1' })).toBeUndefined()
})
