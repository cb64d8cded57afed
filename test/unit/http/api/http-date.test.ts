import { expect, test } from 'vitest'
import { formatHttpDate, parseHttpDate } from '../../../../kvs/http/api/http-date.ts'

const now = Date.parse('2026-11-29T00:00:00Z')
const example = Date.parse('1994-11-06T08:49:37Z')

test.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', example],
  ['Sunday, 06-Nov-94 08:49:37 GMT', example],
  ['Sun Nov  6 08:49:37 1994', example],
  [' Sun, 06 Nov 1994 08:49:37 GMT ', example],
  ['Sun Nov 16 08:49:37 1994', Date.parse('1994-11-16T08:49:37Z')],
  ['Sunday, 06-Nov-76 08:49:37 GMT', Date.parse('2076-11-06T08:49:37Z')],
  ['Sunday, 06-Nov-77 08:49:37 GMT', Date.parse('1977-11-06T08:49:37Z')],
  ['Sat, 31 Dec 2016 23:59:60 GMT', Date.parse('2017-01-01T00:00:00Z')],
])('%s is read', (text, ms) => expect(parseHttpDate(text, now)).toBe(ms))

test.each([
  '',
  'never',
  '0',
  '2026-11-29T00:00:00Z',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 06 Nov 1994 08:49:37 UTC',
  'Sun, 06 Nov 1994 24:49:37 GMT',
  'Tue, 31 Feb 2026 08:49:37 GMT',
  'Sun, 00 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
])('%j is no HTTP date', (text) => expect(parseHttpDate(text, now)).toBeUndefined())

test('what was written is read, in whole seconds', () => {
  for (const ms of [0, 999, 1_000, example + 1, now, now + 1024 * 1000, now, 253_402_300_799_999]) {
    const text = formatHttpDate(ms)
    expect(text).toBe(new Date(ms).toUTCString())
    expect(parseHttpDate(text, now)).toBe(Math.floor(ms / 1000) * 1000)
  }
})
