import { expect, test } from 'vitest'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { serveRing } from './ask.ts'

async function filled(options: Parameters<typeof serveRing>[0] = {}) {
  const served = await serveRing(options)
  const { store } = served
  for (const key of ['route/b', 'route/ü', 'route/a b', 'route', 'routes/c', 'a', 'route/"\n']) {
    await store.write({ kind: 'put', key, value: Buffer.from('1'), contentType: undefined, deadline: undefined })
  }
  store.writes.length = 0
  return served
}

test('/fetch_keys has the keys of the dialect in order, without their prefix, and no others', async () => {
  const { get, ask, store, url } = await filled()
  expect(await get('/fetch_keys')).toEqual([200, '["\\"\\n","a b","b","ü"]\n'])
  const { headers } = await fetch(`${url}/fetch_keys`)
  expect(headers.get('content-type')).toBe('application/json')
  expect(headers.get('kvs-position')).toBe('cafe0123=7')
  expect(await ask('HEAD', '/fetch_keys')).toEqual([200, ''])
  expect(await (await serveRing()).get('/fetch_keys')).toEqual([200, '[]\n'])
  expect(store.lists.open).toBe(0)
})

test('/clear_cache deletes the keys of the dialect, and no others', async () => {
  const { get, store, url } = await filled({ allowsClear: true })
  const answer = await fetch(`${url}/clear_cache`)
  expect([answer.status, await answer.text(), answer.headers.get('kvs-deleted')]).toEqual([200, 'OK', '4'])
  expect(store.writes.map(({ kind, key }) => `${kind} ${key}`)).toEqual(
    ['route/"\n', 'route/a b', 'route/b', 'route/ü'].map((key) => `delete ${key}`),
  )
  expect(await get('/fetch_keys')).toEqual([200, '[]\n'])
  expect(await get('/v1/:')).toEqual([200, '["a","route","routes/c"]\n'])
  expect(store.lists.open).toBe(0)
})

test('/clear_cache says that its deletes are spooled', async () => {
  const { url, store } = await filled({ allowsClear: true })
  store.spools = true
  const answer = await fetch(`${url}/clear_cache`)
  expect([answer.status, await answer.text(), answer.headers.get('kvs-durability')]).toEqual([202, 'OK', 'spooled'])
})

test('without tokens /clear_cache needs the setting that other clears need, and HEAD does nothing', async () => {
  const { get, store } = await filled()
  expect(await get('/clear_cache')).toEqual([403, expect.stringContaining('KVS_ALLOW_CLEAR=true')])
  const allowed = await filled({ allowsClear: true })
  expect((await allowed.ask('HEAD', '/clear_cache'))[0]).toBe(405)
  expect([store.writes, allowed.store.writes]).toEqual([[], []])
})

test('what nothing would come of is refused', async () => {
  const { get, store, url } = await filled({ allowsClear: true })
  for (const path of ['/clear_cache', '/fetch_keys']) {
    expect(await get(`${path}?key=b`)).toEqual([400, expect.stringContaining('there is no parameter "key" here')])
    for (const headers of [{ 'If-Match': '*' }, { 'Idempotency-Key': 'a' }, { 'KVS-Min-Position': 'cafe0123=1' }]) {
      const answer = await fetch(url + path, { headers })
      expect([answer.status, await answer.text()]).toEqual([
        400,
        expect.stringContaining(`${path} takes no conditions`),
      ])
    }
  }
  expect(store.writes).toEqual([])
})

test('both keep to the prefixes of a token', async () => {
  const tokens = [
    `some:read+clear:${secretOf('some')}:route/a,route/b`,
    `none:read+clear:${secretOf('none')}:a`,
    `read:read:${secretOf('read')}`,
    `clear:clear:${secretOf('clear')}`,
  ].join(' ')
  const { url, store } = await filled({ guard: guardOf(tokens) })
  const get = async (path: string, name: string) => {
    const answer = await fetch(url + path, { headers: bearer(name) })
    return [answer.status, await answer.text()]
  }
  expect(await get('/fetch_keys', 'some')).toEqual([200, '["a b","b"]\n'])
  expect((await get('/fetch_keys', 'none'))[0]).toBe(403)
  expect((await get('/fetch_keys', 'clear'))[0]).toBe(403)
  expect((await get('/clear_cache', 'read'))[0]).toBe(403)
  expect((await get('/clear_cache', 'none'))[0]).toBe(403)
  expect(store.writes).toEqual([])
  expect(await get('/clear_cache', 'some')).toEqual([200, 'OK'])
  expect(store.writes.map(({ key }) => key)).toEqual(['route/a b', 'route/b'])
  expect(await get('/clear_cache', 'clear')).toEqual([200, 'OK'])
  expect(await get('/fetch_keys', 'read')).toEqual([200, '[]\n'])
})
