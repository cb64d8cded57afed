import { expect, test } from 'vitest'
import { makePositions } from '../../../clients/typescript/src/position.ts'
import { parsePosition } from '../../../kvs/core/position.ts'

test('a position never goes back', () => {
  const positions = makePositions()
  expect(positions.text).toBe('')
  positions.advance('a=9')
  positions.advance('a=10')
  positions.advance('a=2')
  expect(positions.text).toBe('a=10')
})

test('positions of several logs are kept beside each other', () => {
  const positions = makePositions('a=1, b=9007199254740993')
  positions.advance('b=9007199254740992,,a=3')
  expect(positions.text).toBe('a=3,b=9007199254740993')
})

test('a site’s stamp is kept beside the logs, and does not go back either', () => {
  const positions = makePositions('a=1,b=2,stamp=1800000000000003')
  positions.advance('a=2,stamp=1800000000000001')
  positions.advance('b=1,c=5,stamp=1800000000000002')
  expect(parsePosition(positions.text)).toEqual(parsePosition('a=2,b=2,c=5,stamp=1800000000000003'))
})

test('a position that is forgotten is gone', () => {
  const positions = makePositions('a=1')
  positions.forget()
  expect(positions.text).toBe('')
})

test.each(['a', 'a=', '=1', 'a=x', 'a=-1', 'a=1;b=2', 'a b=1'])('"%s" is no position', (text) => {
  expect(() => makePositions(text)).toThrow(`a position is LOGID=SEQUENCE, or several with commas, and not "${text}"`)
})
