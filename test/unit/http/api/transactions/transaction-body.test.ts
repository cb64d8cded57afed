import { expect, test } from 'vitest'
import { transactionIn } from '../../../../../kvs/http/api/transactions/transaction-body.ts'
import { put } from '../../../../support/entries.ts'

const maxValueBytes = 2 * 1024 * 1024
const decode = (body: unknown) => transactionIn(Buffer.from(JSON.stringify(body)), maxValueBytes)
const doing = (...operations: unknown[]) => decode({ do: operations })

test('a body is decoded, with its conditions and operations in their order', () => {
  const body = {
    if: [
      { key: 'a', etag: '"12"' },
      { key: 'b', etag: null },
      { key: 'ü', etag: '*' },
    ],
    do: [
      { put: 'a', value: 'text\u{1f600}' },
      { put: 'b', base64: '/wA=', contentType: 'image/png' },
      { put: 'empty', value: '', contentType: '' },
      { delete: 'c:' },
      { add: 'n', by: 1 },
      { put: 'd', value: '', ttl: '300ms' },
      { put: 'd', value: '', expires: '2030-01-01T00:00:00Z' },
      { max: 'm', by: '-9223372036854775808' },
      { min: 'm', by: '9007199254740993' },
    ],
  }
  const { lifetimes, ...transaction } = decode(body)
  expect(lifetimes.map((lifetime) => lifetime?.asked)).toEqual([
    ...[undefined, undefined, undefined, undefined, undefined],
    ...['ttl=300', 'expires=1893456000000', undefined, undefined],
  ])
  expect(lifetimes[5]?.deadlineAt(1_000)).toBe(1_300)
  expect(transaction).toEqual({
    conditions: [
      { key: 'a', precondition: { ifMatch: ['12'] } },
      { key: 'b', precondition: { ifNoneMatch: '*' } },
      { key: 'ü', precondition: { ifMatch: '*' } },
    ],
    operations: [
      put('a', 'text\u{1f600}'),
      put('b', Buffer.of(255, 0), 'image/png'),
      put('empty', ''),
      { kind: 'delete', key: 'c:' },
      { kind: 'add', key: 'n', by: 1n },
      put('d', ''),
      put('d', ''),
      { kind: 'max', key: 'm', by: -(2n ** 63n) },
      { kind: 'min', key: 'm', by: 9_007_199_254_740_993n },
    ],
  })
  expect(doing({ delete: 'a' }).conditions).toEqual([])
})

test('a number is taken as it is written, or refused', () => {
  const count = (by: string) => transactionIn(Buffer.from(`{"do":[{"add":"n","by":${by}}]}`), maxValueBytes)
  for (const [by, number] of [
    ['5', 5n],
    ['-5.00', -5n],
    ['"9223372036854775807"', 2n ** 63n - 1n],
    ['9007199254740991', 9_007_199_254_740_991n],
  ] as const) {
    expect(count(by).operations).toEqual([{ kind: 'add', key: 'n', by: number }])
  }
  for (const by of ['9007199254740990.6', '1.00000000000000001', '1e-400', '1e400', '9007199254740993', '1.5']) {
    expect(() => count(by)).toThrow(`through 2^63 - 1; it is ${by}; nothing was stored`)
  }
})

test('a content type is kept as one of a header is, without blanks around it', () => {
  const { operations } = doing({ put: 'a', value: '', contentType: ' ' }, { put: 'a', value: '', contentType: ' a/b ' })
  expect(operations).toEqual([put('a', ''), put('a', '', 'a/b')])
})

const ok = { delete: 'x' }

