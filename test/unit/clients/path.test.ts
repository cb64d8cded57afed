import fc from 'fast-check'
import { expect, test } from 'vitest'
import { baseOf, collectionPath, keyPath } from '../../../clients/typescript/src/path.ts'
import { decodeKey } from '../../../kvs/http/api/key-decoding.ts'

test('the service reads the key that was meant, or the client refuses it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (key) => {
      const path = pathOrRefusal(key)
      if (path === undefined) return /^$|\0|(^|\/)\.{1,2}(\/|$)/.test(key) || !key.isWellFormed()
      const raw = new URL(`http://x/${path}`).pathname.slice('/v1/'.length)
      return key.includes('\0') || decodeKey(raw) === key
    }),
    {
      examples: [
        ['a/b'],
        ['a:'],
        ['a%2Fb'],
        ['?'],
        ['#'],
        ['..'],
        ['a/./b'],
        ['.a'],
        ['a b+c'],
        ['é/日本/😀'],
        ['\ud800'],
      ],
    },
  )
})

function pathOrRefusal(key: string): string | undefined {
  try {
    return keyPath(key)
  } catch (error) {
    expect(error).toMatchObject({ name: 'KvsError', code: 'bad_key', status: undefined })
    return undefined
  }
}

test('slashes stay slashes, and a colon is none that ends the path', () => {
  expect(keyPath('a/b:')).toBe('v1/a/b%3A')
  expect(collectionPath('')).toBe('v1/:')
  expect(collectionPath('a/')).toBe('v1/a/:')
  expect(collectionPath('a/.')).toBe('v1/a/.:')
  expect(() => collectionPath('a/../b')).toThrow('clients collapse them')
})

test('the address of the service may be below a path', () => {
  expect(baseOf('http://x')).toBe('http://x/')
  expect(baseOf('https://x:1/kvs')).toBe('https://x:1/kvs/')
})

test.each([
  ['ftp://x', 'http:// or https://'],
  ['http://x/?a', 'query'],
  ['http://name:secret@x', 'token'],
  ['x', 'Invalid URL'],
])('%s is no address', (url, why) => {
  expect(() => baseOf(url)).toThrow(why)
})
