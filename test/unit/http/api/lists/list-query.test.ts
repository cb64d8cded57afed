import { expect, test } from 'vitest'
import type { KvsError } from '../../../../../kvs/core/errors.ts'
import { listQueryOf } from '../../../../../kvs/http/api/lists/list-query.ts'

const none = { shows: 'keys', limit: undefined, after: undefined, delimiter: undefined, isConsistent: false }

test.each<[query: string, read: object]>([
  ['', {}],
  ['limit=1', { limit: 1 }],
  ['limit=10000&after=a', { limit: 10_000, after: 'a' }],
  ['after=', { after: '' }],
  ['after=a%2Fb%26c%3Dd', { after: 'a/b&c=d' }],
  ['after=a=b', { after: 'a=b' }],
  ['after=a+b%2Bc', { after: 'a b+c' }],
  ['after=%F0%9F%94%91', { after: '🔑' }],
  ['delimiter=/', { delimiter: '/' }],
  ['delimiter=%F0%9F%94%91123456789012345', { delimiter: '🔑123456789012345' }],
  ['values', { shows: 'values', limit: 1_000 }],
  ['values=&limit=7', { shows: 'values', limit: 7 }],
  ['count', { shows: 'count' }],
  ['consistent&count=', { shows: 'count', isConsistent: true }],
  ['%6Cimit=3&consistent=', { limit: 3, isConsistent: true }],
])('?%s is read', (query, read) => {
  expect(listQueryOf(query)).toEqual({ ...none, ...read })
})

test.each<[query: string, problem: string]>([
  ['x', 'this service knows no query "x" here'],
  ['toString', 'this service knows no query "toString" here'],
  ['Limit=1', 'this service knows no query "Limit" here'],
  ['limit=1&', 'this service knows no query "" here'],
  ['limit=1&limit=1', 'the query has limit twice'],
  ['values&values=', 'the query has values twice'],
  ['limit', 'limit takes a number from 1 to 10000, not ""'],
  ['limit=0', 'limit takes a number from 1 to 10000, not "0"'],
  ['limit=10001', 'limit takes a number from 1 to 10000, not "10001"'],
  ['limit=1e3', 'limit takes a number from 1 to 10000, not "1e3"'],
  ['limit=+1', 'limit takes a number from 1 to 10000, not " 1"'],
  ['after', 'after needs a key, after=KEY'],
  ['after=%FF', 'the query is not percent-encoded UTF-8: "%" is written %25'],
  ['after=100%', 'the query is not percent-encoded UTF-8: "%" is written %25'],
  ['after=a#b', 'a "#" in a query is written %23'],
  ['delimiter', 'delimiter takes 1 to 16 characters of a key, not ""'],
  ['delimiter=', 'delimiter takes 1 to 16 characters of a key, not ""'],
  ['delimiter=%00', 'delimiter takes 1 to 16 characters of a key, not "\\u0000"'],
  ['delimiter=12345678901234567', 'delimiter takes 1 to 16 characters of a key, not "12345678901234567"'],
  ['values=true', 'values takes no value in the query, and has "true"'],
  ['consistent=1', 'consistent takes no value in the query, and has "1"'],
  ['values&delimiter=/', 'delimiter shows names, which have no values'],
  ...['values', 'limit=1', 'after=a', 'delimiter=/'].map((other): [string, string] => [
    `${other}&count`,
    `count tells of all keys, and does not go with ${other.split('=')[0]}`,
  ]),
])('?%s is refused with what the query takes', (query, problem) => {
  const takes = 'limit=N (1 to 10000), after=KEY, delimiter=TEXT (1 to 16 characters), values, count, consistent'
  let error: KvsError | undefined
  try {
    listQueryOf(query)
  } catch (thrown) {
    error = thrown as KvsError
  }
  expect(error).toMatchObject({ code: 'bad_request', message: `${problem}; it takes ${takes}` })
})
