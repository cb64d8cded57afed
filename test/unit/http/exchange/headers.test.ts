import { expect, test } from 'vitest'
import {
  awaitsContinue,
  firstHeaderOf,
  hasBody,
  hasHeader,
  headerOf,
  isHostGiven,
  onlyHeaderOf,
} from '../../../../kvs/http/exchange/headers.ts'

const headers = ['Host', 'x', 'If-Match', '"1"', 'Content-Type', 'a/b', 'IF-MATCH', '"2"', 'Empty', '']

test('headers are found whatever their case; several are joined, or the first counts, or none', () => {
  const request = { headers }
  expect([hasHeader(request, 'if-match'), hasHeader(request, 'if-none-match')]).toEqual([true, false])
  expect([headerOf(request, 'if-match'), headerOf(request, 'empty'), headerOf(request, 'x')]).toEqual([
    '"1", "2"',
    '',
    undefined,
  ])
  expect([firstHeaderOf(request, 'if-match'), firstHeaderOf(request, 'x')]).toEqual(['"1"', undefined])
  expect([onlyHeaderOf(request, 'if-match'), onlyHeaderOf(request, 'content-type')]).toEqual([undefined, 'a/b'])
  // A value is never taken for a name.
  expect(hasHeader(request, 'a/b')).toBe(false)
})

test.each([
  [[], false],
  [['Content-Length', '0'], false],
  [['Content-Length', '1'], true],
  [['Transfer-Encoding', 'chunked'], true],
])('with %j there is a body: %s', (headers, expected) => {
  expect(hasBody({ headers })).toBe(expected)
})

test.each([
  [['Expect', '100-Continue'], '1.1', true],
  [['Expect', '100-continue'], '1.0', false],
  [['Expect', '200-ok'], '1.1', false],
  [[], '1.1', false],
])('with %j in HTTP/%s the client waits to be told to go on: %s', (headers, version, expected) => {
  expect(awaitsContinue({ headers, version })).toBe(expected)
})

test.each([
  [['Host', 'x'], '1.1', true],
  [[], '1.1', false],
  [[], '1.0', true],
  [['Host', 'x', 'HOST', 'x'], '1.0', false],
])('with %j in HTTP/%s Host is given: %s', (headers, version, expected) => {
  expect(isHostGiven({ headers, version })).toBe(expected)
})
