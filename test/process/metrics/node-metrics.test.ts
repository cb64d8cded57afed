import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../../kvs/log/postgres/connection.ts'
import { readOldestSnapshot } from '../../../kvs/log/postgres/oldest-snapshot.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { put } from '../../support/requests.ts'
import { type Family, scrape } from '../../support/scrape.ts'
import { until } from '../../support/until.ts'

const own = (families: Map<string, Family>) => [...families.values()].filter(({ name }) => name.startsWith('kvs_'))

/** The rows of the tables in docs/metrics.md: name, type and labels. */
function documented(): { name: string; type: string; labels: string[]; of: string }[] {
  const text = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = text.matchAll(/^\| `(kvs_\w+)` \| (\w+) \| ([^|]*) \| (both|node|site|ring|forwarder) \|/gm)
  return [...rows].map(([, name = '', type = '', labels = '', of = '']) => ({
    ...{ name, type, of },
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
  }))
}

test('by the conventions of Prometheus, and as docs/metrics.md has them, on a node and on a forwarding one', async () => {
  const node = await startReadyNode(makeDirectory(), toEnvironment((await makeDatabase()).target))
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node.url).host })
  await put(forwarder, 'a', 'x')
  // So that every metric has a sample
  await until('the size is known', async () => (await scrape(node)).value('kvs_log_size_bytes') !== undefined)
  for (const { url } of [node, forwarder]) await fetch(`${url}/%zz`, { method: 'POST' }).catch(() => undefined)

  for (const [of, { families, type }] of [
    ['node', await scrape(node)],
    ['forwarder', await scrape(forwarder)],
  ] as const) {
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(own(families).map(({ name, type }) => [name, type])).toEqual(
      documented()
        .filter((row) => row.of === 'both' || row.of === of)
        .map(({ name, type }) => [name, type]),
    )
    for (const family of own(families)) followsConventions(family)
    expect(families.has('process_resident_memory_bytes')).toBe(true)
    expect(families.has('nodejs_gc_duration_seconds')).toBe(true)
  }
})

test('a node of a site has further ones, as docs/metrics.md has them', async () => {
  const node = await startReadyNode(makeDirectory(), {
    ...toEnvironment((await makeDatabase()).target),
    KVS_PEERS: '127.0.0.1:1',
  })
  await until('it leads, and cannot follow', async () => (await scrape(node)).value('kvs_site_peer_followed') === 0)
  const { families } = await scrape(node)
  const sites = own(families).filter(({ name }) => name.startsWith('kvs_site_'))
  expect(sites.map(({ name, type }) => [name, type])).toEqual(
    documented()
      .filter(({ of }) => of === 'site')
      .map(({ name, type }) => [name, type]),
  )
  for (const family of sites) followsConventions(family)
})

test('so has a node that may be a member of a ring', async () => {
  const node = await startReadyNode(makeDirectory(), {
    ...toEnvironment((await makeDatabase()).target),
    KVS_ADDRESS: '127.0.0.1:1',
  })
  const { families, value } = await scrape(node)
  const ring = own(families).filter(({ name }) => name.startsWith('kvs_ring_'))
  expect(ring.map(({ name, type }) => [name, type])).toEqual(
    documented()
      .filter(({ of }) => of === 'ring')
      .map(({ name, type }) => [name, type]),
  )
  for (const family of ring) followsConventions(family)
  expect([value('kvs_ring_version'), value('kvs_ring_slots_owned')]).toEqual([0, 10_000])
})

/** https://prometheus.io/docs/practices/naming/, and what `promtool check metrics` looks for. */
function followsConventions({ name, type, help, samples }: Family): void {
  expect(help, name).toMatch(/^[A-Z1].{10,}[^.]$/)
  expect(name.endsWith('_total'), name).toBe(type === 'counter')
  expect(name, name).not.toMatch(
    /_(ms|milliseconds|minutes|kb|mb|percent|gauge|counter|histogram)(_|$)|_(count|sum|bucket)$/,
  )
  // A lag is in entries as well.
  if (/duration|lag(?!_entries)/.test(name)) expect(name).toMatch(/_seconds$/)
  if (/size|bytes/.test(name)) expect(name).toMatch(/_bytes$/)
  const labels = documented().find((row) => row.name === name)?.labels ?? []
  for (const sample of samples) {
    const given = Object.keys(sample.labels).filter((label) => label !== 'le')
    if (name !== 'kvs_info') expect(given, name).toEqual(labels)
    expect(Number.isFinite(sample.value), name).toBe(true)
  }
  if (type !== 'histogram') return
  const buckets = samples.filter((sample) => sample.name.endsWith('_bucket'))
  for (const [index, { labels, value }] of buckets.entries()) {
    const next = buckets[index + 1]
    if (labels.le === '+Inf') expect(value).toBe(samples[samples.indexOf(buckets[index] as never) + 2]?.value)
    else expect(next?.value).toBeGreaterThanOrEqual(value)
  }
}

