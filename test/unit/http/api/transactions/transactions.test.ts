import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { guardOf, secretOf } from '../../guarded.ts'
import { serve } from '../../serve.ts'

const post = (url: string, body: unknown, headers: Record<string, string> = {}, path = '/v1/:') =>
  fetch(`${url}${path}`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
const put = (url: string, key: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/${key}`, { method: 'PUT', headers, body })
const etagOf = async (url: string, key: string) => (await fetch(`${url}/v1/${key}`)).headers.get('etag')

describe('POST /v1/:', () => {
  test('does all, and tells the entry of each operation', async () => {
    const { url } = await serve()
    await put(url, 'n', '41', { 'Content-Type': 'text/x' })
    const etag = await etagOf(url, 'n')
    const answer = await post(url, {
      if: [
        { key: 'n', etag },
        { key: 'a', etag: null },
      ],
      do: [{ put: 'a', value: 'ü' }, { put: 'b', base64: '/wA=' }, { delete: 'c' }, { add: 'n', by: 1 }],
    })
    const { position, results } = (await answer.json()) as { position: string; results: unknown[] }
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(position).toBe('cafe0123=5')
    expect(answer.headers.get('kvs-position')).toBe(position)
    expect(results).toEqual([
      { key: 'a', etag: await etagOf(url, 'a') },
      { key: 'b', etag: await etagOf(url, 'b') },
      { key: 'c', etag: null },
      { key: 'n', etag: await etagOf(url, 'n'), value: '42' },
    ])
    const n = await fetch(`${url}/v1/n`)
    expect([await n.text(), n.headers.get('content-type')]).toEqual(['42', 'text/x'])
    expect(await (await fetch(`${url}/v1/a`)).text()).toBe('ü')
  })

  test('does nothing where a condition does not hold, and tells what its key is at', async () => {
    const { url, store } = await serve()
    await put(url, 'a', '1')
    const answer = await post(url, {
      if: [
        { key: 'a', etag: null },
        { key: 'b', etag: null },
        { key: 'c', etag: '*' },
      ],
      do: [{ put: 'b', value: 'x' }],
    })
    expect(answer.status).toBe(412)
    expect(answer.headers.get('kvs-position')).toBe('cafe0123=1')
    expect(await answer.json()).toEqual({
      failed: [
        { index: 0, key: 'a', etag: await etagOf(url, 'a') },
        { index: 2, key: 'c', etag: null },
      ],
    })
    expect(store.writes).toHaveLength(1)
  })

  test('says which operation can’t be done', async () => {
    const { url, store } = await serve()
    await put(url, 'a', 'x')
    await put(url, 'n', `${2n ** 63n - 1n}`)
    const noNumber = await post(url, {
      do: [
        { put: 'b', value: 'x' },
        { add: 'a', by: 1 },
      ],
    })
    expect([noNumber.status, await noNumber.text()]).toEqual([
      409,
      'do[1]: the value of "a" is no integer; nothing was stored\n',
    ])
    const large = await post(url, { do: [{ add: 'n', by: 1 }] }, { Accept: 'application/json' })
    expect([large.status, await large.json()]).toEqual([409, expect.objectContaining({ code: 'out_of_range' })])
    expect(store.writes).toHaveLength(2)
  })

  test('waits for a position, passes its Idempotency-Key on, and checks the digest of its body', async () => {
    const { url, store } = await serve()
    const body = '{"do":[{"put":"a","value":"x"}]}'
    const digest = createHash('sha256').update(body).digest('base64')
    const headers = {
      'KVS-Min-Position': 'cafe0123=0',
      'Idempotency-Key': 'k',
      'Content-Digest': `sha-256=:${digest}:`,
    }
    expect((await post(url, body, headers)).status).toBe(200)
    expect([store.waits, store.idempotencyKeys]).toEqual([[0n], ['k']])
    expect((await post(url, body, { 'KVS-Min-Position': 'cafe0123=9' })).status).toBe(503)
    const other = createHash('sha256').update('other').digest('base64')
    expect((await post(url, body, { 'Content-Digest': `sha-256=:${other}:` })).status).toBe(400)
    expect(store.writes).toHaveLength(1)
  })

  test('lifetimes are of the puts that ask for them, and of what is asked under an Idempotency-Key', async () => {
    const { url, store } = await serve()
    const body = {
      do: [
        { put: 'a', value: '', ttl: '10s' },
        { put: 'b', value: '', expires: '2030-01-01T00:00:00Z' },
        { put: 'c', value: '' },
      ],
    }
    expect((await post(url, body)).status).toBe(200)
    const deadlines = [store.time + 10_000, 1_893_456_000_000, undefined]
    expect(store.writes.map(({ deadline }) => deadline)).toEqual(deadlines)
    expect(store.asked).toEqual(['0:ttl=10000 1:expires=1893456000000'])
    expect((await fetch(`${url}/v1/a`)).headers.get('x-ttl')).toBe('10')
    const late = await post(url, { do: [{ put: 'a', value: '', ttl: '100000000h' }] })
    expect([late.status, store.writes.length]).toEqual([400, 3])
    expect(await late.text()).toMatch(/^do\[0\]: a key’s lifetime ends in the year 9999 at the latest/)
    const header = await post(url, '', { 'KVS-TTL': '1s' }, '/v1/n?add=1')
    expect([header.status, store.writes.length]).toEqual([400, 3])
  })

  test.each<[string, Record<string, string>, string, RegExp]>([
    ['/v1/a:', {}, '{"do":[{"delete":"a"}]}', /posted to \/v1\/:/],
    ['/v1/:?consistent', {}, '{"do":[{"delete":"a"}]}', /takes no query/],
    ['/v1/:', { 'If-Match': '"1"' }, '{"do":[{"delete":"a"}]}', /conditions in its body/],
    ['/v1/:', { 'If-Unmodified-Since': 'x' }, '{"do":[{"delete":"a"}]}', /conditions are/],
    ['/v1/:', { 'X-HTTP-Method-Override': 'PUT' }, '{"do":[{"delete":"a"}]}', /send the method itself/],
    ['/v1/:', { 'KVS-Durable': '1' }, '{"do":[{"delete":"a"}]}', /none of the headers/],
    ['/v1/:', {}, '', /not JSON/],
    ['/v1/:', {}, '{"do":[{"delete":"a"},{"delete":""}]}', /^do\[1\].delete: the key is empty/],
  ])('%s with %j and %s is refused, and nothing is done', async (path, headers, body, message) => {
    const { url, store } = await serve()
    const answer = await post(url, body, headers, path)
    expect(answer.status).toBe(400)
    expect(await answer.text()).toMatch(message)
    expect(store.writes).toEqual([])
  })

  test('two Idempotency-Keys are none that anybody could choose between', async () => {
    const { request, store } = await serve()
    const keys = 'Idempotency-Key: x\r\nIdempotency-Key: y\r\n'
    for (const path of ['/v1/n?add=1', '/v1/:']) {
      expect(await request('POST', path, keys)).toMatch(/^HTTP\/1.1 400 [\s\S]*a request has one Idempotency-Key/)
    }
    expect(store.writes).toEqual([])
  })

  test('a body that is too large is refused before it is read', async () => {
    const { url, store } = await serve({ maxWaitingBytes: 32 * 1024 * 1024 })
    const answer = await post(url, ' '.repeat(8 * 1024 * 1024 + 1))
    expect([answer.status, await answer.text()]).toEqual([
      413,
      'the transaction has 8388609 bytes; 8388608 bytes at most are allowed\n',
    ])
    const value = await post(url, { do: [{ put: 'a', value: 'x'.repeat(1_001) }] })
    expect([value.status, await value.text()]).toEqual([
      413,
      'do[0]: the value has 1001 bytes; at most 1000 are allowed; nothing was stored\n',
    ])
    expect(store.writes).toEqual([])
  })

  test('needs the log', async () => {
    const { url, store } = await serve()
    store.spools = true
    const answers = [await post(url, { do: [{ delete: 'a' }] }), await post(url, '', {}, '/v1/n?add=1')]
    for (const answer of answers) expect([answer.status, store.writes]).toEqual([503, []])
  })
})

describe('POST /v1/KEY', () => {
  const count = (url: string, path: string, headers = {}) => post(url, '', headers, `/v1/${path}`)

  test('answers the new number as text, with its ETag', async () => {
    const { url } = await serve()
    const answer = await count(url, 'n?add=5')
    expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([
      200,
      '5',
      'text/plain; charset=utf-8',
    ])
    expect(answer.headers.get('etag')).toBe(await etagOf(url, 'n'))
    expect(answer.headers.get('kvs-position')).toBe('cafe0123=1')
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    for (const [query, number] of [
      ['add=-7', '-2'],
      ['max=3', '3'],
      ['max=1', '3'],
      ['min=-1', '-1'],
    ]) {
      expect(await (await count(url, `n?${query}`)).text()).toBe(number)
    }
    expect(await (await fetch(`${url}/v1/n`)).text()).toBe('-1')
  })

  test('takes conditions, an Idempotency-Key and a position as a PUT does', async () => {
    const { url, store } = await serve()
    expect((await count(url, 'n?add=1', { 'If-None-Match': '*', 'Idempotency-Key': 'k' })).status).toBe(200)
    expect(store.idempotencyKeys).toEqual(['k'])
    const etag = await etagOf(url, 'n')
    const refused = await count(url, 'n?add=1', { 'If-None-Match': '*' })
    expect([refused.status, refused.headers.get('etag')]).toEqual([412, etag])
    expect((await count(url, 'n?add=1', { 'If-Match': String(etag) })).status).toBe(200)
    expect((await count(url, 'n?add=1', { 'KVS-Min-Position': 'cafe0123=9' })).status).toBe(503)
    expect(await (await fetch(`${url}/v1/n`)).text()).toBe('2')
  })

  test('says what is wrong', async () => {
    const { url, store } = await serve()
    await put(url, 'a', 'x')
    const noNumber = await count(url, 'a?add=1')
    expect([noNumber.status, await noNumber.text()]).toEqual([
      409,
      'the value of "a" is no integer; nothing was stored\n',
    ])
    for (const path of ['n', 'n?add=x', 'n?add=1&min=1', 'n?by=1', 'n?add=1&consistent']) {
      expect((await count(url, path)).status).toBe(400)
    }
    expect(await (await count(url, 'n')).text()).toMatch(/a value is stored with PUT/)
    expect(store.writes).toHaveLength(1)
    const coursework = await post(url, '', {}, '/kvs/n?add=1')
    expect([coursework.status, coursework.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT, DELETE'])
  })
})

describe('with tokens', () => {
  const door = [
    `reads:read:${secretOf('reads')}`,
    `writes:write:${secretOf('writes')}`,
    `both:read+write:${secretOf('both')}`,
    `bounded:read+write:${secretOf('bounded')}:a/,b`,
    `clears:clear:${secretOf('clears')}`,
  ].join(' ')
  const as = (name: string) => ({ Authorization: `Bearer ${secretOf(name)}` })
  const del = (key: string) => ({ do: [{ delete: key }] })

  test.each<[string, unknown, number]>([
    ['reads', del('a/1'), 403],
    ['clears', del('a/1'), 403],
    ['writes', del('a/1'), 200],
    ['writes', { if: [{ key: 'a/1', etag: null }], ...del('a/1') }, 403],
    ['writes', { do: [{ add: 'a/n', by: 1 }] }, 403],
    ['both', { if: [{ key: 'x', etag: null }], do: [{ add: 'n', by: 1 }] }, 200],
    [
      'bounded',
      {
        if: [{ key: 'b', etag: null }],
        do: [
          { put: 'a/1', value: '' },
          { max: 'bn', by: 1 },
        ],
      },
      200,
    ],
    ['bounded', del('a'), 403],
    ['bounded', { do: [{ delete: 'a/1' }, { put: 'c', value: '' }] }, 403],
    ['bounded', { do: [{ delete: 'a/1' }, { add: 'c', by: 1 }] }, 403],
    ['bounded', { if: [{ key: 'c', etag: null }], ...del('a/1') }, 403],
    ['nobody', del('a/1'), 401],
  ])('%s: %j is answered with %i', async (name, body, status) => {
    const { url, store } = await serve({ guard: guardOf(door) })
    const answer = await post(url, body, as(name))
    expect(answer.status).toBe(status)
    if (status !== 200) expect(store.writes).toEqual([])
  })

  test('an answer is the same whatever is at a key beyond the prefixes', async () => {
    const { url } = await serve({ guard: guardOf(door) })
    const ask = async () => {
      const bodies = [
        { if: [{ key: 'secret', etag: null }], ...del('a/1') },
        {
          if: [
            { key: 'secret', etag: '*' },
            { key: 'a/none', etag: '*' },
          ],
          ...del('a/1'),
        },
        {
          do: [
            { add: 'a/1', by: 1 },
            { add: 'secret', by: 1 },
          ],
        },
        { do: [{ delete: 'secret' }] },
      ]
      const answers = await Promise.all(bodies.map((body) => post(url, body, as('bounded'))))
      answers.push(await post(url, '', as('bounded'), '/v1/secret?add=1'))
      return Promise.all(answers.map(async (answer) => [answer.status, await answer.text()]))
    }
    await put(url, 'a/1', 'no number', as('both'))
    const before = await ask()
    expect(before.map(([status]) => status)).toEqual([403, 403, 403, 403, 403])
    await put(url, 'secret', 'no number either', as('both'))
    expect(await ask()).toEqual(before)
  })

  test('a count needs the right to read, since its answer tells the value', async () => {
    const { url, store } = await serve({ guard: guardOf(door) })
    for (const [name, status] of [
      ['reads', 403],
      ['writes', 403],
      ['bounded', 403],
      ['both', 200],
    ] as const) {
      expect((await post(url, '', as(name), '/v1/n?add=1')).status).toBe(status)
    }
    expect(store.writes).toHaveLength(1)
  })

  test('an Idempotency-Key is the caller’s own', async () => {
    const { url, store } = await serve({ guard: guardOf(door) })
    await post(url, del('a/1'), { ...as('bounded'), 'Idempotency-Key': 'k' })
    expect(store.idempotencyKeys).toEqual(['bounded\nk'])
  })
})

test('what the store refuses is told as it is', async () => {
  const { url, store } = await serve()
  for (const [code, status] of [
    ['undecided', 503],
    ['idempotency_key_reused', 422],
    ['overloaded', 503],
  ] as const) {
    store.failure = new KvsError(code)
    expect((await post(url, { do: [{ delete: 'a' }] })).status).toBe(status)
  }
})
