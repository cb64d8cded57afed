import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { makeClient } from '../../../clients/typescript/src/index.ts'
import { problem, type Step, startScript } from './scripted.ts'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const tag = '"c18e0369-7-5ddda30c"'
const stored: Step = { status: 201, headers: { ETag: tag, 'KVS-Position': 'log=7' } }

describe('keys', () => {
  test('a value comes with all that is told of it', async () => {
    const { client, seen } = await startScript({
      headers: {
        ETag: tag,
        'Content-Type': 'text/markdown',
        'KVS-Position': 'log=9',
        'Last-Modified': 'Sun, 29 Nov 2026 11:13:19 GMT',
        'KVS-Expires': '2026-12-01T00:00:00.250Z',
      },
      body: Buffer.from([0xef, 0xbb, 0xbf, 0x68, 0xff]),
    })
    expect(await client({ token: 'secret' }).get('docs/ä:')).toEqual({
      value: new Uint8Array([0xef, 0xbb, 0xbf, 0x68, 0xff]),
      etag: tag,
      contentType: 'text/markdown',
      size: 5,
      modifiedAt: new Date('2026-11-29T11:13:19Z'),
      expires: new Date('2026-12-01T00:00:00.250Z'),
      isSpooled: false,
    })
    expect(seen).toMatchObject([
      { method: 'GET', path: '/v1/docs/%C3%A4%3A', headers: { authorization: 'Bearer secret' } },
    ])
  })

  test('text keeps its byte order mark', async () => {
    const { client } = await startScript({ body: '\ufeffä' })
    expect(await client().getText('a')).toBe('\ufeffä')
  })

  test('a value that is on a node’s disk alone says so, and has no ETag', async () => {
    const { client } = await startScript({ headers: { 'KVS-Durability': 'spooled' } })
    expect(await client().get('a')).toMatchObject({ etag: undefined, isSpooled: true })
  })

  test('a head is a value without its bytes', async () => {
    const { client, seen } = await startScript({ headers: { 'Content-Length': '12', ETag: tag } })
    expect(await client().head('a', { consistent: true })).toMatchObject({ size: 12, etag: tag })
    expect(seen).toMatchObject([{ method: 'HEAD', path: '/v1/a?consistent=' }])
  })

  test('a key without a value is undefined', async () => {
    const { client } = await startScript(problem(404, 'no_such_key', { 'KVS-Position': 'log=1' }))
    expect(await client().get('a')).toBeUndefined()
    expect(await client().getText('a')).toBeUndefined()
    expect(await client().head('a')).toBeUndefined()
  })

  test('a 404 that is not the service’s is an error, not a key without a value', async () => {
    const { client } = await startScript({ status: 404, headers: { 'Content-Type': 'text/html' }, body: 'not here' })
    await expect(client().get('a')).rejects.toMatchObject({ code: 'unexplained', status: 404 })
    await expect(client().head('a')).rejects.toMatchObject({ code: 'unexplained', status: 404 })
  })

  test('a put sends the bytes as they are, and no type unless one is given', async () => {
    const { client, seen } = await startScript(stored)
    expect(await client().put('a', 'ä')).toEqual({ etag: tag, isSpooled: false })
    await client().put('a', new Uint8Array([1, 2, 3]).subarray(1), { contentType: 'x/y' })
    await client().put('a', new Uint8Array([1]).buffer)
    expect(seen.map(({ body, headers }) => [body, headers['content-type']])).toEqual([
      ['ä', undefined],
      ['\x02\x03', 'x/y'],
      ['\x01', undefined],
    ])
  })

  test('a spooled write says so', async () => {
    const { client } = await startScript({ status: 202, headers: { 'KVS-Durability': 'spooled' } })
    expect(await client().put('a', 'x')).toEqual({ etag: undefined, isSpooled: true })
    expect(await client().delete('a')).toEqual({ etag: undefined, isSpooled: true })
  })

  test('a write says how many logs have it, and one that too few have is not spooled', async () => {
    const headers = { ETag: tag, 'KVS-Copies': '1' }
    const { client } = await startScript({ status: 202, headers })
    expect(await client().put('a', 'x')).toEqual({ etag: tag, isSpooled: false, copies: 1 })
    const spooled = { 'KVS-Durability': 'spooled', 'KVS-Copies': '0' }
    const other = await startScript({ status: 202, headers: spooled })
    expect(await other.client().delete('a')).toEqual({ etag: undefined, isSpooled: true, copies: 0 })
  })

  test('a lifetime goes as a duration, or as a moment', async () => {
    const { client, seen } = await startScript(stored)
    await client().put('a', 'x', { ttl: 1_500.2 })
    await client().put('a', 'x', { ttl: '15m' })
    await client().put('a', 'x', { ttl: -3 })
    await client().put('a', 'x', { expires: new Date(1_000) })
    expect(seen.map(({ headers }) => headers['kvs-ttl'] ?? headers['kvs-expires'])).toEqual([
      '1501ms',
      '15m',
      '0ms',
      '1970-01-01T00:00:01.000Z',
    ])
  })

  test('a put that can’t be meant is refused before it is sent', async () => {
    const { client, seen } = await startScript(stored)
    await expect(client().put('a', '\ud800')).rejects.toThrow(TypeError)
    await expect(client().put('a', 7 as unknown as string)).rejects.toThrow('a value is a string')
    await expect(client().put('a', 'x', { ttl: 1, expires: new Date() })).rejects.toThrow('not both')
    await expect(client().put('a', 'x', { ttl: Number.NaN })).rejects.toThrow('milliseconds')
    await expect(client().put('a', 'x', { expires: new Date(Number.NaN) })).rejects.toThrow('no valid date')
    await expect(client().put('..', 'x')).rejects.toMatchObject({ code: 'bad_key' })
    expect(seen).toEqual([])
  })
})

