import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxListsOfCaller } from '../../../../../../kvs/http/api/lists/list-shares.ts'
import { makeMemoryBudget } from '../../../../../../kvs/memory/memory-budget.ts'
import { until } from '../../../../../support/until.ts'
import { bearer, guardOf, secretOf } from '../../../guarded.ts'
import { serve } from '../../../serve.ts'
import { serveRing } from '../../../serve-ring.ts'

const ndjson = 'application/x-ndjson'
const tokens = `bounded:read+write+clear:${secretOf('bounded')}:a/,b%2C`
const path = /^<(.*)>; rel="next"$/

interface Page {
  readonly status: number
  readonly items: unknown
  readonly link: string | undefined
}

/** Follows the links, and returns each page: as it is, but for what the log of a value tells of it. */
async function pagesOf(url: string, first: string, accept = 'application/json'): Promise<Page[]> {
  const pages: Page[] = []
  for (let next: string | undefined = first; next !== undefined; next = pages.at(-1)?.link) {
    const answer: Response = await fetch(url + next, { headers: { accept } })
    const text = (await answer.text()).replaceAll(/"etag":"[^,]*",/g, '')
    const link = path.exec(answer.headers.get('link') ?? '')?.[1]
    pages.push({ status: answer.status, items: text, link })
    expect(answer.headers.get('content-type')).toBe(accept)
  }
  return pages
}

const character = fc.constantFrom(
  'a',
  'Z',
  '/',
  '/',
  'é',
  '😀',
  '\uffff',
  '\ue000',
  '\u{10ffff}',
  '"',
  '\\',
  '\n',
  '%',
  '+',
)
const key = fc.string({ unit: character, minLength: 1, maxLength: 5 })

test('a ring of three members shows what one node with all keys does, page by page', { timeout: 60_000 }, async () => {
  const [ring, single] = [await serveRing(3), await serve()]
  const asked = fc.record({
    keys: fc.uniqueArray(key, { maxLength: 40 }),
    prefix: fc.constantFrom('', '', 'a', '/', '😀'),
    after: fc.option(key),
    limit: fc.option(fc.integer({ min: 1, max: 12 })),
    shows: fc.constantFrom('', '', 'delimiter=/', 'delimiter=%C3%A9', 'values', 'count'),
    accept: fc.constantFrom(ndjson, 'application/json'),
    member: fc.nat({ max: 2 }),
  })
  await fc.assert(
    fc.asyncProperty(asked, async ({ keys, prefix, after, limit, shows, accept, member }) => {
      const write = { contentType: undefined, kind: 'put' } as const
      for (const one of keys) {
        await Promise.all([ring.put(one), single.store.write({ ...write, key: one, value: Buffer.from(one) })])
      }
      const flags = [
        shows,
        ...(limit === null || shows === 'count' ? [] : [`limit=${limit}`]),
        ...(after === null || shows === 'count' ? [] : [`after=${encodeURIComponent(after)}`]),
      ]
      const first = `/v1/${encodeURIComponent(prefix)}:?${flags.filter((flag) => flag !== '').join('&')}`
      const pages = await pagesOf(ring.nodes[member]?.url ?? '', first, accept)
      expect(pages).toEqual(await pagesOf(single.url, first, accept))
      expect(pages.every(({ status }) => status === 200)).toBe(true)
      for (const { store } of [...ring.nodes, single]) {
        for (const one of keys) await store.write({ kind: 'delete', key: one })
        expect(store.lists.open).toBe(0)
      }
    }),
    { numRuns: 150 },
  )
})

test('a long list is shown whole and in order, as an array and as lines', async () => {
  const ring = await serveRing(3, { maxWaitingBytes: 10_000_000 })
  const keys = Array.from({ length: 6_000 }, (_, n) => `${'k'.repeat(30)}-${String(n).padStart(6, '0')}`)
  await Promise.all(keys.map((one) => ring.put(one)))
  const answer = await fetch(`${ring.url}/v1/:`)
  expect(answer.headers.has('content-length')).toBe(false)
  expect(await answer.json()).toEqual(keys)
  const lines = await (await fetch(`${ring.url}/v1/:`, { headers: { accept: ndjson } })).text()
  expect(lines).toBe(keys.map((one) => `"${one}"\n`).join(''))
  const page = await fetch(`${ring.url}/v1/:?limit=5000`)
  expect(await page.json()).toEqual(keys.slice(0, 5_000))
})

test('the same name of several members is there once', async () => {
  const ring = await serveRing(3)
  await Promise.all(Array.from({ length: 60 }, (_, n) => ring.put(`${n % 3}/${n}`)))
  expect(await (await fetch(`${ring.url}/v1/:?delimiter=/`)).json()).toEqual(['0/', '1/', '2/'])
  const page = await fetch(`${ring.url}/v1/:?delimiter=/&limit=2`)
  expect(await page.json()).toEqual(['0/', '1/'])
  expect(page.headers.get('link')).toBe('</v1/:?limit=2&after=1%2F&delimiter=%2F>; rel="next"')
})

