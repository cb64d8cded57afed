import { expect, test } from 'vitest'
import { makeClient } from '../../../clients/typescript/src/index.ts'
import { until } from '../../support/until.ts'
import { shareNode } from './shared-node.ts'

const url = shareNode()

test('a key says when it ends, in answers and in lists, and is gone then', async () => {
  const client = makeClient({ url: url() })
  const before = Date.now()
  await client.put('ttl/a', 'x', { ttl: 600_000 })
  await client.put('ttl/b', 'x', { expires: new Date(before + 700_000) })
  await client.put('ttl/c', 'x', { ttl: '150ms' })
  await client.put('ttl/d', 'x', { ttl: 0 })
  await client.put('ttl/e', 'x')
  const [a, b, e] = [await client.get('ttl/a'), await client.head('ttl/b'), await client.get('ttl/e')]
  expect(Math.abs((a?.expires?.getTime() ?? 0) - before - 600_000)).toBeLessThan(60_000)
  expect(b?.expires?.getTime()).toBe(before + 700_000)
  expect(e).toMatchObject({ expires: undefined, modifiedAt: expect.any(Date) })
  expect(await client.get('ttl/d')).toBeUndefined()
  await until('the key has ended', async () => (await client.get('ttl/c')) === undefined)
  const listed = await Array.fromAsync(client.values('ttl/'))
  expect(listed.map(({ key, expires }) => [key, expires])).toEqual([
    ['ttl/a', a?.expires],
    ['ttl/b', b?.expires],
    ['ttl/e', undefined],
  ])
  expect(listed[2]?.modifiedAt).toEqual(expect.any(Date))
})

test('a new put renews a key, or has it stay', async () => {
  const client = makeClient({ url: url() })
  const { etag } = await client.put('renewed', '1', { ttl: 600_000 })
  await client.put('renewed', '2', { ifMatch: etag, ttl: '24h' })
  expect((await client.head('renewed'))?.expires?.getTime()).toBeGreaterThan(Date.now() + 3_600_000)
  await client.put('renewed', '3')
  expect((await client.head('renewed'))?.expires).toBeUndefined()
})

test('a lifetime that is none is refused by the service', async () => {
  const client = makeClient({ url: url() })
  await expect(client.put('a', 'x', { ttl: 'soon' })).rejects.toMatchObject({ code: 'bad_request' })
})
