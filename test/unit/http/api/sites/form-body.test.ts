import { array, assert, property, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { formIn, textIn } from '../../../../../kvs/http/api/sites/form-body.ts'

const takes = ['val', 'payload']
const read = (...texts: string[]) => {
  const form = formIn(
    texts.map((text) => Buffer.from(text)),
    takes,
  )
  return Object.fromEntries([...form].map(([name, value]) => [name, value.toString()]))
}

test.each([
  ['val=1&payload=a:1', { val: '1', payload: 'a:1' }],
  ['val=1&&payload=a:1', { val: '1', payload: 'a:1' }],
  ['&&val=1&', { val: '1' }],
  ['', {}],
  ['&', {}],
  ['val', { val: '' }],
  ['val=', { val: '' }],
  ['val=a=b', { val: 'a=b' }],
  ['val=a+b%20c%2Bd%26', { val: 'a b c+d&' }],
  ['%76al=1', { val: '1' }],
  ['val=%e2%82%AC', { val: '€' }],
  ['val=€', { val: '€' }],
  ['val=1&val=1', { val: '1' }],
  ['payload=%22a%3A1%22', { payload: '"a:1"' }],
])('the form %j has %j', (text, expected) => {
  expect(read(text)).toEqual(expected)
})

test('what the query has counts as well, where the body has nothing else', () => {
  expect(read('payload=a:1', 'val=1')).toEqual({ payload: 'a:1', val: '1' })
  expect(read('val=1', 'val=1')).toEqual({ val: '1' })
  expect(() => read('val=1', 'val=2')).toThrow('val is there twice, with different values')
})

test.each([
  ['value=1', 'there is no parameter "value" here: val and payload are taken; nothing was done'],
  ['=1', 'there is no parameter "" here'],
  ['{"val":1}', 'there is no parameter "{\\"val\\":1}" here'],
  ['__proto__=1', 'there is no parameter "__proto__" here'],
  ['val=1&val=2', 'val is there twice, with different values'],
  ['val=%', '"%" must be followed by two hexadecimal digits'],
  ['val=%%%', '"%" must be followed by'],
  ['val=%1', '"%" must be followed by'],
  ['val=%1&payload=', '"%" must be followed by'],
  ['val=%g1', '"%" must be followed by'],
  ['val=%1g', '"%" must be followed by'],
])('the form %j is refused: %s', (text, message) => {
  expect(() => read(text)).toThrow(message)
  expect(() => read(text)).toThrow(expect.objectContaining({ code: 'bad_request' }))
})

test('a form may have a hundred parameters, and any number of empty ones', () => {
  const many = (count: number) => 'val=1&&&&&'.repeat(count)
  expect(read(many(60), many(40))).toEqual({ val: '1' })
  expect(() => read(many(60), many(41))).toThrow('there are more than 100 parameters; nothing was done')
})

test('a name of any length makes a short sentence', () => {
  expect(() => read('x'.repeat(10_000))).toThrow(/^.{1,120}$/)
})

test('where nothing is taken, or one thing, the sentence says that', () => {
  expect(() => formIn([Buffer.from('a')], [])).toThrow(
    'there is no parameter "a" here: none is taken; nothing was done',
  )
  expect(() => formIn([Buffer.from('a')], ['b'])).toThrow('here: b is taken; nothing')
})

test('any bytes come through, in memory of just their size', () => {
  const encoded = (bytes: Uint8Array) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  assert(
    property(array(uint8Array()), (values) => {
      for (const bytes of values) {
        const value = formIn([Buffer.from(`val=${encoded(bytes)}`)], takes).get('val')
        expect(value && [...value]).toEqual([...bytes])
        expect(value?.buffer.byteLength).toBe(bytes.length)
      }
    }),
  )
  const body = Buffer.from('payload=&val=plain')
  expect(formIn([body], takes).get('val')?.buffer.byteLength).toBe(5)
})

test('a text that is not UTF-8 is refused, and one that is not there is undefined', () => {
  const form = formIn([Buffer.from('payload=%ff')], takes)
  expect(() => textIn(form, 'payload')).toThrow('payload is not percent-encoded UTF-8')
  expect(textIn(form, 'val')).toBeUndefined()
})
