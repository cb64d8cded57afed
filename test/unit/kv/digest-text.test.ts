import { expect, test } from 'vitest'
import {
  BadDigestText,
  bucketCount,
  formatDigests,
  formatDigestsError,
  formatFingerprints,
  formatUnlike,
  maxFingerprintBytes,
  mostFingerprints,
  parseDigests,
  parseFingerprints,
  parseUnlike,
} from '../../../kvs/kv/index.ts'

const fingerprint = { key: 'k', stamp: 1, origin: 'a', checksum: 0 }
const good = formatFingerprints([fingerprint])

test('fingerprints come back as they were, of any key', () => {
  const keys = ['k', 'ä/ \n"€', '\u0001', '😀', 'x'.repeat(1_024), '']
  const fingerprints = keys.map((key, index) => ({
    ...{ key, stamp: 1_796_000_000_000_000 + index, origin: '7d1f22a0', checksum: 2 ** 32 - 1 - index },
  }))
  expect(parseFingerprints(formatFingerprints(fingerprints))).toEqual(fingerprints)
  expect(parseFingerprints('')).toEqual([])
})

test('as many of the longest keys as there may be fit into a body', () => {
  const longest = { stamp: Number.MAX_SAFE_INTEGER, origin: 'x'.repeat(64), checksum: 2 ** 32 - 1 }
  const keys = Array.from({ length: mostFingerprints }, (_, index) => `${index}`.padEnd(1_024, 'x'))
  const text = formatFingerprints(keys.map((key) => ({ key, ...longest })))
  expect(text.length).toBeLessThan(maxFingerprintBytes)
  expect(parseFingerprints(text)).toHaveLength(mostFingerprints)
})

test.each([
  ['more lines than allowed', `${good}\n`.repeat(mostFingerprints) + good, /more than 500 lines/],
  ['an empty line', `${good}\n\n${good}`, /in line 2 no STAMP ORIGIN CHECKSUM KEY/],
  ['a part too few', '1 a 00000000', /in line 1/],
  ['a part too many', `${good} x`, /in line 1/],
  ['a negative stamp', '-1 a 00000000 aw', /in line 1/],
  ['a stamp without end', `${'9'.repeat(17)} a 00000000 aw`, /in line 1/],
  ['a checksum that is not hexadecimal', '1 a 0000000g aw', /in line 1/],
  ['a checksum that is too short', '1 a 0 aw', /in line 1/],
  ['an origin without end', `1 ${'a'.repeat(65)} 00000000 aw`, /in line 1/],
  ['a key that is no base64url', '1 a 00000000 a+/=', /in line 1/],
  ['a key without end', `1 a 00000000 ${'a'.repeat(1_367)}`, /in line 1/],
  ['a key again', `${good}\n2 b 00000000 aw`, /in line 2 a key again; send each key once/],
  ['a key again, written otherwise', `${good}\n2 b 00000000 ax`, /in line 2 a key again/],
  ['JSON', '[["k",1]]', /in line 1/],
])('fingerprints are refused with a sentence: %s', (_, text, sentence) => {
  expect(() => parseFingerprints(text)).toThrow(BadDigestText)
  expect(() => parseFingerprints(text)).toThrow(sentence)
})

test('digests come back as they were; others are refused', () => {
  const digests = Array.from({ length: bucketCount }, (_, index) => index.toString(16).padStart(16, '0'))
  expect(parseDigests(formatDigests(digests))).toEqual(digests)
  expect(() => parseDigests(formatDigests(digests.slice(1)))).toThrow(/no 1024 digests/)
  expect(() => parseDigests(formatDigests([...digests.slice(1), 'x']))).toThrow(/16 hexadecimal digits/)
  expect(() => parseDigests('<!DOCTYPE html>')).toThrow(BadDigestText)
  expect(() => parseDigests(formatDigestsError('no way'))).toThrow(/^ends without digests: no way$/)
})

test('what is unlike comes back as it was; what names no key that was asked about is refused', () => {
  const position = { sequences: new Map([['a', 3n]]), stamp: 5 }
  for (const indices of [[], [0], [0, 2, 499]]) {
    expect(parseUnlike(formatUnlike({ position, indices }), 500)).toEqual({ position, indices })
  }
  for (const text of [
    '',
    'a=1\n0 0',
    'a=1\n1 0',
    'a=1\n2',
    'a=1\n-1',
    'a=1\nx',
    'a=1\n0\n1',
    `${'x'.repeat(5_000)}\n0`,
  ]) {
    expect(() => parseUnlike(text, 2), text.slice(0, 20)).toThrow(BadDigestText)
  }
})