test('a page of values ends before it has more than 1 MiB of them, and the next one goes on there', async () => {
  const ring = await serveRing(3, { maxWaitingBytes: 100_000_000, maxValueBytes: 2_000_000 })
  const keys = Array.from({ length: 30 }, (_, n) => `key-${String(n).padStart(2, '0')}`)
  for (const one of keys) await ring.put(one, '\n'.repeat(150_000))
  await ring.put('key-99', Buffer.alloc(1_500_000))
  const found: string[] = []
  for (let next: string | undefined = '/v1/:?values'; next !== undefined; ) {
    const answer: Response = await fetch(ring.url + next)
    const items = (await answer.json()) as { key: string; size: number }[]
    if (items.length > 1) expect(items.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(1024 * 1024)
    found.push(...items.map((item) => item.key))
    next = path.exec(answer.headers.get('link') ?? '')?.[1]
  }
  expect(found).toEqual([...keys, 'key-99'])
})

test('a page that a member has left empty still leads on', async () => {
  const ring = await serveRing(2)
  const [, other] = ring.nodes
  const keys = Array.from({ length: 12 }, (_, n) => `k${n + 10}`)
  for (const one of keys) await ring.put(one)
  if (other !== undefined) {
    const { listValues } = other.store
    // What a deadline has ended just now is no item, and the page ends with it all the same.
    other.store.listValues = async (query) => ({ ...(await listValues(query)), items: [], last: 'k0' })
  }
  const answer = await fetch(`${ring.url}/v1/:?values`)
  expect(await answer.json()).toEqual([])
  expect(answer.headers.get('link')).toContain('after=k0&')
})

test('a HEAD has the headers alone, and the link of a page', async () => {
  const ring = await serveRing(3)
  for (const one of ['a', 'b', 'c', 'd', 'e']) await ring.put(one)
  for (const query of ['', '?limit=2', '?values&limit=2', '?count', '?limit=9', '?delimiter=/']) {
    const [head, get] = await Promise.all([
      fetch(`${ring.url}/v1/:${query}`, { method: 'HEAD' }),
      fetch(`${ring.url}/v1/:${query}`),
    ])
    expect(await head.text()).toBe('')
    for (const name of ['link', 'content-type', 'kvs-position', 'vary']) {
      expect([query, head.headers.get(name)]).toEqual([query, get.headers.get(name)])
    }
  }
})

test('KVS-Position is that of all parts, and what a read waits for goes on to each member', async () => {
  const ring = await serveRing(3)
  for (const { store } of ring.nodes)
    await store.write({ kind: 'put', key: 'x', value: Buffer.from('x'), contentType: undefined })
  ring.way.change = (address, reply) => {
    const position = address === ring.addresses[1] ? 'beef=7' : 'cafe0123=1,dead=2'
    return { ...reply, headers: new Map([...reply.headers, ['kvs-position', position]]) }
  }
  for (const query of ['?consistent', '?consistent&limit=2', '?consistent&values', '?consistent&count']) {
    const answer = await fetch(`${ring.url}/v1/:${query}`, { headers: { 'KVS-Min-Position': 'cafe0123=1' } })
    expect([answer.status, answer.headers.get('kvs-position')]).toEqual([200, 'beef=7,cafe0123=1,dead=2'])
  }
  for (const { store } of ring.nodes) expect(store.waits).toEqual([1n, 'head', 1n, 'head', 1n, 'head', 1n, 'head'])
})

test('this node refuses what is no list before it asks anybody', async () => {
  const ring = await serveRing(2)
  for (const query of ['?limt=2', '?limit=0', '?count&values']) {
    expect((await fetch(`${ring.url}/v1/:${query}`)).status).toBe(400)
  }
  expect((await fetch(`${ring.url}/v1/:`, { headers: { 'if-match': 'x' } })).status).toBe(400)
  expect(ring.asked).toEqual([])
})

test('what a page keeps in memory counts in the budget, and is given back', async () => {
  const budget = makeMemoryBudget(200_000)
  const ring = await serveRing(3, { budget })
  const keys = Array.from({ length: 3_000 }, (_, n) => `${'k'.repeat(60)}-${n + 1_000}`)
  await Promise.all(keys.map((one) => ring.put(one)))
  const answer = await fetch(`${ring.url}/v1/:?limit=3000`)
  expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('too many answers wait')])
  await until('all is given back', () => budget.held('answers') === 0)
  expect((await fetch(`${ring.url}/v1/:?limit=300`)).status).toBe(200)
  await until('all is given back', () => budget.held('answers') === 0)
  expect(ring.nodes.map(({ store }) => store.lists.open)).toEqual([0, 0, 0])
})

test('each member shows a token its own keys alone, and counts its lists', async () => {
  const ring = await serveRing(3, { guard: guardOf(tokens) })
  for (const one of ['a/1', 'a/2', 'b,1', 'c/1', 'c/2', 'd', 'e']) await ring.put(one)
  const list = (path: string) => fetch(`${ring.url}/v1/${path}`, { headers: bearer('bounded') })
  expect(await (await list(':')).json()).toEqual(['a/1', 'a/2', 'b,1'])
  expect(await (await list(':?limit=2')).json()).toEqual(['a/1', 'a/2'])
  expect(await (await list(':?count')).json()).toEqual({ count: 3 })
  ring.asked.length = 0
  expect((await list('c/:')).status).toBe(403)
  expect(ring.asked).toEqual([])
  const { listKeys } = ring.first.store
  const goOn = Promise.withResolvers<void>()
  ring.first.store.listKeys = (query) => goOn.promise.then(() => listKeys(query))
  const lists = Array.from({ length: maxListsOfCaller }, () => list(':'))
  await until('each has its share', () => ring.asked.length === 2 * maxListsOfCaller)
  const oneMore = await list(':')
  expect([oneMore.status, await oneMore.text()]).toEqual([503, expect.stringContaining('lists of this token are open')])
  goOn.resolve()
  expect((await Promise.all(lists)).map(({ status }) => status)).toEqual(lists.map(() => 200))
})
