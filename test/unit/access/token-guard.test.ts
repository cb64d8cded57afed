import { createHash } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeTokenGuard } from '../../../kvs/access/token-guard.ts'
import { parseTokenSetting } from '../../../kvs/access/token-source.ts'
import { KvsError, NotAdmitted } from '../../../kvs/core/errors.ts'
import { until } from '../../support/until.ts'

const secret = '0123456789abcdef'
const tokensOf = (text: string) => parseTokenSetting('KVS_TOKENS', text).tokens
const guardOf = (text: string, maxRequestRate?: number) => makeTokenGuard({ tokens: tokensOf(text), maxRequestRate })

function refusal(act: () => unknown): KvsError {
  try {
    act()
  } catch (error) {
    if (error instanceof KvsError) return error
    throw error
  }
  throw new Error('was not refused')
}

const challengeOf = (act: () => unknown) => {
  const error = refusal(act)
  return error instanceof NotAdmitted ? error.challenge : undefined
}

test.each([`Bearer ${secret}`, `bearer ${secret}`, `BEARER   ${secret} `])('%s is taken', (authorization) => {
  expect(guardOf(`ci:read:${secret}`).admit(authorization, {}).name).toBe('ci')
})

test.each([undefined, '', secret, `Basic ${secret}`, `Token ${secret}`, 'Bearer', `Bearer:${secret}`])(
  '%s names no token, and is told no error',
  (authorization) => {
    const guard = guardOf(`ci:read:${secret}`)
    expect(refusal(() => guard.admit(authorization, {})).code).toBe('unauthorized')
    expect(challengeOf(() => guard.admit(authorization, {}))).toBe('Bearer realm="kvs"')
    expect(guard.recognise(authorization)).toBeUndefined()
  },
)

test.each([
  'Bearer ',
  'Bearer x',
  `Bearer ${secret}0`,
  `Bearer ${secret.toUpperCase()}`,
  `Bearer ${secret} x`,
  'Bearer é',
])('%s is a wrong token', (authorization) => {
  const guard = guardOf(`ci:read:${secret}`)
  expect(challengeOf(() => guard.admit(authorization, {}))).toBe('Bearer realm="kvs", error="invalid_token"')
  expect(refusal(() => guard.admit(authorization, {})).message).not.toContain(secret)
  expect(guard.recognise(authorization)).toBeUndefined()
})

test('a token given as its digest is presented in clear, and the digest is no token', () => {
  const digest = createHash('sha256').update(secret).digest('hex')
  const guard = guardOf(`ci:read:sha256=${digest}`)
  expect(guard.admit(`Bearer ${secret}`, {}).name).toBe('ci')
  for (const wrong of [digest, `sha256=${digest}`]) {
    expect(refusal(() => guard.admit(`Bearer ${wrong}`, {})).code).toBe('unauthorized')
  }
})

test('a right is what was granted, and implies no other', () => {
  const guard = guardOf(`ci:read+admin:${secret}`)
  const holder = guard.admit(`Bearer ${secret}`, {})
  for (const right of ['read', 'admin'] as const) {
    expect(holder.has(right)).toBe(true)
    expect(() => holder.require(right)).not.toThrow()
  }
  expect(holder.has('write')).toBe(false)
  expect(refusal(() => holder.require('write'))).toMatchObject({
    code: 'forbidden',
    message: 'the token ci has no right to write: its rights are read, admin',
    challenge: 'Bearer realm="kvs", error="insufficient_scope", scope="write"',
  })
})

test('a key out of reach is told what the token’s keys begin with', () => {
  const holder = guardOf(`ci:read:${secret}:a/,"%2C`).admit(`Bearer ${secret}`, {})
  expect(refusal(() => holder.requireKey('b'))).toMatchObject({
    code: 'forbidden',
    message: 'the token ci does not reach this key: its keys begin with "a/" or "\\","',
    challenge: 'Bearer realm="kvs", error="insufficient_scope"',
  })
})

