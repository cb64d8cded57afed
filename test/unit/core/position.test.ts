import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  covers,
  formatPosition,
  isBeyondBounds,
  logsIn,
  mergePositions,
  nowhere,
  type Position,
  parsePosition,
  positionAt,
  sequenceIn,
} from '../../../kvs/core/position.ts'

/** Few ids, so that positions often name the same log. */
const position = fc
  .tuple(
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'log.4-x'), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
    fc.constantFrom(0, 1, 1_700_000_000_000_000, Number.MAX_SAFE_INTEGER),
  )
  .map(([sequences, stamp]): Position => ({ sequences: new Map(Object.entries(sequences)), stamp }))
const somewhere = position.filter(({ sequences }) => sequences.size > 0)

const coverEachOther = (one: Position, other: Position) => covers(one, other) && covers(other, one)

const equal = (one: Position, other: Position) => coverEachOther(one, other) && one.stamp === other.stamp

const withoutStamp = (position: Position): Position => ({ ...position, stamp: 0 })

describe('the text', () => {
  test('reads back as what was written', () => {
    fc.assert(
      fc.property(somewhere, (position) => {
        expect(parsePosition(formatPosition(position))).toEqual(position)
      }),
    )
  })

  test('is the same for the same position, in whatever order its logs were added', () => {
    fc.assert(
      fc.property(position, ({ sequences, stamp }) => {
        const reversed = { sequences: new Map([...sequences].toReversed()), stamp }
        expect(formatPosition(reversed)).toBe(formatPosition({ sequences, stamp }))
      }),
    )
  })

  test('joined from several nodes reads as what covers them all', () => {
    fc.assert(
      fc.property(somewhere, somewhere, (one, other) => {
        const text = `${formatPosition(one)} , ${formatPosition(other)}`
        expect(parsePosition(text)).toEqual(mergePositions(one, other))
      }),
    )
  })

  test.each([
    ['a=1', [['a', 1n]]],
    [' a=0 ', [['a', 0n]]],
    ['a=1,a=3,a=2', [['a', 3n]]],
    [
      'a=1, b=2',
      [
        ['a', 1n],
        ['b', 2n],
      ],
    ],
    [',a=1,,', [['a', 1n]]],
    ['a=9223372036854775807', [['a', 2n ** 63n - 1n]]],
    ['stamp=1,a=1', [['a', 1n]]],
    ['stamp=1', []],
  ])('%j is a position', (text, sequences) => {
    expect([...(parsePosition(text)?.sequences ?? [])]).toEqual(sequences)
  })

  test.each([
    ['a=1,stamp=5', 5],
    ['stamp=5,a=1', 5],
    ['stamp=5, a=1, stamp=7,stamp=6', 7],
    ['stamp=0,a=1', 0],
    ['a=1', 0],
    [`stamp=${Number.MAX_SAFE_INTEGER}`, Number.MAX_SAFE_INTEGER],
  ])('%j has the highest stamp in it', (text, stamp) => {
    expect(parsePosition(text)?.stamp).toBe(stamp)
  })

  test('has 100 parts and 4,096 characters at most, however they are written', () => {
    const parts = (count: number) => Array.from({ length: count }, (_, index) => `l${index}=1`).join(',')
    expect(parsePosition(parts(100))?.sequences.size).toBe(100)
    expect(parsePosition(parts(101))).toBeUndefined()
    expect(parsePosition(`a=1${','.repeat(99)}`)).toEqual(positionAt('a', 1n))
    expect(parsePosition(`a=1${','.repeat(100)}`)).toBeUndefined()
    expect(parsePosition(`${'a'.repeat(4_094)}=1`)?.sequences.size).toBe(1)
    expect(parsePosition(`${'a'.repeat(4_095)}=1`)).toBeUndefined()
    expect([parts(100), parts(101), `${'a'.repeat(4_095)}=1`].map(isBeyondBounds)).toEqual([false, true, true])
  })

  test('has the stamp after the logs, and only where there is one', () => {
    expect(formatPosition({ sequences: new Map([['zebra', 1n]]), stamp: 5 })).toBe('zebra=1,stamp=5')
    expect(formatPosition({ sequences: new Map(), stamp: 5 })).toBe('stamp=5')
    expect(formatPosition(positionAt('a', 1n))).toBe('a=1')
  })

  test.each([
    '',
    ' ',
    ',',
    'a',
    'a=',
    '=1',
    'a=-1',
    'a=1.5',
    'a=x',
    'a=1 b=2',
    'a=b=1',
    'a=1,b',
    `a=${'1'.repeat(20)}`,
    'stamp=',
    'stamp=-1',
    'stamp=1.5',
    'a=1,stamp=9007199254740992',
    'stamp=9223372036854775807',
  ])('%j is none', (text) => {
    expect(parsePosition(text)).toBeUndefined()
  })
})

