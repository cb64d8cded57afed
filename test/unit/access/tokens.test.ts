import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeHolder } from '../../../kvs/access/token-holder.ts'
import { parseTokens, type Token } from '../../../kvs/access/tokens.ts'
import { maxKeyBytes } from '../../../kvs/core/limits.ts'
import { decodeKey } from '../../../kvs/http/api/key-decoding.ts'

const secret = 'S3CRET-0123456789'
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

function parse(...texts: string[]): { tokens: Token[]; problems: string[] } {
  const problems: string[] = []
  const entries = texts.map((text, index) => ({ location: `line ${index + 1}`, text }))
  return { tokens: parseTokens(entries, problems), problems }
}

const problemsOf = (...texts: string[]) => parse(...texts).problems

test('an entry is a name, rights, a token, and prefixes where not every key is reached', () => {
  const { tokens, problems } = parse(
    `ci:read+write:${secret}`,
    `team.a-1_x:read:${secret}/+~==:a/,b%2Cc%20%23,k:v/,ключ/`,
    `ops:admin:sha256=${sha256('another').toUpperCase()}`,
  )
  expect(problems).toEqual([])
  expect(tokens).toEqual([
    { name: 'ci', rights: new Set(['read', 'write']), digest: sha256(secret), prefixes: undefined, isHashed: false },
    {
      name: 'team.a-1_x',
      rights: new Set(['read']),
      digest: sha256(`${secret}/+~==`),
      prefixes: ['a/', 'b,c #', 'k:v/', 'ключ/'],
      isHashed: false,
    },
    { name: 'ops', rights: new Set(['admin']), digest: sha256('another'), prefixes: undefined, isHashed: true },
  ])
})

describe('what is wrong is said with its line, and its name where that can’t be a token', () => {
  test.each<[string, RegExp]>([
    [secret, /^line 1: is no token: write name:rights:token/],
    [`ci:${secret}`, /^line 1: is no token: write name:rights:token/],
    [`ci:read:${secret} # comment`, /^line 1 \(ci\): has white space/],
    [`:read:${secret}`, /^line 1: the name has to be/],
    [`c i:read:${secret}`, /^line 1: has white space/],
    [`c"i:read:${secret}`, /^line 1: the name has to be/],
    [`${'x'.repeat(65)}:read:${secret}`, /^line 1: the name has to be/],
    [`ci::${secret}`, /^line 1 \(ci\): what follows the name are no rights/],
    [
      `ci:reed:${secret}`,
      /^line 1 \(ci\): what follows the name are no rights: write read, write, clear, replicate, admin/,
    ],
    [`ci:read,write:${secret}`, /^line 1 \(ci\): what follows the name are no rights/],
    [`ci:${secret}:${secret}`, /^line 1 \(ci\): what follows the name are no rights/],
    ['hunter2hunter2', /^line 1: is no token/],
    ['x:hunter2hunter2:0123456789abcdef', /^line 1 \(x\): what follows the name are no rights/],
    [`${secret}:read:ci`, /^line 1: the token has 2 characters/],
    ['ci:read:', /^line 1 \(ci\): the token has 0 characters/],
    ['ci:read:0123456789abcde', /^line 1 \(ci\): the token has 15 characters: make one of 16 or more/],
    [`ci:read:${secret}"`, /^line 1 \(ci\): the token has characters that no header can carry/],
    [`ci:read:=${secret}`, /^line 1 \(ci\): the token has characters that no header can carry/],
    [`ci:read:${secret}é`, /^line 1 \(ci\): the token has characters that no header can carry/],
    ['ci:read:sha256=abc', /^line 1 \(ci\): after sha256= there have to be 64/],
    [`ci:read:${secret}:`, /^line 1 \(ci\): prefix 1 is empty: leave out the last colon/],
    [`ci:read:${secret}:a/,,b/`, /^line 1 \(ci\): prefix 2 is empty/],
    [`ci:read:${secret}:a/,`, /^line 1 \(ci\): prefix 2 is empty/],
    [`ci:read:${secret}:100%`, /^line 1 \(ci\): prefix 1 is not percent-encoded UTF-8/],
    [`ci:read:${secret}:%FF`, /^line 1 \(ci\): prefix 1 is not percent-encoded UTF-8/],
    [`ci:read:${secret}:a#b`, /^line 1 \(ci\): prefix 1 has a "#", which is written %23/],
    [`ci:read:${secret}:a%00`, /^line 1 \(ci\): prefix 1 has the character NUL/],
    [`ci:read:${secret}:${'x'.repeat(maxKeyBytes + 1)}`, /^line 1 \(ci\): prefix 1 has more than the 1024 bytes/],
  ])('%s', (text, problem) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(problem)])
  })

  test('all at once', () => {
    expect(problemsOf(`x y`, `c"i:reed:short:%`, `ok:read:${secret}`)).toHaveLength(5)
  })

  test('names and tokens are there once, also where one of the tokens is given as its digest', () => {
    expect(problemsOf(`a:read:${secret}`, `a:write:${secret}x`, `b:read:sha256=${sha256(secret)}`)).toEqual([
      'line 2 (a): line 1 has the same name: each token has one of its own',
      'line 3 (b): line 1 has the same token: make another one',
    ])
  })
})

