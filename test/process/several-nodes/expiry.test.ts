import { expect, test } from 'vitest'
import { type Client, makeClient } from '../../support/client.ts'
import type { Database } from '../../support/database.ts'
import { makeDirectory, type Node, startNode } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { startNodeOn, startThree } from './three.ts'

interface Row {
  readonly sequence: string
  readonly event_type: number
  readonly key: string
  /** Milliseconds since 1970; null where there is none. */
  readonly deadline: number | null
  readonly recorded: number
  readonly writer: number
}

const rowsOf = ({ sql }: Database) =>
  sql<Row>(
    `SELECT sequence, event_type, key, writer, (extract(epoch FROM deadline) * 1000)::double precision AS deadline,
            (extract(epoch FROM recorded_at) * 1000)::double precision AS recorded
     FROM transactions ORDER BY sequence`,
  )
const isExpiry = ({ event_type, deadline }: Row) => event_type === 1 && deadline !== null
const expiriesIn = async (database: Database) => (await rowsOf(database)).filter(isExpiry)

const put = (call: Client, url: string, key: string, body: string, headers: Record<string, string> = {}) =>
  call(url, { method: 'PUT', path: `/v1/${key}`, body, headers })

async function startForwarderTo(node: Node | undefined): Promise<Node> {
  return startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node?.url ?? '').host })
}

test('by each header, on any node and through a forwarder, a key ends on every node, and once in the log', async () => {
  const { nodes, database } = await startThree()
  const forwarder = await startForwarderTo(nodes[0])
  const urls = [...nodes, forwarder].map(({ url }) => url)
  const call = makeClient()
  const lifetimes: Record<string, string>[] = [
    { 'KVS-TTL': '1500ms' },
    { 'X-TTL': '1.5' },
    { 'KVS-Expires': new Date(Date.now() + 1_500).toISOString() },
  ]
  for (const [place, url] of urls.entries()) {
    for (const [kind, headers] of lifetimes.entries()) await put(call, url, `${place}-${kind}`, 'x', headers)
    await put(call, url, `${place}-stays`, 'x', { 'KVS-TTL': '1h' })
  }
  const keys = urls.flatMap((_, place) => lifetimes.map((_, kind) => `${place}-${kind}`))
  const told = await call(urls[2] ?? '', { path: '/v1/3-stays?consistent' })
  expect(told.headers['x-ttl']).toMatch(/^3[56]\d\d$/)
  expect(Date.parse(told.headers['kvs-expires'] ?? '') - Date.now()).toBeLessThan(3_600_001)
  expect(Math.abs(Date.parse(told.headers['last-modified'] ?? '') - Date.now())).toBeLessThan(60_000)

  const isAbsent = async (url: string, key: string) => (await call(url, { path: `/v1/${key}` })).status === 404
  for (const url of urls) for (const key of keys) await until(`${key} has ended`, () => isAbsent(url, key))
  const expiries = await until('all are recorded', async () => {
    const found = await expiriesIn(database)
    return found.length === keys.length && found
  })
  const puts = (await rowsOf(database)).filter(({ event_type }) => event_type === 2)
  expect(expiries.map(({ key }) => key).sort()).toEqual(keys.sort())
  for (const { key, deadline, recorded } of expiries) {
    expect(deadline).toBe(puts.find((row) => row.key === key)?.deadline)
    expect(recorded).toBeGreaterThanOrEqual(deadline ?? Number.NaN)
  }
  expect(new Set(expiries.map(({ writer }) => writer)).size).toBe(1)
  for (const url of urls) {
    for (const place of urls.keys()) expect((await call(url, { path: `/v1/${place}-stays` })).body).toBe('x')
  }
})

test('a key that is renewed while the reaper is at it stays', async () => {
  const { nodes, database } = await startThree()
  const [one = '', two = ''] = nodes.map(({ url }) => url)
  const call = makeClient()
  await put(call, one, 'first', 'x', { 'KVS-TTL': '1ms' })
  await until('the reaper is at work', async () => (await expiriesIn(database)).length === 1)
  const keys = Array.from({ length: 300 }, (_, n) => `key-${n}`)
  for (const part of [keys.slice(0, 100), keys.slice(100, 200), keys.slice(200)]) {
    await Promise.all(part.map((key) => put(call, one, key, 'ends', { 'KVS-TTL': '1ms' })))
    const renewals = part.map((key, n) =>
      put(call, n % 2 === 0 ? one : two, key, 'stays', n % 3 === 0 ? { 'KVS-TTL': '1h' } : {}),
    )
    expect((await Promise.all(renewals)).map(({ status }) => status)).toEqual(part.map(() => 201))
  }
  await put(call, two, 'last', 'x', { 'KVS-TTL': '1ms' })
  await until('what has lapsed is recorded', async () => (await expiriesIn(database)).some(({ key }) => key === 'last'))
  for (const url of [one, two]) {
    for (const key of keys) {
      const { status, body } = await call(url, { path: `/v1/${key}?consistent` })
      expect([key, status, body]).toEqual([key, 200, 'stays'])
    }
  }
})