test.each<[unknown, RegExp]>([
  [[], /^the body is to be an object, and is an array/],
  [null, /^the body is to be an object, and is null/],
  [{ do: [ok], else: [] }, /^the body has the unknown member "else": known are if, do/],
  [{ do: {} }, /^do is to be an array, and is an object/],
  [{ do: null }, /^do is to be an array, and is null/],
  [{ if: 'a', do: [ok] }, /^if is to be an array, and is a text/],
  [{}, /^do needs at least one operation/],
  [{ do: [] }, /^do needs at least one operation/],
  [{ do: [ok, 'x'] }, /^do\[1\] is to be an object, and is a text/],
  [{ do: [ok, {}] }, /^do\[1\] is to have one of put, delete, add, min, max, and has none of them/],
  [{ do: [{ put: 'a', delete: 'a' }] }, /^do\[0\] is to have one of .* has put and delete/],
  [{ do: [{ delete: 'a', value: 'x' }] }, /^do\[0\] has the unknown member "value": known are delete/],
  [{ do: [{ put: 'a', value: 'x', TTL: 1 }] }, /^do\[0\] has the unknown member "TTL": known are put, value/],
  [{ do: [{ put: 'a' }] }, /^do\[0\] is to have one of value and base64, and has none/],
  [{ do: [{ put: 'a', value: 'x', base64: '' }] }, /^do\[0\] is to have one of value and base64, and has both/],
  [{ do: [{ put: 'a', value: 1 }] }, /^do\[0\].value is to be a text, and is a number/],
  [{ do: [{ put: 'a', value: null }] }, /^do\[0\].value is to be a text, and is null/],
  [{ do: [{ put: 'a', value: '\ud83d' }] }, /^do\[0\].value has half of a surrogate pair/],
  [{ do: [{ put: 'a', base64: 'eA' }] }, /^do\[0\].base64 is not base64/],
  [{ do: [{ put: 'a', base64: 'eA==\n' }] }, /^do\[0\].base64 is not base64/],
  [{ do: [{ put: 'a', base64: '_-==' }] }, /^do\[0\].base64 is not base64/],
  [{ do: [{ put: 'a', value: '', contentType: 'a\r\nb: c' }] }, /^do\[0\].contentType is to be a text/],
  [{ do: [{ put: 'a', value: '', contentType: 'x'.repeat(256) }] }, /^do\[0\].contentType is to be a text/],
  [{ do: [{ put: 'a', value: '', ttl: 60 }] }, /^do\[0\].ttl is to be a whole number of ms, s, m or h/],
  [{ do: [{ put: 'a', value: '', ttl: '1 day' }] }, /^do\[0\].ttl is to be a whole number of ms, s, m or h/],
  [{ do: [{ put: 'a', value: '', expires: 'tomorrow' }] }, /^do\[0\].expires is to be a moment/],
  [{ do: [{ put: 'a', value: '', ttl: '1s', expires: '2030-01-01T00:00:00Z' }] }, /^do\[0\] has both ttl and expires/],
  [{ do: [{ add: 'a', by: 1, ttl: '1s' }] }, /^do\[0\] has the unknown member "ttl"/],
  [{ do: [{ put: 1, value: '' }] }, /^do\[0\].put is to be a key as text, and is a number/],
  [{ do: [{ add: 'n' }] }, /^do\[0\].by is to be an integer.*; it is missing/],
  [{ do: [{ add: 'n', by: 1.5 }] }, /^do\[0\].by is to be an integer.*; it is 1.5/],
  [{ do: [{ add: 'n', by: 2 ** 53 }] }, /^do\[0\].by is to be an integer/],
  [{ do: [{ add: 'n', by: '9223372036854775808' }] }, /^do\[0\].by is to be an integer/],
  [{ do: [{ add: 'n', by: '01' }] }, /^do\[0\].by is to be an integer.*; it is "01"/],
  [{ do: [{ add: 'n', by: [1] }] }, /^do\[0\].by is to be an integer.*; it is an array/],
  [{ if: [{ key: 'a' }], do: [ok] }, /^if\[0\].etag is to be an ETag with its quotes/],
  [{ if: [{ key: 'a', etag: '12' }], do: [ok] }, /^if\[0\].etag is to be an ETag with its quotes/],
  [{ if: [{ key: 'a', etag: 'W/"12"' }], do: [ok] }, /^if\[0\].etag is to be an ETag with its quotes/],
  [{ if: [{ key: 'a', etag: '"1", "2"' }], do: [ok] }, /^if\[0\].etag is to be an ETag with its quotes/],
  [{ if: [{ etag: null }], do: [ok] }, /^if\[0\].key is to be a key as text, and is missing/],
  [{ if: [{ key: 'a', etag: null, value: 'x' }], do: [ok] }, /^if\[0\] has the unknown member "value"/],
])('%j is refused', (body, message) => {
  expect(() => decode(body)).toThrow(expect.objectContaining({ code: 'bad_request', status: 400 }))
  expect(() => decode(body)).toThrow(message)
})

test.each<[string, RegExp]>([
  ['', /^do\[0\].put: the key is empty/],
  ['.', /^do\[0\].put: .*can’t be keys/],
  ['..', /^do\[0\].put: .*can’t be keys/],
  ['a\0b', /^do\[0\].put: .*NUL/],
  ['\udc00', /^do\[0\].put: .*surrogate/],
  ['é'.repeat(513), /^do\[0\].put: the key has 1026 bytes/],
])('the key %j is refused', (key, message) => {
  expect(() => doing({ put: key, value: '' })).toThrow(expect.objectContaining({ code: 'bad_key', status: 400 }))
  expect(() => doing({ put: key, value: '' })).toThrow(message)
})

test('the key that a path may write with a coded slash is one here as well', () => {
  expect(doing({ delete: 'a/../b' }).operations).toEqual([{ kind: 'delete', key: 'a/../b' }])
})

test('what is too large is refused, and what just fits is taken', () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => ({ delete: `k${n}` }))
  expect(doing(...many(1_000)).operations).toHaveLength(1_000)
  const conditions = (count: number) => Array.from({ length: count }, (_, n) => ({ key: `k${n}`, etag: null }))
  expect(decode({ if: conditions(1_000), do: [ok] }).conditions).toHaveLength(1_000)
  const half = { put: 'a', value: 'x'.repeat(maxValueBytes) }
  expect(doing(half, half).operations).toHaveLength(2)
  for (const large of [
    { do: many(1_001) },
    { if: conditions(1_001), do: [ok] },
    { do: [half, half, { put: 'b', value: 'x' }] },
  ]) {
    expect(() => decode(large)).toThrow(expect.objectContaining({ code: 'transaction_too_large', status: 413 }))
  }
  const over = { put: 'a', value: 'x'.repeat(maxValueBytes + 1) }
  expect(() => doing(ok, over)).toThrow(expect.objectContaining({ code: 'value_too_large', status: 413 }))
  expect(() => doing(ok, over)).toThrow(/^do\[1\]: the value has 2097153 bytes; at most 2097152 are allowed/)
})
