import { expect, test } from 'vitest'
import { makeClient } from '../../../clients/typescript/src/index.ts'
import { shareNode } from './shared-node.ts'

const url = shareNode()
const client = () => makeClient({ url: url() })

test('a transaction is done as a whole, and answers with what each operation did', async () => {
  const one = client()
  const { etag = '' } = await one.put('tx/a', '1')
  await one.put('tx/c', 'gone soon')
  const bytes = new Uint8Array([255, 0, 1])
  const { position, results } = await one.transact({
    if: [
      { key: 'tx/a', etag },
      { key: 'tx/b', etag: null },
      { key: 'tx/c', etag: '*' },
    ],
    do: [
      { put: 'tx/a', value: 'ä', contentType: 'text/x' },
      { put: 'tx/b', value: bytes },
      { delete: 'tx/c' },
      { add: 'tx/n', by: 5 },
      { max: 'tx/n', by: 2n ** 62n },
      { min: 'tx/n', by: -7 },
    ],
  })
  expect(results.map(({ key, value }) => [key, value])).toEqual([
    ['tx/a', undefined],
    ['tx/b', undefined],
    ['tx/c', undefined],
    ['tx/n', 5n],
    ['tx/n', 2n ** 62n],
    ['tx/n', -7n],
  ])
  expect(await one.get('tx/a')).toMatchObject({ etag: results[0]?.etag, contentType: 'text/x' })
  expect(await one.get('tx/b')).toMatchObject({ etag: results[1]?.etag, value: bytes })
  expect([results[2]?.etag, await one.get('tx/c')]).toEqual([undefined, undefined])
  expect(await one.getText('tx/n')).toBe('-7')
  expect(one.position).toBe(position)
})

test('nothing is done where a condition does not hold, and all that fail are told', async () => {
  const one = client()
  const { etag = null } = await one.put('if/a', '1')
  const transaction = {
    if: [
      { key: 'if/a', etag: null },
      { key: 'if/b', etag: null },
      { key: 'if/c', etag: '"elsewhere"' },
    ],
    do: [{ put: 'if/b', value: 'x' }],
  }
  await expect(one.transact(transaction)).rejects.toMatchObject({
    code: 'condition_failed',
    failed: [
      { index: 0, key: 'if/a', etag },
      { index: 2, key: 'if/c', etag: null },
    ],
  })
  expect(await one.get('if/b')).toBeUndefined()
})

test('what a transaction puts may end by itself', async () => {
  const one = client()
  const expires = new Date(Date.now() + 600_000)
  await one.transact({
    do: [
      { put: 'end/a', value: 'x', expires },
      { put: 'end/b', value: 'x', ttl: 600_000 },
      { put: 'end/c', value: 'x', ttl: 0 },
    ],
  })
  expect((await one.head('end/a'))?.expires).toEqual(expires)
  expect((await one.head('end/b'))?.expires).toEqual(expect.any(Date))
  expect(await one.head('end/c')).toBeUndefined()
})

test('a counter counts once for each call, also where answers are lost', async () => {
  let calls = 0
  const losing: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (init?.method !== 'POST' || calls++ % 2 === 1) return response
    throw new TypeError('fetch failed', { cause: new Error('the answer is lost') })
  }
  const one = makeClient({ url: url(), fetch: losing, retry: { firstDelayMs: 1 } })
  expect(await one.add('count')).toBe(1n)
  expect(await one.add('count', -5)).toBe(-4n)
  expect(await one.add('count', 2n ** 62n)).toBe(2n ** 62n - 4n)
  expect(calls).toBe(6)
  expect(await one.max('record', 3)).toBe(3n)
  expect(await one.max('record', 2)).toBe(3n)
  expect(await one.min('record', -2)).toBe(-2n)
})

test('what can’t be counted is an error, and stays as it is', async () => {
  const one = client()
  await one.put('word', 'seven')
  await expect(one.add('word')).rejects.toMatchObject({ code: 'not_a_number', status: 409 })
  expect(await one.getText('word')).toBe('seven')
  await one.put('most', String(2n ** 63n - 1n))
  await expect(one.add('most')).rejects.toMatchObject({ code: 'out_of_range', status: 409 })
  const many = Array.from({ length: 1_001 }, () => ({ delete: 'a' }))
  await expect(one.transact({ do: many })).rejects.toMatchObject({ code: 'transaction_too_large', status: 413 })
  await expect(one.transact({ do: [] })).rejects.toMatchObject({ code: 'bad_request', status: 400 })
})

test('clients that transfer between two keys at once keep their sum', async () => {
  await client().transact({
    do: [
      { put: 'account/a', value: '100' },
      { put: 'account/b', value: '100' },
    ],
  })
  const transfers = [1, 2, 3, 4].map(async (amount) => {
    const one = client()
    for (let count = 0; count < 10; count++) {
      await one.transact({
        do: [
          { add: 'account/a', by: -amount },
          { add: 'account/b', by: amount },
        ],
      })
      const accounts = await Array.fromAsync(one.values('account/'))
      expect(accounts.reduce((sum, { value }) => sum + Number(new TextDecoder().decode(value)), 0)).toBe(200)
    }
  })
  await Promise.all(transfers)
  expect(await client().getText('account/a')).toBe('0')
})