describe('covers is a partial order', () => {
  test('a position covers itself and nowhere', () => {
    fc.assert(fc.property(position, (one) => covers(one, one) && covers(one, nowhere)))
  })

  test('two that cover each other are the same, but for the stamp', () => {
    fc.assert(
      fc.property(position, position, (one, other) => {
        const [text, otherText] = [one, other].map((position) => formatPosition(withoutStamp(position)))
        expect(coverEachOther(one, other)).toBe(text === otherText)
      }),
    )
  })

  test('the stamp does not count', () => {
    fc.assert(
      fc.property(
        position,
        position,
        (one, other) => covers(one, other) === covers(withoutStamp(one), withoutStamp(other)),
      ),
    )
  })

  test('what covers a second, which covers a third, covers the third', () => {
    fc.assert(
      fc.property(position, position, position, (one, other, third) => {
        const [above, middle] = [mergePositions(mergePositions(one, other), third), mergePositions(other, third)]
        return covers(above, middle) && covers(middle, third) && covers(above, third)
      }),
    )
    fc.assert(
      fc.property(position, position, position, (one, other, third) => {
        return !(covers(one, other) && covers(other, third)) || covers(one, third)
      }),
    )
  })

  test('neither of two that are ahead in different logs covers the other', () => {
    const [one, other] = [positionAt('a', 2n), positionAt('b', 1n)]
    expect(covers(one, other) || covers(other, one)).toBe(false)
  })
})

describe('merging gives the least upper bound', () => {
  test('it covers both, and whatever covers both covers it', () => {
    fc.assert(
      fc.property(position, position, position, (one, other, third) => {
        const merged = mergePositions(one, other)
        const bound = mergePositions(merged, third)
        expect(covers(merged, one) && covers(merged, other)).toBe(true)
        expect(covers(bound, one) && covers(bound, other) && covers(bound, merged)).toBe(true)
        expect(covers(third, one) && covers(third, other)).toBe(covers(third, merged))
      }),
    )
  })

  test('it has the later of both stamps', () => {
    fc.assert(
      fc.property(position, position, (one, other) => {
        expect(mergePositions(one, other).stamp).toBe(Math.max(one.stamp, other.stamp))
      }),
    )
  })

  test('in any order and as often as one likes', () => {
    fc.assert(
      fc.property(position, position, position, (one, other, third) => {
        expect(equal(mergePositions(one, one), one)).toBe(true)
        expect(equal(mergePositions(one, other), mergePositions(other, one))).toBe(true)
        const [left, right] = [mergePositions(mergePositions(one, other), third), mergePositions(other, third)]
        expect(equal(left, mergePositions(one, right))).toBe(true)
      }),
    )
  })

  test('what is merged stays as it was', () => {
    const [one, other] = [positionAt('a', 1n), positionAt('a', 2n)]
    mergePositions(one, other)
    expect([sequenceIn(one, 'a'), sequenceIn(other, 'a')]).toEqual([1n, 2n])
  })
})

test('it tells its logs, and 0 for one that it does not name', () => {
  const position = mergePositions(positionAt('a', 3n), positionAt('b', 4n))
  expect([...logsIn(position)].toSorted()).toEqual(['a', 'b'])
  expect(['a', 'b', 'c'].map((log) => sequenceIn(position, log))).toEqual([3n, 4n, 0n])
  expect(formatPosition(nowhere)).toBe('')
})
