import { describe, expect, test } from 'vitest'
import { bearer, guarded } from '../guarded.ts'
import { serve } from '../serve.ts'

describe('the open pages', () => {
  test.each(['/readyz', '/healthz'])(
    '%s tells an administrator all, and everybody else the state alone',
    async (path) => {
      const { url, store } = await guarded()
      for (const state of ['serving', 'starting'] as const) {
        store.state = state
        const told = await fetch(url + path, { headers: bearer('admin') })
        expect(await told.json()).toHaveProperty('spool')
        expect(told.headers.get('kvs-position')).toBe('cafe0123=0')
        for (const headers of [{}, bearer('wrong'), bearer('read-write')]) {
          const answer = await fetch(url + path, { headers })
          expect(answer.status).toBe(state === 'serving' ? 200 : 503)
          expect(await answer.json()).toEqual({ state })
          expect(answer.headers.get('kvs-position')).toBeNull()
        }
      }
    },
  )

  test('/livez', async () => {
    const { url } = await guarded()
    const answer = await fetch(`${url}/livez`)
    expect([answer.status, answer.headers.get('kvs-position'), await answer.json()]).toEqual([
      200,
      null,
      { live: true },
    ])
  })

  test('without tokens all is told to everybody', async () => {
    const { url } = await serve()
    const answer = await fetch(`${url}/readyz`)
    expect(answer.headers.get('kvs-position')).toBe('cafe0123=0')
    expect(await answer.json()).toHaveProperty('spool')
  })
})

test('an Idempotency-Key is its token’s own', async () => {
  const { url, store } = await guarded()
  for (const name of ['write', 'read-write', 'write']) {
    const headers = { ...bearer(name), 'idempotency-key': 'k' }
    await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x', headers })
  }
  const [first, second, third] = store.idempotencyKeys
  expect(first).not.toBe(second)
  expect(third).toBe(first)
  const open = await serve()
  await fetch(`${open.url}/v1/a`, { method: 'PUT', body: 'x', headers: { ...bearer('write'), 'idempotency-key': 'k' } })
  expect(open.store.idempotencyKeys).toEqual(['k'])
})

test('past its rate a token gets 429 and when to come back; others, and the open pages, do not', async () => {
  const { url, store } = await guarded({ maxRequestRate: 2 })
  const ask = (name: string) => fetch(`${url}/v1/a`, { method: 'PUT', body: 'x', headers: bearer(name) })
  const statuses = (await Promise.all([1, 2, 3].map(() => ask('write')))).map(({ status }) => status)
  expect(statuses).toEqual([201, 201, 429])
  const refused = await ask('write')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  expect(await refused.text()).toBe('the token write sends more than its 2 requests a second\n')
  expect((await ask('read-write')).status).toBe(201)
  expect((await fetch(`${url}/readyz`, { headers: bearer('write') })).status).toBe(200)
  expect(store.writes).toHaveLength(3)
})