describe('positions', () => {
  test('what a client has seen goes with its reads, from errors as well', async () => {
    const { client, seen } = await startScript(
      stored,
      problem(412, 'condition_failed', { 'KVS-Position': 'log=9' }),
      { headers: { 'KVS-Position': 'log=8' }, body: 'x' },
      { headers: { 'KVS-Position': 'log=9' }, body: 'x' },
    )
    const one = client()
    await one.put('a', 'x')
    expect(one.position).toBe('log=7')
    await expect(one.put('a', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'condition_failed' })
    await one.get('a')
    await one.get('a')
    expect(one.position).toBe('log=9')
    expect(seen.map(({ headers }) => headers['kvs-min-position'])).toEqual([undefined, undefined, 'log=9', 'log=9'])
  })

  test('another client goes on where the first one was', async () => {
    const { client, seen } = await startScript({ body: 'x' })
    await client({ position: 'log=3' }).get('a')
    const other = client()
    other.advance('log=4')
    await other.get('a')
    other.forgetPosition()
    await other.get('a')
    expect(seen.map(({ headers }) => headers['kvs-min-position'])).toEqual(['log=3', 'log=4', undefined])
    expect(() => client({ position: 'nonsense' })).toThrow(TypeError)
  })

  test('a position that is none is an error', async () => {
    const { client } = await startScript({ headers: { 'KVS-Position': 'nonsense' } })
    await expect(client().get('a')).rejects.toMatchObject({ code: 'bad_answer', status: 200 })
  })
})

describe('errors', () => {
  test('an error has its code, its sentence, and what goes with it', async () => {
    const { client } = await startScript(problem(412, 'condition_failed', { ETag: tag }))
    await expect(client().put('a', 'x', { ifMatch: '"old"' })).rejects.toMatchObject({
      name: 'KvsError',
      code: 'condition_failed',
      message: 'it is condition_failed',
      status: 412,
      etag: tag,
      retryAfter: undefined,
      isUndecided: false,
    })
  })

  test('an error without a code says what was asked, and what came', async () => {
    const { client, url } = await startScript({ status: 418, body: '<html>' })
    await expect(client().get('a')).rejects.toThrow(`GET ${url}/v1/a was answered with 418, and no explanation`)
  })

  test('a redirect is not followed: what is there is no value', async () => {
    const { client, seen } = await startScript({ status: 302, headers: { Location: '/elsewhere' } }, { body: 'a page' })
    await expect(client().get('a')).rejects.toMatchObject({ code: 'unexplained', status: 302 })
    expect(seen).toHaveLength(1)
  })

  test('a service that is not there is unreachable, and says why', async () => {
    const client = makeClient({ url: 'http://127.0.0.1:1', retry: false })
    await expect(client.get('a')).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/ECONNREFUSED|bad port/),
    })
  })
})

