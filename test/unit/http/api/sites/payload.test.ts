import { assert, bigInt, constantFrom, integer, property, record, string, uniqueArray } from 'fast-check'
import { expect, test } from 'vitest'
import { formatPosition, nowhere, type Position } from '../../../../../kvs/core/position.ts'
import { readPayload, writePayload } from '../../../../../kvs/http/api/sites/payload.ts'

const logIds = string({ unit: constantFrom(...'0123456789abcdef'), minLength: 1, maxLength: 12 })
const parts = uniqueArray(record({ logId: logIds, sequence: bigInt(0n, 2n ** 63n - 1n) }), {
  selector: ({ logId }) => logId,
})
const positions = record({ parts, stamp: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }) }).map(
  ({ parts, stamp }): Position => ({
    sequences: new Map(parts.map(({ logId, sequence }) => [logId, sequence])),
    stamp,
  }),
)

test('a payload is a word that means its position again, raw and quoted', () => {
  assert(
    property(positions, (position) => {
      const payload = writePayload(position)
      expect(payload).toMatch(/^[A-Za-z0-9_.:,-]*$/)
      for (const sent of [payload, JSON.stringify(payload), ` ${payload}\n`]) {
        expect(formatPosition(readPayload(sent))).toBe(formatPosition(position))
      }
    }),
  )
})

test('it is a position with colons', () => {
  const position = { sequences: new Map([['a1b2c3d4', 12n]]), stamp: 1_764_000_000_000_000 }
  expect(writePayload(position)).toBe('a1b2c3d4:12,stamp:1764000000000000')
  expect(readPayload('a1b2c3d4:12,stamp:1764000000000000')).toEqual(position)
})

test.each([undefined, '', ' ', '{}', '""', "''", 'null', '"{}"', '"null"', '" "'])(
  '%j stands for nothing seen',
  (sent) => {
    expect(readPayload(sent)).toBe(nowhere)
  },
)

test.each([
  'x',
  'a:',
  ':1',
  'a:b',
  'a:1:2',
  'a=1',
  'a:-1',
  'a:1;b:2',
  'a:1 b:2',
  '"a:1',
  '{"a":1}',
  '[]',
  '1',
  'ä:1',
  'stamp:9999999999999999',
  'a:12345678901234567890',
  '","',
])('%j is refused with a sentence', (sent) => {
  expect(() => readPayload(sent)).toThrow(expect.objectContaining({ code: 'bad_request' }))
  expect(() => readPayload(sent)).toThrow(/send the last one that you got/)
})