test.each<[prefix: string, prefixes: string, within: string[] | undefined]>([
  ['', '', ['']],
  ['a/b', '', ['a/b']],
  ['a/b', 'a/', ['a/b']],
  ['a/', 'a/', ['a/']],
  ['a', 'a/,ab/,b/', ['a/', 'ab/']],
  ['', 'a/x/,a/,b,a/', ['a/', 'b']],
  ['', 'a/x/,a/y/', ['a/x/', 'a/y/']],
  ['b', 'a/', undefined],
  ['A', 'a/', undefined],
])('of the keys that begin with "%s", a token for %s reaches those of %j', (prefix, prefixes, within) => {
  const holder = guardOf(`ci:read:${secret}${prefixes && `:${prefixes}`}`).admit(`Bearer ${secret}`, {})
  if (within !== undefined) return expect(holder.prefixesWithin(prefix).toSorted()).toEqual(within)
  expect(refusal(() => holder.prefixesWithin(prefix))).toMatchObject({
    code: 'forbidden',
    message: `the token ci reaches no key that begins with "${prefix}": its keys begin with "a/"`,
    challenge: 'Bearer realm="kvs", error="insufficient_scope"',
  })
})

test('other tokens put in their place are in force at once, and the old ones no more', () => {
  const guard = guardOf(`ci:read:${secret} ops:admin:${secret}0`)
  guard.replace(tokensOf(`ci:write:${secret}1 ops:read:${secret}0`))
  expect(guard.recognise(`Bearer ${secret}`)).toBeUndefined()
  expect(guard.admit(`Bearer ${secret}1`, {}).has('write')).toBe(true)
  expect(guard.admit(`Bearer ${secret}0`, {}).has('admin')).toBe(false)
})

test('a connection is judged by each header that comes over it', () => {
  const guard = guardOf(`a:read:${secret}a b:write:${secret}b`, 3)
  const connection = {}
  const ask = (token: string | undefined) => guard.admit(token && `Bearer ${secret}${token}`, connection).name
  expect(ask('a')).toBe('a')
  expect(ask('a')).toBe('a')
  expect(ask('b')).toBe('b')
  for (const wrong of ['', 'c', 'bb', undefined]) expect(refusal(() => ask(wrong)).code).toBe('unauthorized')
  expect(ask('b')).toBe('b')
  expect(ask('a')).toBe('a')
  expect(refusal(() => ask('a')).code).toBe('too_many_requests')
  guard.replace(tokensOf(`b:read:${secret}b`))
  expect(refusal(() => ask('a')).code).toBe('unauthorized')
  expect(guard.admit(`Bearer ${secret}b`, connection).has('write')).toBe(false)
})

test('a token over its rate is refused, and disturbs no other', async () => {
  const guard = guardOf(`a:read:${secret}a b:read:${secret}b`, 3)
  const ask = (token: string) => guard.admit(`Bearer ${secret}${token}`, {})
  for (let n = 0; n < 3; n++) ask('a')
  const error = refusal(() => ask('a'))
  expect(error).toMatchObject({ code: 'too_many_requests', status: 429 })
  expect(error.message).toBe('the token a sends more than its 3 requests a second')
  for (let n = 0; n < 3; n++) ask('b')
  // Wrong ones, and looks at the open pages, count for nobody.
  for (let n = 0; n < 10; n++) {
    expect(refusal(() => ask('c')).code).toBe('unauthorized')
    expect(guard.recognise(`Bearer ${secret}a`)?.name).toBe('a')
  }
  await until('it is let in again', () => {
    try {
      return ask('a')
    } catch {
      return undefined
    }
  })
})

test('a rate is a bucket: full after a second without requests, and filled evenly before', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const guard = guardOf(`a:read:${secret}`, 10)
  const taken = (requests: number) => {
    let count = 0
    for (let n = 0; n < requests; n++) {
      try {
        guard.admit(`Bearer ${secret}`, {})
        count++
      } catch {}
    }
    return count
  }
  expect(taken(15)).toBe(10)
  // Within the second as well as past its end.
  for (const [ms, more] of [
    [99, 0],
    [1, 1],
    [500, 5],
    [350, 3],
    [150, 2],
    [1_000, 10],
    [60_000, 10],
  ] as const) {
    vi.advanceTimersByTime(ms)
    expect([ms, taken(15)]).toEqual([ms, more])
  }
})

test('nothing that a guard holds shows a token', () => {
  const tokens = tokensOf(`ci:read:${secret}`)
  expect(JSON.stringify(tokens)).not.toContain(secret)
})