test('what is written moves the batches, the position and the view', async () => {
  const node = await startReadyNode(makeDirectory(), toEnvironment((await makeDatabase()).target))
  const before = await scrape(node)
  await Promise.all(Array.from({ length: 40 }, (_, n) => put(node, `key-${n % 10}`, 'v'.repeat(100))))
  await put(node, 'large', 'v'.repeat(100_000))
  const answer = await fetch(`${node.url}/v1/key-0`)
  const { value } = await scrape(node)
  expect(value('kvs_http_request_duration_seconds_count', { method: 'PUT', status: '201' })).toBe(41)
  expect(value('kvs_append_batch_entries_sum')).toBe(41)
  expect(value('kvs_append_batch_entries_count')).toBeLessThan(41)
  expect(value('kvs_append_duration_seconds_count')).toBe(value('kvs_append_batch_entries_count'))
  expect(value('kvs_append_failures_total')).toBe(0)
  const [logId, sequence] = answer.headers.get('kvs-position')?.split('=') ?? []
  expect([value('kvs_position_sequence'), value('kvs_log_head_sequence')]).toEqual([Number(sequence), Number(sequence)])
  expect(value('kvs_info', { log_id: logId ?? '' })).toBe(1)
  expect(value('kvs_state', { state: 'serving' })).toBe(1)
  expect(value('kvs_state')).toBe(1)
  expect([value('kvs_view_keys'), value('kvs_log_up'), value('kvs_append_queue_writes')]).toEqual([11, 1, 0])
  expect(value('kvs_view_bytes')).toBeGreaterThan(101_000)
  expect(value('kvs_view_bytes')).toBeLessThan(103_000)
  expect(value('kvs_view_allocated_bytes')).toBeGreaterThanOrEqual(value('kvs_view_bytes') ?? Number.NaN)
  expect(value('kvs_lag_seconds')).toBeLessThan(10)
  expect(before.value('kvs_position_sequence')).toBe(0)
  await fetch(`${node.url}/v1/large`, { method: 'DELETE' })
  expect((await scrape(node)).value('kvs_view_bytes')).toBeLessThan(3_000)
})

test('it is served before there is a log, and while the node drains', async () => {
  const node = await startNode(makeDirectory(), {
    ...{ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1', KVS_DRAIN_DELAY: '1m' },
  })
  const starting = await scrape(node)
  expect(starting.value('kvs_state', { state: 'starting' })).toBe(1)
  expect([starting.value('kvs_log_up'), starting.value('kvs_lag_seconds')]).toEqual([0, undefined])
  node.kill('SIGTERM')
  await until('it drains', async () => (await scrape(node)).value('kvs_state', { state: 'draining' }) === 1)
})

test('a forwarding node tells whether its target is up', async () => {
  const node = await startReadyNode(makeDirectory(), toEnvironment((await makeDatabase()).target))
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node.url).host })
  expect((await scrape(forwarder)).value('kvs_forward_target_up')).toBeUndefined()
  await put(forwarder, 'a', 'x')
  await fetch(`${forwarder.url}/nowhere`)
  const up = await scrape(forwarder)
  expect(up.value('kvs_forward_target_up')).toBe(1)
  expect(up.value('kvs_http_request_duration_seconds_count', { route: '/v1/*', status: '201' })).toBe(1)
  expect(up.value('kvs_http_request_duration_seconds_count', { route: 'other', status: '404' })).toBe(1)
  node.kill('SIGKILL')
  await node.ended
  expect((await put(forwarder, 'a', 'x')).status).toBe(503)
  expect((await scrape(forwarder)).value('kvs_forward_target_up')).toBe(0)
})

test('who holds a snapshot in Postgres is told of, in seconds and transactions', async () => {
  const database = await makeDatabase()
  const connection = await connect(database.target, 10_000)
  onTestFinished(() => connection.close())
  // Those of the server's other databases hold nothing back in this one, but they have transactions.
  expect((await readOldestSnapshot(connection)).seconds).toBeLessThan(1)
  const holder = await database.connect()
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT')
  for (let n = 0; n < 10; n++) await database.sql('SELECT pg_current_xact_id()')
  const since = performance.now()
  await until('it has some age', () => performance.now() - since > 50)
  const held = await readOldestSnapshot(connection)
  expect(held.seconds).toBeGreaterThanOrEqual(0.05)
  expect(held.transactions).toBeGreaterThanOrEqual(10)
  await holder.query('COMMIT; BEGIN; SELECT pg_current_xact_id()')
  await database.sql('SELECT pg_current_xact_id()')
  expect((await readOldestSnapshot(connection)).transactions).toBeGreaterThan(0)
})