test('where the node that records expiries is gone, another one does', async () => {
  const { nodes, database } = await startThree()
  const call = makeClient()
  await put(call, nodes[0]?.url ?? '', 'a', 'x', { 'KVS-TTL': '1ms' })
  await until('it is recorded', async () => (await expiriesIn(database)).length === 1)
  const appended = (node: Node) => metricOf(call, node, 'kvs_expiries_appended_total')
  const reaper = await until('a node says so', async () => {
    for (const node of nodes) if ((await appended(node)) === 1) return node
    return undefined
  })
  reaper.kill('SIGKILL')
  await reaper.ended
  const others = nodes.filter((node) => node !== reaper)
  await put(call, others[0]?.url ?? '', 'b', 'x', { 'KVS-TTL': '1ms' })
  await until('it is recorded', async () => (await expiriesIn(database)).length === 2)
  await until('a node says so', async () => (await Promise.all(others.map(appended))).includes(1))
})

async function metricOf(call: Client, { url }: Node, metric: string): Promise<number> {
  const { body } = await call(url, { path: '/metrics' })
  return Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(body)?.[1])
}

test('a condition counts a lapsed key as absent, on any node; what a repetition asked for is the same request', async () => {
  const { nodes } = await startThree()
  const [one = '', two = '', three = ''] = nodes.map(({ url }) => url)
  const call = makeClient()
  await put(call, one, 'a', 'x', { 'KVS-TTL': '1h' })
  expect((await put(call, two, 'a', 'y', { 'If-None-Match': '*' })).status).toBe(412)
  const tag = (await put(call, one, 'a', 'x', { 'KVS-TTL': '1ms' })).headers.etag ?? ''
  await until('it has ended', async () => (await call(two, { path: '/v1/a?consistent' })).status === 404)
  expect((await put(call, two, 'a', 'y', { 'If-Match': tag })).status).toBe(412)
  expect((await put(call, two, 'a', 'y', { 'If-None-Match': '*' })).status).toBe(201)
  expect((await call(three, { path: '/v1/a?consistent' })).body).toBe('y')

  const again = { 'Idempotency-Key': 'k', 'KVS-TTL': '1h' }
  const first = await put(call, one, 'b', 'x', again)
  const second = await put(call, two, 'b', 'x', again)
  expect([second.status, second.headers.etag]).toEqual([201, first.headers.etag])
  expect((await put(call, three, 'b', 'x', { 'Idempotency-Key': 'k', 'KVS-TTL': '2h' })).status).toBe(422)
})

test('what one node shows as absent no other shows in a consistent read', async () => {
  const { nodes } = await startThree()
  const urls = nodes.map(({ url }) => url)
  const call = makeClient()
  for (let round = 0; round < 10; round++) {
    const key = `key-${round}`
    await put(call, urls[round % 3] ?? '', key, 'x', { 'KVS-TTL': '200ms' })
    const [asked = '', ...others] = urls.map((_, place) => urls[(round + place) % 3] ?? '')
    await until('it has ended', async () => (await call(asked, { path: `/v1/${key}` })).status === 404)
    const statuses = await Promise.all(
      others.map(async (url) => (await call(url, { path: `/v1/${key}?consistent` })).status),
    )
    expect(statuses).toEqual([404, 404])
  }
})

test('deadlines outlive a start, with a checkpoint and without', async () => {
  const { nodes, database } = await startThree()
  const call = makeClient()
  const [one] = nodes
  await put(call, one?.url ?? '', 'checkpoint', 'x', { 'KVS-Expires': '2099-01-01T00:00:00.123Z' })
  await database.sql('SELECT advance_checkpoint(1000)')
  await put(call, one?.url ?? '', 'log', 'x', { 'KVS-Expires': '2099-01-01T00:00:00.124Z' })
  await put(call, one?.url ?? '', 'short', 'x', { 'KVS-TTL': '4s' })
  for (const node of nodes) node.kill('SIGKILL')
  await Promise.all(nodes.map(({ ended }) => ended))
  const next = await startNodeOn(database)
  const expires = async (key: string) => (await call(next.url, { path: `/v1/${key}` })).headers['kvs-expires']
  expect(await expires('checkpoint')).toBe('2099-01-01T00:00:00.123Z')
  expect(await expires('log')).toBe('2099-01-01T00:00:00.124Z')
  await until('it has ended', async () => (await call(next.url, { path: '/v1/short' })).status === 404)
  await until('it is recorded', async () => (await expiriesIn(database)).length === 1)
})
