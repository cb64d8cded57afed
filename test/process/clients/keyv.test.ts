import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import Keyv from 'keyv'
import Keyv5 from 'keyv5'
import * as vitest from 'vitest'
import { describe, expect, test } from 'vitest'
import { type KvsError, makeClient } from '../../../clients/typescript/src/index.ts'
import { makeKeyv5Store, makeKeyvStore } from '../../../clients/typescript/src/keyv.ts'
import { shareNode } from './shared-node.ts'

const url = shareNode({ KVS_ALLOW_CLEAR: 'true' })
const client = () => makeClient({ url: url() })

/** Keyv's suite, whose types are those of another Vitest and of Keyv 5. */
function runSuite(runner: object, keyv: unknown, store: () => unknown): void {
  keyvTestSuite(runner as never, keyv as never, store)
  keyvIteratorTests(runner as never, keyv as never, store)
}

/** Tests of Keyv's suite that Keyv 6 fails whatever the store: the suite is that of Keyv 5 as yet. */
const onlyKeyv5 = new Set([
  '.deleteMany([keys]) with nonexistent keys resolves to false', // Keyv 6 resolves with one boolean for each key
  'value can be BigInt using other serializer/deserializer', // Keyv 6 has another option for that
])

/** Runs the suite's tests, and expects of these that they fail. */
const forKeyv6 = {
  ...vitest,
  it: (name: string, run: () => void) => (onlyKeyv5.has(name) ? test.fails : test)(name, run),
}

describe('Keyv’s own suite, with Keyv 5', () => {
  runSuite(vitest, Keyv5, () => makeKeyv5Store(client(), { prefix: 'keyv5/' }))
})

describe('Keyv’s own suite, with Keyv 6', () => {
  runSuite(forKeyv6, Keyv, () => makeKeyvStore(client(), { prefix: 'keyv6/' }))
})

describe('Keyv’s own suite, with Keyv 6 and its own store', () => {
  const map = new Map()
  runSuite(forKeyv6, Keyv, () => map)
})

describe('Keyv 6', () => {
  const open = (namespace: string, prefix = 'own/') => {
    const keyv = new Keyv({ store: makeKeyvStore(client(), { prefix }), namespace })
    const errors: unknown[] = []
    keyv.on('error', (error: unknown) => errors.push(error))
    return { keyv, errors }
  }

  test('takes the store as it is, and says when a key ends', async () => {
    const store = makeKeyvStore(client(), { prefix: 'own/' })
    const keyv = new Keyv({ store, namespace: 'moment' })
    expect(keyv.store).toBe(store)
    const before = Date.now()
    await keyv.set('a', 1, 60_000)
    const expires = (await client().head('own/moment:a'))?.expires?.getTime() ?? 0
    expect(expires).toBeGreaterThanOrEqual(before + 60_000)
    expect(expires).toBeLessThanOrEqual(Date.now() + 60_000)
    await keyv.set('b', 1)
    expect((await client().head('own/moment:b'))?.expires).toBeUndefined()
  })

  test('writes, asks for and deletes many at a time, and tells which were there', async () => {
    const { keyv } = open('many')
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
    expect(await keyv.setMany(keys.map((key, value) => ({ key, value })))).toEqual(keys.map(() => true))
    expect(await keyv.getMany(['k3', 'none', 'k99'])).toEqual([3, undefined, 99])
    expect(await keyv.hasMany(['none', 'k7'])).toEqual([false, true])
    expect(await keyv.deleteMany(['k1', 'none', 'k2'])).toEqual([true, false, true])
    const left: string[] = []
    for await (const [key] of keyv.iterator()) left.push(String(key))
    expect(left.toSorted()).toEqual(keys.filter((key) => key !== 'k1' && key !== 'k2').toSorted())
  })

  test('a namespace does not reach another one whose name begins like it, and a prefix no other', async () => {
    const [one, other, far] = [open('n'), open('na'), open('n', 'far/')]
    for (const { keyv } of [one, other, far]) await keyv.set('a', 1)
    await one.keyv.clear()
    expect([await one.keyv.get('a'), await other.keyv.get('a'), await far.keyv.get('a')]).toEqual([undefined, 1, 1])
  })

  test('finds what Keyv 5 has stored', async () => {
    const before = new Keyv5({ store: makeKeyv5Store(client(), { prefix: 'own/' }), namespace: 'moved' })
    await before.set('a', { b: 1 })
    expect(await open('moved').keyv.get('a')).toEqual({ b: 1 })
  })

  test('values that one page has no room for are iterated over all the same', async () => {
    const { keyv } = open('large')
    const value = 'x'.repeat(700_000)
    for (const key of ['a', 'b', 'c']) await keyv.set(key, value)
    const sizes: number[] = []
    for await (const [, found] of keyv.iterator()) sizes.push(found.length)
    expect(sizes).toEqual([700_000, 700_000, 700_000])
  })

  test('what the service refuses is an error, not a silence', async () => {
    const { keyv, errors } = open('errors')
    expect(await keyv.set('k'.repeat(2_000), 1)).toBe(false)
    expect(await keyv.set('a', 'x'.repeat(2_000_000))).toBe(false)
    expect(errors.map((error) => (error as KvsError).code)).toEqual(['bad_key', 'value_too_large'])
  })

  test('without its serialization Keyv has no text to store, and the store says so', async () => {
    const store = makeKeyvStore(client(), { prefix: 'own/' })
    await expect(store.set('a', { b: 1 })).rejects.toThrow('serialization')
  })
})

test('without the setting, clearing says what it needs', async () => {
  // The keys stay: Keyv tells of errors as an event.
  const refusing: typeof fetch = (input, init) =>
    init?.method === 'DELETE' && String(input).endsWith(':')
      ? Promise.resolve(Response.json({ code: 'clear_not_allowed', detail: 'no' }, { status: 403 }))
      : fetch(input, init)
  const keyv = new Keyv({ store: makeKeyvStore(makeClient({ url: url(), fetch: refusing })), namespace: 'kept' })
  const told = new Promise((resolve) => keyv.on('error', resolve))
  await keyv.set('a', 1)
  await keyv.clear()
  expect(await told).toMatchObject({ code: 'clear_not_allowed' })
  expect(await keyv.get('a')).toBe(1)
})
