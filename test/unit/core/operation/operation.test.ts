import { globSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  changesNoKey,
  codeOf,
  decodeWrite,
  effectOf,
  isMembership,
  kindNames,
  kindOfCode,
  partsOf,
  setsValue,
  type Write,
  weight,
} from '../../../../kvs/core/operation/operation.ts'
import { nowhere, parsePosition } from '../../../../kvs/core/position.ts'

const value = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
const deadline = fc.option(fc.maxSafeNat(), { nil: undefined })
const put = fc.record({
  kind: fc.constant('put' as const),
  key: fc.string(),
  value,
  contentType: fc.option(fc.string(), { nil: undefined }),
  deadline,
})
const remove = fc.record({ kind: fc.constant('delete' as const), key: fc.string(), deadline })
const join = fc.record({ kind: fc.constant('join' as const), key: fc.string() })
const leave = fc.record({ kind: fc.constant('leave' as const), key: fc.string() })
const ring = fc.record({ kind: fc.constant('ring' as const), key: fc.string() })
/** A new kind needs its arbitrary here. */
const byKind: { readonly [Name in Write['kind']]: fc.Arbitrary<Write> } = { put, delete: remove, join, leave, ring }
const write = fc.oneof(...Object.values(byKind))

test('the codes are those of the log, and each has one kind', () => {
  expect(kindNames.map((kind) => [kind, codeOf(kind)])).toEqual([
    ['put', 2],
    ['delete', 1],
    ['join', 3],
    ['leave', 4],
    ['ring', 5],
  ])
  expect(kindNames.map((kind) => kindOfCode(codeOf(kind), true))).toEqual(kindNames)
})

test('the log’s table takes the codes of all kinds and no others', () => {
  const migrations = globSync('migrations/*.sql').toSorted()
  const checks = migrations.flatMap((path) => [
    ...readFileSync(path, 'utf8').matchAll(/CONSTRAINT known_event_type CHECK \(event_type IN \(([^)]*)\)\)/g),
  ])
  const codes = checks.at(-1)?.[1]?.split(',').map(Number)
  expect(codes).toEqual(kindNames.map(codeOf).toSorted((one, other) => one - other))
})

test('a row in the log is of the kind that its code says', () => {
  expect(kindOfCode(2, true)).toBe('put')
  expect(kindOfCode(1, false)).toBe('delete')
  expect(kindOfCode(1, true)).toBe('delete')
})

test.each([
  ['a put without a value', 2, false],
  ['code 0', 0, true],
  ['code 6', 6, true],
  ['a code below 0', -1, true],
  ['the largest code', 32_767, true],
  ['the smallest code', -32_768, false],
])('a row is of no known kind: %s', (_, code, hasValue) => {
  expect(kindOfCode(code, hasValue)).toBeUndefined()
})

test('what goes into the columns comes out as the same write', () => {
  fc.assert(
    fc.property(write, (write) => {
      const kind = kindOfCode(codeOf(write.kind), setsValue(write))
      const { value, contentType } = setsValue(write) ? write : { value: undefined, contentType: undefined }
      expect(decodeWrite(kind, write.key, value, contentType, write.deadline)).toEqual(write)
      expect(decodeWrite(write.kind, write.key, value, contentType, write.deadline)).toEqual(write)
    }),
  )
})

test('a value is kept as it is, not copied', () => {
  const bytes = Buffer.from('v')
  expect(decodeWrite('put', 'k', bytes, undefined, undefined)).toMatchObject({
    value: expect.toSatisfy((it) => it === bytes),
  })
})

test.each([undefined, '', 'PUT', 'toString', 'constructor', '__proto__', '2'])('%j is the name of no kind', (kind) => {
  expect(decodeWrite(kind, 'k', Buffer.from('v'), undefined, undefined)).toBeUndefined()
})

test('a put without a value is none', () => {
  expect(decodeWrite('put', 'k', undefined, 'text/plain', undefined)).toBeUndefined()
  expect(decodeWrite('put', 'k', Buffer.alloc(0), undefined, undefined)).toEqual({
    kind: 'put',
    key: 'k',
    value: Buffer.alloc(0),
    contentType: undefined,
  })
})

test('a put sets the value of its key, a delete removes it', () => {
  expect(effectOf('put')).toBe('set')
  expect(effectOf('delete')).toBe('remove')
  fc.assert(fc.property(write, (write) => setsValue(write) === (effectOf(write.kind) === 'set')))
})

test('what is about a group of sites or a ring changes no key, and only the former is about members', () => {
  fc.assert(
    fc.property(write, (write) => {
      expect(changesNoKey(write)).toBe(['join', 'leave', 'ring'].includes(write.kind))
      expect(isMembership(write)).toBe(['join', 'leave'].includes(write.kind))
    }),
  )
})

test('a write weighs its value, twice the length of its key, and 64 bytes', () => {
  const key = 'four'
  expect(weight({ kind: 'put', key, value: Buffer.alloc(100), contentType: 'text/plain' })).toBe(172)
  expect(weight({ kind: 'delete', key })).toBe(72)
  expect(weight({ kind: 'delete', key: '' })).toBeGreaterThan(0)
})

test('what a write depends on weighs something for each log', () => {
  const after = parsePosition('cafe0123=7,beef4567=9,stamp=5')
  expect(weight({ kind: 'delete', key: 'four', after })).toBe(72 + 2 * (64 + 16))
  expect(weight({ kind: 'delete', key: 'four', after: nowhere })).toBe(72)
})

test('the parts of a request are what the log has hashes of', () => {
  const value = Buffer.from('v')
  expect(partsOf({ kind: 'put', key: 'k', value, contentType: 'text/plain' })).toEqual(['text/plain', value])
  expect(partsOf({ kind: 'put', key: 'k', value, contentType: undefined })).toEqual(['', value])
  expect(partsOf({ kind: 'delete', key: 'k' })).toEqual([])
  expect(partsOf({ kind: 'put', key: 'k', value, contentType: undefined, deadline: 5 })).toEqual(['', value])
})
