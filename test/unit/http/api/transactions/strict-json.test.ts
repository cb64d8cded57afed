import { expect, test } from 'vitest'
import { parseStrictly } from '../../../../../kvs/http/api/transactions/strict-json.ts'

const parse = (text: string) => parseStrictly(Buffer.from(text))

test.each([
  '{"a":{"a":1,"b":[{"a":1},{"a":2}]},"b":"a\\"b\\\\"}',
  '[["a","a"],{"a":"a"},{"a":"a"}]',
  '"a"',
  '{"a\\\\":1,"a":2,"{":3,"}":4,"[,":5}',
  ' {} ',
])('%s is taken', (text) => {
  expect(parse(text)).toEqual(JSON.parse(text))
})

test.each([
  ['{"a":1,"a":2}', /the name "a" twice/],
  ['{"a":1,"b":{"c":1,"c":2}}', /the name "c" twice/],
  ['{"a":[{"b":1}],"a":2}', /the name "a" twice/],
  ['{"a":1,"\\u0061":2}', /the name "a" twice/],
  ['[{"k":{},"l":[],"k":1}]', /the name "k" twice/],
  ['', /not JSON/],
  ['{"a"', /not JSON/],
  ['{"a', /not JSON/],
  ['{"a\\', /not JSON/],
  ['{"\\x":1,"b":2}', /not JSON/],
  ['}}]]', /not JSON/],
  ['{} {}', /not JSON/],
  ['\ufeff{}', /not JSON/],
  ['['.repeat(100_000), /deeper than 8 levels/],
  ['{"a":'.repeat(9), /deeper than 8 levels/],
])('%s is refused', (text, message) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'bad_request', status: 400 }))
  expect(() => parse(text)).toThrow(message)
})

test('what is not UTF-8 is refused', () => {
  expect(() => parseStrictly(Buffer.from('{"a":"\xff"}', 'latin1'))).toThrow(/not valid UTF-8/)
})