describe('repeats', () => {
  const down = problem(503, 'undecided', { 'Retry-After': '0' })

  test('a read is sent again, past broken connections and 503', async () => {
    const { client, seen } = await startScript('break', down, { body: 'x' })
    expect(await client().getText('a')).toBe('x')
    expect(seen).toHaveLength(3)
  })

  test('without retries a read is sent once', async () => {
    const { client, seen } = await startScript('break', { body: 'x' })
    await expect(client({ retry: false }).get('a')).rejects.toMatchObject({ code: 'unreachable' })
    expect(seen).toHaveLength(1)
  })

  test.each(['break', down] as const)(
    'a plain write carries no Idempotency-Key, and is sent once: %o',
    async (step) => {
      const { client, seen } = await startScript(step, stored)
      await expect(client().put('a', 'x')).rejects.toMatchObject({ isUndecided: true })
      expect(seen).toMatchObject([{ method: 'PUT' }])
      expect(seen[0]?.headers).not.toHaveProperty('idempotency-key')
    },
  )

  test('a plain write that may be repeated is, still without an Idempotency-Key', async () => {
    const { client, seen } = await startScript('break', down, stored)
    await client().put('a', 'x', { repeatable: true })
    expect(seen.map(({ headers, body }) => [headers['idempotency-key'], body])).toEqual(Array(3).fill([undefined, 'x']))
  })

  test.each([
    ['put', { ifMatch: tag }, { 'if-match': tag }],
    ['put', { ifMatch: ['"a"', '"b"'] }, { 'if-match': '"a", "b"' }],
    ['put', { ifNoneMatch: '*' }, { 'if-none-match': '*' }],
    ['delete', { ifMatch: '*' }, { 'if-match': '*' }],
  ] as const)('a %s under %o is sent again under one Idempotency-Key', async (method, options, headers) => {
    const { client, seen } = await startScript('break', down, stored)
    await (method === 'put' ? client().put('a', 'x', options) : client().delete('a', options))
    const keys = seen.map(({ headers }) => headers['idempotency-key'])
    expect(keys).toEqual(Array(3).fill(expect.stringMatching(uuid)))
    expect(new Set(keys).size).toBe(1)
    expect(seen[2]).toMatchObject({ headers })
  })

  test('each conditional write has an Idempotency-Key of its own, unless one is given', async () => {
    const { client, seen } = await startScript(stored)
    const one = client()
    await one.put('a', 'x', { ifMatch: tag })
    await one.put('a', 'x', { ifMatch: tag })
    await one.put('a', 'x', { idempotencyKey: 'mine' })
    const [first, second, third] = seen.map(({ headers }) => headers['idempotency-key'])
    expect(first).not.toBe(second)
    expect(third).toBe('mine')
  })
})

describe('time', () => {
  test('no answer in time is an error that says so', async () => {
    const { client, seen } = await startScript('hang')
    await expect(client({ timeoutMs: 50 }).put('a', 'x')).rejects.toMatchObject({ code: 'timeout', isUndecided: true })
    await expect(client().get('a', { timeoutMs: 50 })).rejects.toMatchObject({ code: 'timeout' })
    expect(seen).toHaveLength(2)
  })

  test('there may be no bound, and one that is none is refused', async () => {
    const { client, seen } = await startScript({ body: 'x' }, { body: 'y' })
    expect(await client({ timeoutMs: Number.POSITIVE_INFINITY }).getText('a')).toBe('x')
    expect(await client().getText('a', { timeoutMs: 2 ** 40 })).toBe('y')
    for (const timeoutMs of [0, -1, Number.NaN, '9' as unknown as number]) {
      expect(() => client({ timeoutMs })).toThrow(/^timeoutMs is .*; it has to be more than 0$/)
      await expect(client().getText('a', { timeoutMs })).rejects.toThrow(TypeError)
      expect(() => client({ retry: { attempts: timeoutMs } })).toThrow(/^retry.attempts is /)
    }
    expect(() => client({ retry: { maxDelayMs: -1 } })).toThrow(TypeError)
    expect(seen).toHaveLength(2)
  })

  test('an attempt without an answer is given up for another one', async () => {
    const { client, seen } = await startScript('hang', { body: 'x' })
    expect(await client({ retry: { attemptTimeoutMs: 50, firstDelayMs: 1 } }).getText('a')).toBe('x')
    expect(seen).toHaveLength(2)
  })

  test('a caller that gives up gets its own reason, and nothing is sent again', async () => {
    const { client, seen } = await startScript('hang')
    const gone = new AbortController()
    const reason = new Error('enough')
    const asked = client().get('a', { signal: gone.signal })
    while (seen.length === 0) await sleep(1)
    gone.abort(reason)
    await expect(asked).rejects.toBe(reason)
    await expect(client().put('a', 'x', { signal: gone.signal })).rejects.toBe(reason)
    expect(seen).toHaveLength(1)
  })
})
