import { expect, test } from 'vitest'
import { settings } from '../../../kvs/config/all-settings.ts'
import { editDistance, nearest } from '../../../kvs/config/nearest-name.ts'

const known = settings.map(({ name }) => name)

test.each([
  ['', '', 0],
  ['', 'abc', 3],
  ['kitten', 'sitting', 5],
  ['same', 'same', 0],
])('%j to %j: %i edits', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance)
  expect(editDistance(b, a)).toBe(distance)
})

test.each([
  ['KVS_MAX_VALUE', 'KVS_MAX_VALUE_BYTES'],
  ['KVS_APEND_TIMEOUT', 'KVS_APPEND_TIMEOUT'],
  ['KVS_PORT', 'PORT'],
  ['KVS_LOG_LEVEL', 'LOG_LEVEL'],
  ['KVS_POSTGRES_PORT', 'POSTGRES_PORT'],
  ['POSTGRES_USERNAME', 'POSTGRES_USER'],
  ['POSTGRES_PASS', 'POSTGRES_PASSWORD'],
  ['POSTGRES_SSL_MODE', 'POSTGRES_SSLMODE'],
  ['KVS_FOO', undefined],
  ['POSTGRES_INITDB_ARGS', undefined],
  ['POSTGRES_HOST_AUTH_METHOD', undefined],
])('%s means %s', (name, meant) => {
  expect(nearest(name, known)).toBe(meant)
})
