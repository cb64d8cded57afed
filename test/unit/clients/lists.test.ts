import { describe, expect, test } from 'vitest'
import { type Answer, problem, startScript } from './scripted.ts'

const link = (query: string) => ({ Link: `</v1/a/:?${query}>; rel="next"` })

describe('keys', () => {
  test('pages are asked for one after the other, each by the query that the last one named', async () => {
    const { client, seen } = await startScript(
      { body: ['a/1', 'a/2'], headers: { ...link('limit=2&after=a%2F2%2B'), 'KVS-Position': 'log=5' } },
      { body: ['a/3'], headers: { 'KVS-Position': 'log=6' } },
    )
    const one = client()
    expect(await Array.fromAsync(one.list('a/', { pageSize: 2 }))).toEqual(['a/1', 'a/2', 'a/3'])
    expect(seen.map(({ path }) => path)).toEqual(['/v1/a/:?limit=2', '/v1/a/:?limit=2&after=a%2F2%2B'])
    expect(seen.map(({ headers }) => headers['kvs-min-position'])).toEqual([undefined, 'log=5'])
    expect(one.position).toBe('log=6')
  })

  test('a page comes with the position that it shows', async () => {
    const { client } = await startScript({ body: ['a'], headers: { 'KVS-Position': 'log=5' } })
    expect(await Array.fromAsync(client().list().pages())).toEqual([{ items: ['a'], position: 'log=5' }])
  })

  test('what is not taken is not asked for', async () => {
    const { client, seen } = await startScript({ body: ['a', 'b'], headers: link('after=b') })
    for await (const key of client().list()) if (key === 'b') break
    expect(seen).toMatchObject([{ path: '/v1/:?limit=1000' }])
  })

  test('all that a list can be asked for is in its query', async () => {
    const { client, seen } = await startScript({ body: [] })
    await Array.fromAsync(client().list('ä b', { pageSize: 10_000, after: 'x+y&z', delimiter: '/', consistent: true }))
    expect(seen).toMatchObject([{ path: '/v1/%C3%A4%20b:?limit=10000&after=x%2By%26z&consistent=&delimiter=%2F' }])
  })

  test('a list is refused where it can’t be meant', async () => {
    const { client } = await startScript({ body: [] })
    for (const pageSize of [0, 10_001, 1.5]) expect(() => client().list('', { pageSize })).toThrow('1 to 10000')
    expect(() => client().list('a/../')).toThrow('collapse')
  })

  test('a page that fails in between fails the list, after its attempts', async () => {
    const { client, seen } = await startScript(
      { body: ['a'], headers: link('after=a') },
      'break',
      { body: ['b'], headers: link('after=b') },
      problem(403, 'forbidden'),
    )
    const got: string[] = []
    const run = async () => {
      for await (const key of client().list()) got.push(key)
    }
    await expect(run()).rejects.toMatchObject({ code: 'forbidden' })
    expect([got, seen.length]).toEqual([['a', 'b'], 4])
  })

  test('a list ends when its caller gives up', async () => {
    const { client } = await startScript({ body: ['a'], headers: link('after=a') })
    const gone = new AbortController()
    const run = async () => {
      for await (const _ of client().list('', { signal: gone.signal })) gone.abort(new Error('enough'))
    }
    await expect(run()).rejects.toThrow('enough')
  })

  test.each<[what: string, answer: Answer, why: string]>([
    ['no JSON', { body: 'nonsense' }, 'JSON'],
    ['no array', { body: { a: 1 } }, 'array of keys'],
    ['a number in it', { body: ['a', 7] }, 'array of keys'],
    ['a Link that names no next page', { body: [], headers: { Link: '</v1/:>; rel="prev"' } }, 'next page'],
  ])('a list with %s is an error', async (_, answer, why) => {
    const { client } = await startScript(answer)
    await expect(Array.fromAsync(client().list())).rejects.toMatchObject({
      code: 'bad_answer',
      message: expect.stringContaining(why),
    })
  })
})

