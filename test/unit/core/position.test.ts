import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  covers,
  formatPosition,
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

const equal = (one: Position, other: Position) => covers(one, other) && covers(other, one)

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
  ])('%j is a position', (text, sequences) => {
    expect([...(parsePosition(text)?.sequences ?? [])]).toEqual(sequences)
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
  ])('%j is none', (text) => {
    expect(parsePosition(text)).toBeUndefined()
  })
})

describe('covers is a partial order', () => {
  test('a position covers itself and nowhere', () => {
    fc.assert(fc.property(position, (one) => covers(one, one) && covers(one, nowhere)))
  })

  test('two that cover each other are the same', () => {
    fc.assert(
      fc.property(position, position, (one, other) => {
        expect(equal(one, other)).toBe(formatPosition(one) === formatPosition(other))
      }),
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
