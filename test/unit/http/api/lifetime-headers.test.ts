import { expect, test } from 'vitest'
import type { KvsError } from '../../../../kvs/core/errors.ts'
import { deadlineHeadersOf, lifetimeOf, timeHeadersOf } from '../../../../kvs/http/api/lifetime-headers.ts'
import { makeRequest } from '../fake-request.ts'

const now = 1_000_000.25
const lifetime = (...headers: string[]) => lifetimeOf(makeRequest('PUT', '/v1/a', headers))
const errorOf = (act: () => unknown): KvsError | undefined => {
  try {
    act()
  } catch (error) {
    return error as KvsError
  }
  return undefined
}

test.each([
  ['KVS-TTL', '300ms', 'ttl=300', 1_000_301],
  ['kvs-ttl', '5m', 'ttl=300000', 1_300_001],
  ['KVS-TTL', '0s', 'ttl=0', 1_000_001],
  ['KVS-TTL', '-1s', 'ttl=-1000', 999_001],
  ['X-TTL', '300', 'ttl=300000', 1_300_001],
  ['X-TTL', ' 0.5 ', 'ttl=500', 1_000_501],
  ['x-ttl', '1.0001', 'ttl=1001', 1_001_002],
  ['X-TTL', '-60', 'ttl=-60000', 940_001],
  ['X-TTL', '-5000', 'ttl=-5000000', 0],
  ['KVS-Expires', '2030-01-01T00:00:00Z', 'expires=1893456000000', 1_893_456_000_000],
  ['KVS-Expires', '2030-01-01T02:00:00.5+02:00', 'expires=1893456000500', 1_893_456_000_500],
  ['KVS-Expires', '2030-01-01 00:00:00.123456z', 'expires=1893456000123', 1_893_456_000_123],
  ['KVS-Expires', 'Tue, 01 Jan 2030 00:00:00 GMT', 'expires=1893456000000', 1_893_456_000_000],
  ['KVS-Expires', '1960-01-01T00:00:00Z', 'expires=-315619200000', 0],
  ['KVS-Expires', '9999-12-31T23:59:59.999Z', 'expires=253402300799999', 253_402_300_799_999],
])('%s: %s is a lifetime', (name, value, asked, deadline) => {
  const one = lifetime(name, value)
  expect(one?.asked).toBe(asked)
  expect(one?.deadlineAt(now)).toBe(deadline)
})

test('without a header there is none', () => expect(lifetime()).toBeUndefined())

test.each([
  ['KVS-TTL', '', 'KVS-TTL takes a whole number of ms, s, m or h'],
  ['KVS-TTL', '60', 'KVS-TTL takes a whole number of ms, s, m or h, such as 300ms or 5m; nothing was done'],
  ['KVS-TTL', '1.5s', 'KVS-TTL takes'],
  ['KVS-TTL', '--5s', 'KVS-TTL takes'],
  ['X-TTL', '60s', 'X-TTL takes seconds, such as 60 or 0.5; nothing was done'],
  ['X-TTL', '1e3', 'X-TTL takes'],
  ['X-TTL', 'Infinity', 'X-TTL takes'],
  ['X-TTL', '', 'X-TTL takes'],
  ['KVS-Expires', '60', 'KVS-Expires takes a moment such as 2030-01-01T00:00:00Z, or an HTTP date; nothing was done'],
  ['KVS-Expires', '2030-01-01', 'KVS-Expires takes'],
  ['KVS-Expires', '2030-01-01T00:00:00', 'KVS-Expires takes'],
  ['KVS-Expires', '2030-02-30T00:00:00Z', 'KVS-Expires takes'],
  ['KVS-Expires', '2030-13-01T00:00:00Z', 'KVS-Expires takes'],
  ['KVS-Expires', '2030-01-01T24:00:00Z', 'KVS-Expires takes'],
  ['KVS-Expires', '2030-01-01T00:00:00+99:00', 'KVS-Expires takes'],
])('%s: %j is refused', (name, value, message) => {
  expect(errorOf(() => lifetime(name, value))).toMatchObject({
    code: 'bad_request',
    message: expect.stringContaining(message),
  })
})

test.each([
  ['KVS-TTL', '70400000h'],
  ['KVS-TTL', `${'9'.repeat(400)}s`],
  ['X-TTL', '253402300800'],
  ['KVS-Expires', '9999-12-31T23:59:59-00:01'],
])('%s: %s ends after the year 9999, and is refused', (name, value) => {
  const one = lifetime(name, value)
  expect(errorOf(() => one?.deadlineAt(now))).toMatchObject({
    code: 'bad_request',
    message: expect.stringContaining('ends in the year 9999 at the latest'),
  })
})

test.each([
  ['KVS-TTL', '1s', 'X-TTL', '1'],
  ['KVS-TTL', '1s', 'KVS-Expires', '2030-01-01T00:00:00Z'],
  ['KVS-Expires', '2030-01-01T00:00:00Z', 'X-TTL', '1'],
])('%s: %s beside %s: %s is refused', (...headers) => {
  expect(errorOf(() => lifetime(...headers))?.message).toContain('send one of KVS-TTL, KVS-Expires and X-TTL')
})

test.each(['KVS-TTL', 'X-TTL'])('%s twice is refused', (name) => {
  const value = name === 'X-TTL' ? '1' : '1s'
  expect(errorOf(() => lifetime(name, value, name, value))?.message).toContain(`${name} takes`)
})

const found = { value: Buffer.alloc(0), contentType: undefined, tag: '1' }
const request = makeRequest('GET', '/v1/a')

test('the rest of a lifetime is rounded up to seconds', () => {
  const rest = (deadline: number) => deadlineHeadersOf({ deadline }, () => 10_000)
  expect(rest(12_000)).toEqual(['KVS-Expires', '1970-01-01T00:00:12.000Z', 'X-TTL', '2'])
  expect(rest(12_001)).toEqual(['KVS-Expires', '1970-01-01T00:00:12.001Z', 'X-TTL', '3'])
  expect(rest(9_000)[3]).toBe('0')
})

test('a value without a deadline costs no look at the clock', () => {
  const now = () => {
    throw new Error('asked')
  }
  const headers = timeHeadersOf({ ...found, modifiedAt: 1_000, deadline: undefined }, request, now)
  expect(headers).toEqual(['Last-Modified', 'Thu, 01 Jan 1970 00:00:01 GMT'])
})

test('a value that is not in the log has no Last-Modified', () => {
  expect(timeHeadersOf({ ...found, modifiedAt: undefined, deadline: undefined }, request, () => 0)).toEqual([])
})

test('Last-Modified is never after the time of the answer', () => {
  const clock = { ...request.clock, wallTime: () => 5_999 }
  const headers = timeHeadersOf({ ...found, modifiedAt: 9_000, deadline: undefined }, { clock }, () => 0)
  expect(headers).toEqual(['Last-Modified', 'Thu, 01 Jan 1970 00:00:05 GMT'])
})
