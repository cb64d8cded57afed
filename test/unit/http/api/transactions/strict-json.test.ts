import { expect, test, vi } from 'vitest'
import { JsonNumber, parseStrictly } from '../../../../../kvs/http/api/transactions/strict-json.ts'

const parse = (text: string) => parseStrictly(Buffer.from(text))

test.each([
  '{"a":{"a":1,"b":[{"a":1},{"a":2}]},"b":"a\\"b\\\\"}',
  '[["a","a"],{"a":"a"},{"a":"a"}]',
  '"a"',
  '{"a\\\\":1,"a":2,"{":3,"}":4,"[,":5}',
  ' {} ',
])('%s is taken', (text) => {
  const asText = (_: string, value: unknown) => (typeof value === 'number' ? new JsonNumber(String(value)) : value)
  expect(parse(text)).toEqual(JSON.parse(text, asText))
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

test.each(['9007199254740990.6', '1e400', '-0', '1.00000000000000001', '12345678901234567890'])(
  'the number %s stays as it was written',
  (text) => {
    expect(parse(`[${text}]`)).toEqual([new JsonNumber(text)])
  },
)

test.each<[string, string, string]>([
  ['names', `{${Array.from({ length: 500_000 }, (_, n) => `"${n}z":1`).join()}}`, 'bad_request'],
  ['escaped names', `{${Array.from({ length: 500_000 }, (_, n) => `"\\u0061${n}":1`).join()}}`, 'bad_request'],
  ['objects', `[${'{},'.repeat(2_000_000)}{}]`, 'transaction_too_large'],
  ['numbers', `[${'1,'.repeat(4_000_000)}1]`, 'transaction_too_large'],
])('more %s than any request has are refused before they are parsed', (_, text, code) => {
  const { parse: parseAll } = JSON
  const parsed = vi.spyOn(JSON, 'parse').mockImplementation((part, reviver) => {
    if (part.length > 100) throw new Error('it is parsed')
    return parseAll(part, reviver)
  })
  try {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code }))
    expect(parsed.mock.calls.length).toBeLessThan(100)
  } finally {
    parsed.mockRestore()
  }
})

test.each([
  '{\n\n"do":\n\n[}\n',
  'x\r\n\u001b[31mred\u009b',
  `{"${'u'.repeat(5_000_000)}":1,"${'u'.repeat(5_000_000)}":2}`,
])('an error is one short line, whatever the body has in it', (text) => {
  const message = messageOf(() => parse(text))
  expect(message).toMatch(/^[ -~…]+; nothing was stored$/)
  expect(message.length).toBeLessThan(200)
})

function messageOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it is taken')
}

test('what is not UTF-8 is refused', () => {
  expect(() => parseStrictly(Buffer.from('{"a":"\xff"}', 'latin1'))).toThrow(/not valid UTF-8/)
})