describe('values', () => {
  const item = { key: 'a', etag: '"1"', contentType: null, size: 2, at: '2026-11-29T11:13:19.123Z', expires: null }

  test('text and bytes both come as bytes', async () => {
    const { client, seen } = await startScript({
      body: [
        { ...item, value: 'ä', contentType: 'text/x', expires: '2027-01-01T00:00:00.000Z' },
        { ...item, key: 'b', base64: '/wA=' },
        { ...item, key: 'c', base64: '', size: 0 },
        { ...item, key: 'd', value: '', etag: null, at: null },
        { ...item, key: 'e', omitted: true, size: 2_000_000 },
      ],
    })
    const got = await Array.fromAsync(client().values('p', { pageSize: 7, after: 'a' }))
    expect(seen).toMatchObject([{ path: '/v1/p:?limit=7&after=a&values=' }])
    expect(got).toEqual([
      {
        key: 'a',
        value: new Uint8Array([0xc3, 0xa4]),
        etag: '"1"',
        contentType: 'text/x',
        size: 2,
        modifiedAt: new Date('2026-11-29T11:13:19.123Z'),
        expires: new Date('2027-01-01T00:00:00Z'),
        isSpooled: false,
      },
      expect.objectContaining({
        key: 'b',
        value: new Uint8Array([0xff, 0]),
        contentType: undefined,
        expires: undefined,
      }),
      expect.objectContaining({ key: 'c', value: new Uint8Array() }),
      expect.objectContaining({ value: new Uint8Array(), etag: undefined, modifiedAt: undefined, isSpooled: true }),
      expect.objectContaining({ key: 'e', value: undefined, size: 2_000_000 }),
    ])
  })

  test.each([{ ...item }, { ...item, value: 7 }, { key: 'a', value: '' }, 'a', null])('%o is no value', async (bad) => {
    const { client } = await startScript({ body: [bad] })
    await expect(Array.fromAsync(client().values())).rejects.toMatchObject({ code: 'bad_answer' })
  })
})

test('a count is a number', async () => {
  const { client, seen } = await startScript({ body: { count: 12 } }, { body: { count: 0 } }, { body: {} })
  expect(await client().count('a/')).toBe(12)
  expect(await client().count('', { consistent: true })).toBe(0)
  await expect(client().count()).rejects.toMatchObject({ code: 'bad_answer' })
  expect(seen.map(({ path }) => path)).toEqual(['/v1/a/:?count=', '/v1/:?count=&consistent=', '/v1/:?count='])
})

describe('clear', () => {
  test('says how much it deleted, and sees what the client wrote', async () => {
    const { client, seen } = await startScript(
      { headers: { 'KVS-Deleted': '3', 'KVS-Position': 'log=4' } },
      { status: 202, headers: { 'KVS-Deleted': '0', 'KVS-Durability': 'spooled' } },
    )
    const one = client()
    expect(await one.clear('a/')).toEqual({ deleted: 3, isSpooled: false })
    expect(await one.clear('')).toEqual({ deleted: 0, isSpooled: true })
    expect(seen).toMatchObject([
      { method: 'DELETE', path: '/v1/a/:' },
      { path: '/v1/:', headers: { 'kvs-min-position': 'log=4' } },
    ])
  })

  test('is sent once, unless it may be repeated, and tells how far it came', async () => {
    const { client, seen } = await startScript(problem(503, 'undecided', { 'KVS-Deleted': '7' }), {
      headers: { 'KVS-Deleted': '3' },
    })
    await expect(client().clear('a/')).rejects.toMatchObject({ code: 'undecided', deleted: 7 })
    expect(seen).toHaveLength(1)
    expect(await client().clear('a/', { repeatable: true })).toMatchObject({ deleted: 3 })
  })

  test('an answer that does not say how much was deleted is an error', async () => {
    const { client } = await startScript({})
    await expect(client().clear('a/')).rejects.toMatchObject({ code: 'bad_answer' })
  })
})
