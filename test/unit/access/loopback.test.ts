import { expect, test } from 'vitest'
import { isLoopback } from '../../../kvs/access/loopback.ts'

test.each([
  '127.0.0.1',
  '127.0.0.2',
  '127.255.255.254',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  'localhost',
  'LocalHost',
])('only this machine reaches %s', (host) => {
  expect(isLoopback(host)).toBe(true)
})

test.each([
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '128.0.0.1',
  '126.255.255.255',
  '::2',
  '::ffff:10.0.0.1',
  'fe80::1',
  '0',
  '127.1',
  'kvs',
  'localhost.evil.example',
  '',
])('others may reach %s', (host) => {
  expect(isLoopback(host)).toBe(false)
})
