import { expect, test } from 'vitest'
import { type Client, makeClient } from '../../../clients/typescript/src/index.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'

async function startNode(settings: Record<string, string> = {}) {
  return startReadyNode(makeDirectory(), { ...toEnvironment((await makeDatabase()).target), ...settings })
}

async function fill(client: Client, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map((key) => client.put(key, key)))
}

test('keys come in the order of their bytes, whatever the size of the pages', async () => {
  const client = makeClient({ url: (await startNode()).url })
  // In UTF-16, the last two are in the other order.
  const keys = ['', '/', 'a b', 'a+b&c=d', 'a/b', 'a/c', 'ab:', 'é', '￮', '😀'].map((rest) => `p${rest}`)
  await fill(client, [...keys, 'q'])
  for (const pageSize of [1, 3, 1_000]) expect(await Array.fromAsync(client.list('p', { pageSize }))).toEqual(keys)
  expect(await Array.fromAsync(client.list('p', { pageSize: 2, after: 'pa+b&c=d' }))).toEqual(keys.slice(4))
  for (const pageSize of [1, 1_000]) {
    const names = await Array.fromAsync(client.list('p', { pageSize, delimiter: '/' }))
    expect(names).toEqual(
      keys.map((key) => key.replace(/^pa\/.*/, 'pa/')).filter((name, at, all) => all[at - 1] !== name),
    )
  }
  expect(await client.count('p')).toBe(keys.length)
  expect(await client.count('', { consistent: true })).toBe(keys.length + 1)
})

test('values come with all that is known of them, over pages', async () => {
  const client = makeClient({ url: (await startNode({ KVS_MAX_VALUE_BYTES: '2097152' })).url })
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
  const { etag } = await client.put('v/a', bytes, { contentType: 'image/png' })
  await client.put('v/b', 'ä')
  await client.put('v/c', new Uint8Array())
  await client.put('v/large', 'x'.repeat(1024 * 1024 + 1))
  const values = await Array.fromAsync(client.values('v/', { pageSize: 1 }))
  expect(values.map(({ key, value, size }) => [key, value?.length, size])).toEqual([
    ['v/a', 256, 256],
    ['v/b', 2, 2],
    ['v/c', 0, 0],
    ['v/large', undefined, 1024 * 1024 + 1],
  ])
  expect(values[0]).toMatchObject({
    value: bytes,
    etag,
    contentType: 'image/png',
    expires: undefined,
    isSpooled: false,
  })
})

test('a list shows what its client wrote, and a clear deletes it', async () => {
  const client = makeClient({ url: (await startNode({ KVS_ALLOW_CLEAR: 'true' })).url })
  const keys = Array.from({ length: 2_500 }, (_, index) => `c/${String(index).padStart(4, '0')}`)
  await fill(client, [...keys, 'd'])
  expect(await Array.fromAsync(client.list('c/'))).toEqual(keys)
  expect(await client.clear('c/')).toEqual({ deleted: 2_500, isSpooled: false })
  expect(await Array.fromAsync(client.list())).toEqual(['d'])
  expect(await client.clear('c/')).toEqual({ deleted: 0, isSpooled: false })
})

test('nobody clears by accident', async () => {
  const client = makeClient({ url: (await startNode()).url })
  await client.put('a', 'x')
  await expect(client.clear('')).rejects.toMatchObject({ code: 'clear_not_allowed', status: 403 })
  expect(await client.count()).toBe(1)
})

test('a token lists the keys that it reaches', async () => {
  const [all_, some] = ['a'.repeat(32), 's'.repeat(32)]
  const { url } = await startNode({ KVS_TOKENS: `all:read+write+clear:${all_} some:read:${some}:a/,b/` })
  await fill(makeClient({ url, token: all_ }), ['a/1', 'b/1', 'c/1'])
  const client = makeClient({ url, token: some })
  expect(await Array.fromAsync(client.list('', { pageSize: 1 }))).toEqual(['a/1', 'b/1'])
  expect(await client.count()).toBe(2)
  await expect(Array.fromAsync(client.list('c/'))).rejects.toMatchObject({ code: 'forbidden' })
  await expect(client.clear('a/')).rejects.toMatchObject({ code: 'forbidden' })
})
