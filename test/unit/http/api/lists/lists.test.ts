import { describe, expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { maxChunkBytes } from '../../../../../kvs/http/api/lists/list-text.ts'
import { makeLogger } from '../../../../../kvs/logger/logger.ts'
import { makeMemoryBudget } from '../../../../../kvs/memory/memory-budget.ts'
import { until } from '../../../../support/until.ts'
import { startClient } from '../../../forward/serve.ts'
import { serve } from '../../serve.ts'

const ndjson = { headers: { accept: 'application/x-ndjson' } }

/** A server with these keys, each with its own name for a value. */
async function serveKeys(keys: readonly string[], options: Parameters<typeof serve>[0] = {}) {
  const served = await serve(options)
  for (const key of keys) {
    await served.store.write({ kind: 'put', key, value: Buffer.from(key), contentType: undefined })
  }
  const list = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${served.url}/v1/${path}`, init)
    return { answer, status: answer.status, link: answer.headers.get('link'), text: await answer.text() }
  }
  const keysOf = async (path: string) => JSON.parse((await list(path)).text) as string[]
  return { ...served, list, keysOf }
}

/** Follows the links, and returns what each page has. */
async function pages(url: string, path: string): Promise<unknown[][]> {
  const found: unknown[][] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer: Response = await fetch(url + next)
    expect(answer.status).toBe(200)
    found.push((await answer.json()) as unknown[])
    next = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
  }
  return found
}

const some = ['b', 'a/1', 'a/2', 'ab', 'é', '\uffff', '🔑', 'a/"\\\n', 'a:', 'a/b/c']
const inOrder = ['a/"\\\n', 'a/1', 'a/2', 'a/b/c', 'a:', 'ab', 'b', 'é', '\uffff', '🔑']

describe('a list of keys', () => {
  test('has those that begin with the prefix, in byte order', async () => {
    const { keysOf, list } = await serveKeys(some)
    expect(await keysOf(':')).toEqual(inOrder)
    expect(await keysOf('a:')).toEqual(inOrder.slice(0, 6))
    expect(await keysOf('a/:')).toEqual(inOrder.slice(0, 4))
    expect(await keysOf('a%2Fb:')).toEqual(['a/b/c'])
    expect(await keysOf('a::')).toEqual(['a:'])
    expect(await keysOf('%F0%9F:').catch(() => 400)).toBe(400)
    expect((await list('z:')).text).toBe('[]\n')
    expect((await list('a/b:')).text).toBe('["a/b/c"]\n')
  })

  test('has these headers', async () => {
    const { list } = await serveKeys(some)
    const { answer } = await list(':')
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/json',
      'kvs-position': 'cafe0123=10',
      'cache-control': 'no-cache',
      vary: 'Accept',
      'x-content-type-options': 'nosniff',
    })
    expect(answer.headers.has('link')).toBe(false)
  })

  test('is one line for each key where Accept asks for that', async () => {
    const { list } = await serveKeys(some)
    const { answer, text } = await list('a/:', ndjson)
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
    expect(text).toBe('"a/\\"\\\\\\n"\n"a/1"\n"a/2"\n"a/b/c"\n')
    expect((await list('z:', ndjson)).text).toBe('')
    for (const accept of ['application/x-ndjson;q=0', '*/*', 'application/json']) {
      expect((await list('a/b:', { headers: { accept } })).text).toBe('["a/b/c"]\n')
    }
  })

  test('is in pages, each with a link to the next one', async () => {
    const { url, list } = await serveKeys(some)
    expect(await pages(url, '/v1/:?limit=3')).toEqual([
      inOrder.slice(0, 3),
      inOrder.slice(3, 6),
      inOrder.slice(6, 9),
      inOrder.slice(9),
    ])
    expect(await pages(url, '/v1/:?limit=5')).toEqual([inOrder.slice(0, 5), inOrder.slice(5)])
    expect(await pages(url, '/v1/:?limit=10')).toEqual([inOrder])
    expect((await list('a/:?limit=1')).link).toBe('</v1/a/:?limit=1&after=a%2F%22%5C%0A>; rel="next"')
    expect((await list('%C3%A9:?limit=1')).link).toBeNull()
  })

  test('begins after any key, whether it is there or not, and whether it begins with the prefix or not', async () => {
    const { keysOf } = await serveKeys(some)
    expect(await keysOf(':?after=a/2')).toEqual(inOrder.slice(3))
    expect(await keysOf(':?after=a/20')).toEqual(inOrder.slice(3))
    expect(await keysOf('a/:?after=')).toEqual(inOrder.slice(0, 4))
    expect(await keysOf('a/:?after=A')).toEqual(inOrder.slice(0, 4))
    expect(await keysOf('a/:?after=b')).toEqual([])
  })

  test('shows each subtree once, and goes on after it', async () => {
    const { url, keysOf, list } = await serveKeys(['a', 'a/1', 'a/2', 'b/x/1', 'b/x/2', 'b/y', 'c'])
    expect(await keysOf(':?delimiter=/')).toEqual(['a', 'a/', 'b/', 'c'])
    expect(await keysOf('b/:?delimiter=/')).toEqual(['b/x/', 'b/y'])
    expect(await keysOf('b:?delimiter=/')).toEqual(['b/'])
    expect(await keysOf(':?delimiter=x/')).toEqual(['a', 'a/1', 'a/2', 'b/x/', 'b/y', 'c'])
    expect(await pages(url, '/v1/:?delimiter=/&limit=1')).toEqual([['a'], ['a/'], ['b/'], ['c']])
    expect((await list(':?limit=2&delimiter=/')).link).toBe('</v1/:?limit=2&after=a%2F&delimiter=%2F>; rel="next"')
    expect(await keysOf(':?delimiter=/&after=a/1')).toEqual(['b/', 'c'])
  })

  test('waits for a position, and for the log’s end', async () => {
    const { list, store } = await serveKeys(['a'])
    expect((await list(':', { headers: { 'KVS-Min-Position': 'cafe0123=1' } })).text).toBe('["a"]\n')
    expect((await list(':?consistent&limit=1')).text).toBe('["a"]\n')
    expect(store.waits).toEqual([1n, 'head'])
    expect((await list(':', { headers: { 'KVS-Min-Position': 'cafe0123=2' } })).status).toBe(503)
    expect((await list(':?count&consistent')).text).toBe('{"count":1}\n')
    await store.write({ kind: 'put', key: 'b', value: Buffer.from('b'), contentType: undefined })
    expect((await list(':?consistent&limit=1')).link).toBe('</v1/:?limit=1&after=a&consistent>; rel="next"')
  })

  test.each([
    ['If-Match', '*', 'If-Match is not supported on a list, which has no ETag'],
    ['If-None-Match', '"x"', 'If-None-Match is not supported on a list, which has no ETag'],
    ['If-Modified-Since', 'Sun, 01 Nov 2026 00:00:00 GMT', 'If-Modified-Since is not supported on a list'],
    ['If-Unmodified-Since', 'Sun, 01 Nov 2026 00:00:00 GMT', 'If-Unmodified-Since is not supported on a list'],
    ['KVS-Limit', '1', 'KVS-Limit is none of the headers that this service takes'],
    ['X-HTTP-Method-Override', 'DELETE', 'X-HTTP-Method-Override is not supported'],
  ])('refuses %s: %s', async (name, value, sentence) => {
    const { list, store } = await serveKeys([])
    const { status, text } = await list(':', { headers: { [name]: value } })
    expect([status, text]).toEqual([400, expect.stringContaining(sentence)])
    expect(store.lists.listings).toEqual([])
  })

  test.each([
    ['a/./b:', 'clients collapse'],
    ['%2e%2E/:', 'clients collapse'],
    ['a%00:', 'NUL'],
    ['%FF:', 'the key is not valid UTF-8'],
    ['100%:', '"%" must be followed'],
    [`${'x'.repeat(1025)}:`, '1025 bytes'],
  ])('has a prefix as keys are: %s is refused', async (path, sentence) => {
    const { request } = await serve()
    expect(await request('GET', `/v1/${path}`)).toMatch(new RegExp(`^HTTP/1.1 400 [\\s\\S]*${sentence}`))
  })

  test('may have a prefix that ends in dots', async () => {
    const { keysOf } = await serveKeys(['.a', '..b', 'a/.b'])
    expect(await keysOf('.:')).toEqual(['..b', '.a'])
    expect(await keysOf('a/..:')).toEqual([])
  })
})

describe('a list of values', () => {
  test('has what a GET tells of each', async () => {
    const { url, store } = await serveKeys([])
    const write = (key: string, value: Buffer, contentType?: string) =>
      store.write({ kind: 'put', key, value, contentType })
    await write('a', Buffer.from('text "ü"'), 'text/html')
    await write('b', Buffer.of(0xff, 0))
    await write('c', Buffer.alloc(0))
    await write('d', Buffer.alloc(1024 * 1024 + 1))
    const etags = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (key) =>
        (await fetch(`${url}/v1/${key}`, { method: 'HEAD' })).headers.get('etag'),
      ),
    )
    const at = new Date(store.time).toISOString()
    const fixed = { contentType: null, at, expires: null }
    const items = [
      { key: 'a', value: 'text "ü"', etag: etags[0], ...fixed, contentType: 'text/html', size: 9 },
      { key: 'b', base64: '/wA=', etag: etags[1], ...fixed, size: 2 },
      { key: 'c', value: '', etag: etags[2], ...fixed, size: 0 },
      { key: 'd', omitted: true, etag: etags[3], ...fixed, size: 1024 * 1024 + 1 },
    ]
    expect(await pages(url, '/v1/:?values')).toEqual([items.slice(0, 3), items.slice(3)])
    expect(await pages(url, '/v1/:?values&limit=2')).toEqual([items.slice(0, 2), items.slice(2, 3), items.slice(3)])
    const lines = await (await fetch(`${url}/v1/:?values&limit=2`, ndjson)).text()
    expect(
      lines
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(items.slice(0, 2))
    expect((await fetch(`${url}/v1/:?values&limit=1`)).headers.get('link')).toBe(
      '</v1/:?limit=1&after=a&values>; rel="next"',
    )
  })

  test('has the moments that the store knows, and no ETag for what is not in the log', async () => {
    const { store, list } = await serveKeys(['a'])
    const value = Buffer.from('x')
    const found = { value, contentType: undefined, tag: undefined, modifiedAt: 1_500_000_000_123, deadline: 0 }
    const page = { position: 'cafe0123=1', owns: undefined, items: [{ key: 'a', found }], last: undefined }
    store.listValues = async () => page
    expect(JSON.parse((await list(':?values')).text)).toEqual([
      {
        ...{ key: 'a', value: 'x', etag: null, contentType: null, size: 1 },
        ...{ at: '2017-07-14T02:40:00.123Z', expires: '1970-01-01T00:00:00.000Z' },
      },
    ])
  })

  test('counts in the memory budget until the client has it, and not where it is not shown', async () => {
    const budget = makeMemoryBudget(100_000)
    const { store, list } = await serveKeys([], { budget })
    const write = (key: string, size: number) =>
      store.write({ kind: 'put', key, value: Buffer.alloc(size), contentType: undefined })
    await write('a', 40_000)
    expect((await list(':?values')).status).toBe(200)
    await until('the memory is given back', () => budget.held('answers') === 0)
    budget.take('answers', 20_000)
    const refused = await list(':?values')
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('too many answers wait')])
    expect((await list(':?values', { method: 'HEAD' })).status).toBe(200)
    expect(budget.held('answers')).toBe(20_000)
  })
})

test('a count is of the keys that a list would show', async () => {
  const { list } = await serveKeys(some)
  expect((await list(':?count')).text).toBe('{"count":10}\n')
  expect((await list('a/:?count')).text).toBe('{"count":4}\n')
  const { answer, text } = await list('z:?count=', ndjson)
  expect([answer.headers.get('content-type'), text]).toEqual(['application/x-ndjson', '{"count":0}\n'])
  expect(answer.headers.get('kvs-position')).toBe('cafe0123=10')
})

test.each([':', 'a:', ':?limit=3', ':?limit=3&after=a/1&delimiter=/', ':?values&limit=2', ':?count', 'z:?values'])(
  'HEAD /v1/%s has the headers of GET, and makes nothing of the body',
  async (path) => {
    const { list, store } = await serveKeys(some)
    const [get, head] = [await list(path), await list(path, { method: 'HEAD' })]
    const ofConnection = ['date', 'content-length', 'transfer-encoding', 'connection', 'keep-alive']
    const headersOf = ({ answer }: typeof get) => [...answer.headers].filter(([name]) => !ofConnection.includes(name))
    expect([head.status, head.text]).toEqual([200, ''])
    expect(headersOf(head)).toEqual(headersOf(get))
    expect(store.lists.open).toBe(0)
  },
)

const many = Array.from({ length: 30_000 }, (_, n) => `key-${String(n).padStart(6, '0')}`)

describe('a long list', () => {
  test('comes in chunks, and is whole', async () => {
    const { keysOf, list, store } = await serveKeys(many)
    expect(await keysOf(':')).toEqual(many)
    expect((await list(':', ndjson)).text).toBe(many.map((key) => `"${key}"\n`).join(''))
    expect(await keysOf(':?limit=10000')).toEqual(many.slice(0, 10_000))
    await until('every listing is closed', () => store.lists.open === 0)
  })

  test('is sent as the client takes it, lets other requests through, and is closed when the client goes away', async () => {
    const { port, url, store } = await serveKeys(Array.from({ length: 3_000 }, (_, n) => `${n}-${'x'.repeat(1_000)}`))
    const client = startClient(port)
    client.socket.pause()
    client.send('GET /v1/: HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('the list is open', () => store.lists.open === 1)
    expect((await fetch(`${url}/v1/a`)).status).toBe(404)
    expect(store.lists.open).toBe(1)
    client.socket.destroy()
    await until('the list is closed', () => store.lists.open === 0)
  })

  test('has a turn of the event loop for each chunk, however fast the client takes it', async () => {
    const { url, store } = await serveKeys(Array.from({ length: 100_000 }, (_, n) => `${n}-${'x'.repeat(30)}`))
    let isOver = false
    let turn = 0
    const count = () => {
      turn++
      if (!isOver) setImmediate(count)
    }
    count()
    const turns: number[] = []
    const { listKeys } = store
    store.listKeys = async (query) => {
      const listing = await listKeys(query)
      const take = (most: number) => {
        turns.push(turn)
        return listing.take(most)
      }
      return Object.assign(Object.create(listing), { take, position: listing.position, close: listing.close })
    }
    const text = await (await fetch(`${url}/v1/:`)).text()
    isOver = true
    const chunks = text.length / (64 * 1024)
    expect(new Set(turns).size).toBeGreaterThan(chunks - 2) // the first two are made at once
  })

  test('that breaks off by a defect is no whole one, and is logged', async () => {
    const errors: object[] = []
    const silent = makeLogger({ level: 'silent', format: 'json', isTerminal: false })
    const logger = Object.assign(silent, { error: (fields: object) => void errors.push(fields) })
    const { url, store } = await serveKeys(many, { logger })
    store.lists.defectAt = 20_000
    const answer = await fetch(`${url}/v1/:`)
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
    expect(errors).toMatchObject([{ err: { message: 'a defect' } }])
    await until('the list is closed', () => store.lists.open === 0)
  })

  test('has chunks of at most 64 KiB, even of what is longer', async () => {
    const { store, list } = await serveKeys(['b'])
    const value = Buffer.alloc(1024 * 1024, 1)
    await store.write({ kind: 'put', key: 'a', value, contentType: undefined })
    const [a, b] = JSON.parse((await list(':?values', {})).text) as { value?: string }[]
    expect([a?.value, b]).toEqual([value.toString(), undefined])
    expect(maxChunkBytes).toBe(64 * 1024)
  })

  test('is refused where too many are open', async () => {
    const { list, store } = await serveKeys(['a'])
    store.lists.maxOpen = 0
    const { status, answer } = await list(':')
    expect([status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    store.lists.maxOpen = 1
    for (let n = 0; n < 3; n++) expect((await list(':?limit=1')).status).toBe(200)
    for (let n = 0; n < 3; n++) expect((await list(':')).status).toBe(200)
  })

  test('is refused as reads are', async () => {
    const { list, store } = await serveKeys([])
    const refuse = () => Promise.reject(new KvsError('not_ready'))
    Object.assign(store, { listKeys: refuse, listValues: refuse, countKeys: refuse })
    for (const path of [':', ':?limit=1', ':?values', ':?count']) {
      for (const method of ['GET', 'HEAD']) expect((await list(path, { method })).status).toBe(503)
    }
  })
})

test('a request for a list is logged and counted as one, with its prefix', async () => {
  const lines: object[] = []
  const logger = makeLogger({ level: 'debug', format: 'json', isTerminal: false })
  Object.assign(logger, { debug: (fields: object) => void lines.push(fields) })
  const { url, list } = await serveKeys(['a/1', 'a/2'], { logger })
  await list('a%2F:?limit=1')
  await fetch(`${url}/v1/a%2F:`, { method: 'PUT' })
  await until('both are logged', () => lines.length === 2)
  expect(lines).toMatchObject([
    { method: 'GET', key: 'a/:', status: 200, bytes: 8 },
    { method: 'PUT', path: '/v1/a%2F:', status: 405, code: 'method_not_allowed' },
  ])
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toContain('kvs_http_request_duration_seconds_count{route="/v1/*:",method="GET",status="200"} 1')
  expect(metrics).toContain('kvs_http_request_duration_seconds_count{route="/v1/*:",method="PUT",status="405"} 1')
})
