import { expect, test } from 'vitest'
import { makeKeyv5Store, makeKeyvStore } from '../../../clients/typescript/src/keyv.ts'
import { forEach } from '../../../clients/typescript/src/keyv-entries.ts'
import { problem, type Step, startScript } from './scripted.ts'

const stored: Step = { status: 201 }
const item = { etag: '"1"', contentType: null, size: 1, at: null, expires: null }

test('Keyv 6 gives the moment at which a key ends, Keyv 5 the time for which it lives', async () => {
  const { client, seen } = await startScript(stored)
  const [six, five] = [makeKeyvStore(client(), { prefix: 'p/' }), makeKeyv5Store(client(), { prefix: 'p/' })]
  six.namespace = 'n'
  await six.set('a', 'x', 1_000.5)
  await six.set('a', 'x')
  await five.set('n:a', 'x', 1_000)
  await five.set('n:a', 'x')
  expect(seen.map(({ path, headers }) => [path, headers['kvs-expires'] ?? headers['kvs-ttl']])).toEqual([
    ['/v1/p/n%3Aa', '1970-01-01T00:00:01.001Z'],
    ['/v1/p/n%3Aa', undefined],
    ['/v1/p/n%3Aa', '1000ms'],
    ['/v1/p/n%3Aa', undefined],
  ])
})

test('a value that is too large for a list is asked for by itself', async () => {
  const { client, seen } = await startScript({ body: [{ key: 'p/n:a', omitted: true, ...item }] }, { body: 'large' })
  const store = makeKeyvStore(client(), { prefix: 'p/' })
  store.namespace = 'n'
  expect(await Array.fromAsync(store.iterator())).toEqual([['a', 'large']])
  expect(seen.map(({ path }) => path)).toEqual(['/v1/p/n%3A:?limit=1000&values=', '/v1/p/n%3Aa'])
})

test('a key that ended while it was iterated over is left out', async () => {
  const { client } = await startScript({ body: [{ key: 'a', omitted: true, ...item }] }, problem(404, 'no_such_key'))
  expect(await Array.fromAsync(makeKeyv5Store(client()).iterator())).toEqual([])
})

test('deleting what is not there writes nothing', async () => {
  const { client, seen } = await startScript({ status: 404, headers: { 'KVS-Position': 'log=1' } })
  expect(await makeKeyvStore(client()).delete('a')).toBe(false)
  expect(seen.map(({ method }) => method)).toEqual(['HEAD'])
})

test('a write is sent again only where the store’s owner allows it', async () => {
  const { client, seen } = await startScript('break', 'break', stored)
  await expect(makeKeyvStore(client()).set('a', 'x')).rejects.toMatchObject({ code: 'unreachable' })
  expect(await makeKeyvStore(client(), { repeatable: true }).set('a', 'x')).toBe(true)
  expect(seen).toHaveLength(3)
})

test('many are done some at a time, in order, and the first failure is the call’s', async () => {
  let underWay = 0
  let most = 0
  const results = await forEach(
    Array.from({ length: 100 }, (_, index) => index),
    async (item) => {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      return item * 2
    },
  )
  expect(results).toEqual(Array.from({ length: 100 }, (_, index) => index * 2))
  expect(most).toBe(16)
  await expect(forEach([1, 2], async (item) => Promise.reject(new Error(`no ${item}`)))).rejects.toThrow('no 1')
  expect(await forEach([], async () => 1)).toEqual([])
})
