import { describe, expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { nowhere } from '../../../../../kvs/core/position.ts'
import { makeFakeFeed, makeFakeSite } from '../../fake-site.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { serve } from '../../serve.ts'

test('a feed is answered frame by frame until its end, from what the query says', async () => {
  const feed = makeFakeFeed()
  feed.frames = ['hello, ', 'entry']
  const { url } = await serve({ site: makeFakeSite(undefined, feed) })
  const answer = await fetch(`${url}/sites/log?site=b&have=a=3,b=4&stamps=a=1796000000000000&after=a=7`)
  expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
    ...[200, 'application/vnd.kvs.log; version=1', 'hello, entry'],
  ])
  expect(feed.queries).toEqual([
    {
      site: 'b',
      have: { sequences: new Map(Object.entries({ a: 3n, b: 4n })), stamp: 0 },
      stamps: new Map([['a', 1_796_000_000_000_000]]),
      after: { sequences: new Map([['a', 7n]]), stamp: 0 },
    },
  ])
  await fetch(`${url}/sites/log?site=b`)
  expect(feed.queries[1]).toEqual({ site: 'b', have: nowhere, stamps: new Map(), after: nowhere })
})

test.each(['', '?site=', '?site=b/c', '?site=b&have=x', '?site=b&after=a=x', '?site=b&stamps=1', '?site=b&more=1'])(
  'a query %j is refused',
  async (query) => {
    const feed = makeFakeFeed()
    const { url } = await serve({ site: makeFakeSite(undefined, feed) })
    const answer = await fetch(`${url}/sites/log${query}`, { headers: { accept: 'application/json' } })
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'bad_request' }])
    expect(feed.queries).toEqual([])
  },
)

test('what the feed refuses is answered with its code', async () => {
  const feed = makeFakeFeed()
  feed.failure = new KvsError('went_back')
  const { url } = await serve({ site: makeFakeSite(undefined, feed) })
  const answer = await fetch(`${url}/sites/log?site=b`, { headers: { accept: 'application/json' } })
  expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'went_back' }])
})

test('where the log is no site there is no such page', async () => {
  const { url } = await serve()
  expect((await fetch(`${url}/sites/log?site=b`)).status).toBe(404)
})

describe('a token', () => {
  const tokens = [
    `site-b:replicate:${secretOf('site-b')}`,
    `bounded:replicate:${secretOf('bounded')}:a/`,
    `reader:read+write+admin:${secretOf('reader')}`,
  ].join(' ')

  test.each([
    ['site-b', 200],
    ['bounded', 403],
    ['reader', 403],
  ])('of %s gets %i', async (name, status) => {
    const feed = makeFakeFeed()
    const { url } = await serve({ site: makeFakeSite(undefined, feed), guard: guardOf(tokens) })
    const answer = await fetch(`${url}/sites/log?site=b`, { headers: bearer(name) })
    expect([answer.status, feed.queries.length]).toEqual([status, status === 200 ? 1 : 0])
    if (name === 'bounded') expect(await answer.text()).toContain('the token has prefixes')
  })

  test('is needed', async () => {
    const { url } = await serve({ site: makeFakeSite(), guard: guardOf(tokens) })
    expect((await fetch(`${url}/sites/log?site=b`)).status).toBe(401)
  })
})