test('no problem shows what could be a token, wherever it was put', () => {
  const token = fc.stringMatching(/^[A-Za-z0-9._~+/-]{16,40}$/)
  const part = fc.oneof(
    token,
    fc.constantFrom('', 'ci', 'read', 'read+write', 'reed', 'sha256=', '%', 'a/', 'a/,b/', ' ', '#', '"'),
    fc.tuple(fc.constantFrom('sha256=', 'Bearer ', 'read+', 'a/,%', '%'), token).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(fc.array(fc.array(part, { maxLength: 6 })), (lines) => {
      const secrets = lines.flat().flatMap((part) => part.match(/[A-Za-z0-9._~+/-]{16,}/g) ?? [])
      const said = problemsOf(...lines.map((parts) => parts.join(':'))).join('\n')
      for (const secret of secrets) expect(said).not.toContain(secret)
    }),
  )
})

describe('prefixes', () => {
  const character = fc.oneof(fc.constantFrom('a', 'b', '/', '.', ',', ':', '%', '#', ' ', 'é', '🔑'), fc.string())
  const text = fc
    .array(character, { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join('').toWellFormed().replaceAll('\0', ''))
    .filter((text) => text !== '')
  const reaches = (prefixes: readonly string[], key: string) => {
    const encoded = prefixes.map((prefix) => encodeURIComponent(prefix)).join(',')
    const [token] = parse(`t:read:${secret}:${encoded}`).tokens
    if (token === undefined) throw new Error('no token')
    try {
      makeHolder(token, undefined).requireKey(key)
      return true
    } catch {
      return false
    }
  }
  const beginsWith = (key: string, prefix: string) => {
    const bytes = Buffer.from(prefix)
    return Buffer.from(key).subarray(0, bytes.length).equals(bytes)
  }

  test('reach the keys that begin with one of them, byte for byte, and no other', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), text, text, (prefixes, key, rest) => {
        expect(reaches(prefixes, key)).toBe(prefixes.some((prefix) => beginsWith(key, prefix)))
        expect(reaches(prefixes, `${prefixes[0]}${rest}`)).toBe(true)
      }),
    )
  })

  test('judge a key as it is stored, however the path was written', () => {
    const byBytes = (key: string) =>
      [...Buffer.from(key)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    const isKey = (raw: string) => {
      try {
        return decodeKey(raw)
      } catch {
        return undefined
      }
    }
    fc.assert(
      fc.property(text, text, (prefix, key) => {
        for (const raw of [key, encodeURI(key), encodeURIComponent(key), byBytes(key)]) {
          const stored = isKey(raw)
          if (stored !== undefined) expect(reaches([prefix], stored)).toBe(beginsWith(stored, prefix))
        }
      }),
    )
  })

  test.each([
    ['a/b', true],
    ['a%2Fb', true],
    ['a%2fb', true],
    ['%61/b', true],
    ['ab', false],
    ['A/b', false],
    ['b/a/', false],
    ['%2Fa/b', false],
    ['/a/b', false],
  ])('a/ and the path %s: %s', (raw, reached) => {
    expect(reaches(['a/'], decodeKey(raw))).toBe(reached)
  })

  test('are not got around by dots: such a path names no key, or one that nothing collapses', () => {
    for (const raw of ['a/../b', 'a/%2E%2e/b', 'a/..']) expect(() => decodeKey(raw)).toThrow('can’t be keys')
    expect(decodeKey('a%2F..%2Fb')).toBe('a/../b')
    expect(reaches(['b'], decodeKey('a%2F..%2Fb'))).toBe(false)
  })
})
