import { expect, test } from 'vitest'
import { formatPosition, positionAt } from '../../../kvs/core/position.ts'
import { makeVector } from '../../../kvs/view/vector.ts'

test('it has the last sequence of each origin, and the highest stamp', () => {
  const vector = makeVector('a')
  expect(formatPosition(vector.position)).toBe('a=0')
  vector.advance(1, 50, undefined)
  vector.advance(7, 40, 'b')
  vector.advance(9, 45, 'c')
  vector.advance(8, 60, 'b')
  vector.advance(5, 55, undefined)
  expect(formatPosition(vector.position)).toBe('a=5,b=8,c=9,stamp=60')
  expect(['a', 'b', 'c', 'd'].map(vector.reached)).toEqual([5, 8, 9, 0])
})

test('it has the stamp of the last entry of each other log, unless that came with a checkpoint', () => {
  const vector = makeVector('a')
  expect(vector.lastOf('b')).toEqual({ sequence: 0n, stamp: undefined })
  vector.advance(7, 40, 'b')
  vector.advance(1, 90, 'c')
  vector.advance(8, 30, 'b')
  vector.advance(3, 95, undefined)
  expect(vector.lastOf('b')).toEqual({ sequence: 8n, stamp: 30 })
  expect(vector.lastOf('a')).toEqual({ sequence: 3n, stamp: undefined })
  vector.load({ sequences: new Map([['b', 9n]]), stamp: 99 })
  expect(vector.lastOf('b')).toEqual({ sequence: 9n, stamp: undefined })
  vector.advance(10, 50, 'b')
  expect(vector.lastOf('b')).toEqual({ sequence: 10n, stamp: 50 })
  expect(vector.lastOf('c')).toEqual({ sequence: 0n, stamp: undefined })
})

test('its position is one object until the next entry', () => {
  const vector = makeVector('a')
  const before = vector.position
  expect(vector.position).toBe(before)
  vector.advance(1, 1, 'b')
  expect(formatPosition(vector.position)).toBe('a=0,b=1,stamp=1')
  expect(formatPosition(before)).toBe('a=0')
})

test('a checkpoint takes the place of what was counted', () => {
  const vector = makeVector('a')
  vector.advance(3, 3, 'b')
  vector.load({ sequences: new Map([...positionAt('a', 4n).sequences, ...positionAt('c', 5n).sequences]), stamp: 2 })
  expect(formatPosition(vector.position)).toBe('a=4,c=5,stamp=2')
  vector.advance(4, 1, 'b')
  vector.advance(6, 1, 'c')
  expect(formatPosition(vector.position)).toBe('a=4,b=4,c=6,stamp=2')
})
