import { expect, test } from 'vitest'
import { positionAt } from '../../../../kvs/core/position.ts'
import { serve } from '../serve.ts'

const missing = { ...positionAt('b', 2n), stamp: 7 }
const token = 'b=2,stamp=7'
const headers = { 'KVS-Min-Position': token }

/** A server over a store that has nothing of what the token names, but of its own log. */
async function serveSite() {
  const served = await serve({ allowsClear: true })
  served.store.missing = missing
  const ask = (method: string, path: string, init: RequestInit = {}) =>
    fetch(`${served.url}${path}`, { method, ...init })
  return { ...served, ask }
}

const positionOf = (answer: Response) => answer.headers.get('kvs-position')

test.each(['/v1/', '/kvs/'])(
  'writes of a key carry what is not there, and their answers have it (%s)',
  async (prefix) => {
    const { ask, store } = await serveSite()
    const body = prefix === '/v1/' ? 'x' : '{"value":"x"}'
    const init = { headers: { ...headers, 'Content-Type': 'application/json' }, body }
    const put = await ask('PUT', `${prefix}a`, init)
    expect([put.status, positionOf(put)]).toEqual([201, 'b=2,cafe0123=1,stamp=7'])
    const conditional = { ...init, headers: { ...init.headers, 'If-Match': '*' } }
    expect((await ask('PUT', `${prefix}a`, conditional)).ok).toBe(true)
    const removed = await ask('DELETE', `${prefix}a`, { headers })
    expect([removed.status, positionOf(removed)]).toEqual([200, 'b=2,cafe0123=3,stamp=7'])
    expect(store.writes.map(({ after }) => after)).toEqual([missing, missing, missing])
    const other = await ask('PUT', `${prefix}c`, { body, headers: { 'Content-Type': 'application/json' } })
    expect(positionOf(other)).toBe('cafe0123=4')
    expect(store.writes.at(-1)?.after).toBeUndefined()
  },
)

test('reads of a key wait for it alone, and their answers have what it depends on', async () => {
  const { ask, store, url } = await serveSite()
  const { headers: stored } = await ask('PUT', '/v1/a', { body: 'x', headers })
  await ask('DELETE', '/v1/gone', { headers })
  await ask('PUT', '/v1/other', { body: 'x' })
  store.waitedKeys.length = 0
  const etag = stored.get('etag') ?? ''
  const found = await ask('GET', '/v1/a', { headers: { 'KVS-Min-Position': 'cafe0123=1' } })
  const unchanged = await ask('GET', '/v1/a', { headers: { 'If-None-Match': etag } })
  const gone = await ask('GET', '/v1/gone', { headers: { 'KVS-Min-Position': 'cafe0123=1' } })
  expect([found.status, unchanged.status, gone.status]).toEqual([200, 304, 404])
  for (const answer of [found, unchanged, gone]) expect(positionOf(answer)).toBe('b=2,cafe0123=3,stamp=7')
  expect(positionOf(await ask('HEAD', '/v1/other'))).toBe('cafe0123=3')
  await fetch(`${url}/v1/:`, { headers: { 'KVS-Min-Position': 'cafe0123=1' } })
  expect(store.waitedKeys).toEqual(['a', 'gone', undefined])
})

test('an answer does not go back behind the position that was waited for, whatever became of the key', async () => {
  const { ask, store } = await serveSite()
  store.write = async (write) => {
    store.writes.push(write, { ...write, after: undefined })
    return { sequence: 1n, tag: 'x', replaced: false }
  }
  expect(positionOf(await ask('PUT', '/v1/a', { body: 'x', headers }))).toBe('b=2,cafe0123=0,stamp=7')
  expect(positionOf(await ask('GET', '/v1/a', { headers }))).toBe('b=2,cafe0123=0,stamp=7')
  expect(positionOf(await ask('GET', '/v1/a'))).toBe('cafe0123=0')
})

test('each operation of a transaction carries what is not there, and so does a count', async () => {
  const { ask, store } = await serveSite()
  const body = JSON.stringify({ do: [{ put: 'a', value: 'x' }, { add: 'n', by: 1 }, { delete: 'c' }] })
  const done = await ask('POST', '/v1/:', { body, headers })
  const { position } = (await done.json()) as { position: string }
  expect([position, positionOf(done)]).toEqual(['b=2,cafe0123=3,stamp=7', 'b=2,cafe0123=3,stamp=7'])
  const counted = await ask('POST', '/v1/m?add=1', { headers })
  expect([counted.status, positionOf(counted)]).toEqual([200, 'b=2,cafe0123=4,stamp=7'])
  expect(store.writes.map(({ after }) => after)).toEqual([missing, missing, missing, missing])
  const refused = await ask('POST', '/v1/:', {
    body: JSON.stringify({ if: [{ key: 'n', etag: null }], do: [{ delete: 'z' }] }),
  })
  expect([refused.status, positionOf(refused)]).toEqual([412, 'b=2,cafe0123=4,stamp=7'])
})

test('each delete of a clear carries what is not there', async () => {
  const { ask, store } = await serveSite()
  for (const key of ['a', 'b']) await ask('PUT', `/v1/${key}`, { body: 'x' })
  const cleared = await ask('DELETE', '/v1/:', { headers })
  expect([cleared.status, positionOf(cleared)]).toEqual([200, 'b=2,cafe0123=4,stamp=7'])
  expect(store.writes.slice(2)).toEqual(['a', 'b'].map((key) => ({ kind: 'delete', key, after: missing })))
})
