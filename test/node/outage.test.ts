import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { makeDirectory, type Node, startNode, startReadyNode } from '../support/node.ts'
import { startPostgres } from '../support/outside.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'

interface Ready {
  state: string
  reason: string | null
  since: string
  spool: { on: boolean; reason: string | null; writes: number; bytes: number }
}

const put = (node: Node, key: string, body: string) => fetch(`${node.url}/v1/${key}`, { method: 'PUT', body })
const get = (node: Node, key: string) => fetch(`${node.url}/v1/${key}`)
const text = async (node: Node, key: string) => (await get(node, key)).text()
const status = async (node: Node) => (await (await fetch(`${node.url}/readyz`)).json()) as Ready
const reaches = (node: Node, state: string) =>
  until(`the node is ${state}`, async () => (await status(node)).state === state, 60_000)
const count = (text: string, pattern: RegExp) => text.match(new RegExp(pattern, 'g'))?.length ?? 0

test('while the log is down writes are spooled, seen at once, and in the log in their order when it is back', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), postgres.environment)
  await put(node, 'a', 'before')
  await put(node, 'gone', 'x')
  await postgres.stop()
  await reaches(node, 'log down')

  const stored = await put(node, 'a', 'while down')
  expect([stored.status, stored.headers.get('kvs-durability'), stored.headers.get('etag')]).toEqual([
    202,
    'spooled',
    null,
  ])
  const removed = await fetch(`${node.url}/v1/gone`, { method: 'DELETE' })
  expect([removed.status, removed.headers.get('kvs-durability')]).toEqual([202, 'spooled'])
  const shown = await get(node, 'a')
  expect([shown.status, shown.headers.get('kvs-durability'), shown.headers.get('etag')]).toEqual([200, 'spooled', null])
  expect(await shown.text()).toBe('while down')
  expect((await get(node, 'gone')).status).toBe(404)

  const down = await fetch(`${node.url}/readyz`)
  const ready = (await down.json()) as Ready
  expect(down.status).toBe(200)
  expect(ready).toMatchObject({ state: 'log down', spool: { on: true, reason: null, writes: 2 } })
  expect(ready.reason).toMatch(/Postgres/)
  expect(Date.now() - Date.parse(ready.since)).toBeGreaterThanOrEqual(0)
  expect((await fetch(`${node.url}/livez`)).status).toBe(200)

  await postgres.start()
  await reaches(node, 'serving')
  expect((await status(node)).spool).toMatchObject({ writes: 0, bytes: 0 })
  const after = await get(node, 'a')
  expect([await after.text(), after.headers.get('kvs-durability'), after.headers.get('etag')]).toEqual([
    'while down',
    null,
    '"3"',
  ])
  expect((await put(node, 'b', 'after')).headers.get('etag')).toBe('"5"')
  expect((await postgres.log()).map((row) => [row.event_type, row.key, row.value])).toEqual([
    [2, 'a', 'before'],
    [2, 'gone', 'x'],
    [2, 'a', 'while down'],
    [1, 'gone', null],
    [2, 'b', 'after'],
  ])
  expect(count(node.output(), /the log is down/)).toBe(1)
  expect(count(node.output(), /the log is back after/)).toBe(1)
  expect(count(node.output(), /spooled writes that are in the log now: 2/)).toBe(1)
})

test('a node killed while the log is down finds its spool, replays the log first, and then drains', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const first = await startReadyNode(directory, postgres.environment)
  await put(first, 'a', '1')
  await postgres.stop()
  await reaches(first, 'log down')
  for (const value of ['2', '3']) expect((await put(first, 'a', value)).status).toBe(202)
  first.kill('SIGKILL')
  await first.ended

  const second = await startNode(directory, postgres.environment)
  expect((await status(second)).state).toBe('starting')
  expect((await get(second, 'a')).status).toBe(503) // not 1: it had shown 3
  await postgres.start()
  await reaches(second, 'serving')
  expect(await text(second, 'a')).toBe('3')
  expect((await postgres.log()).map((row) => row.value)).toEqual(['1', '2', '3'])

  second.kill('SIGKILL')
  await second.ended
  const third = await startReadyNode(directory, postgres.environment)
  expect(await text(third, 'a')).toBe('3')
  expect(await postgres.log()).toHaveLength(3)
})

test('SIGTERM with the log down keeps what was accepted for the next start', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const first = await startReadyNode(directory, postgres.environment)
  await postgres.stop()
  await reaches(first, 'log down')
  await put(first, 'a', '1')
  first.kill('SIGTERM')
  expect(await first.ended).toBe(0)
  expect(first.output()).toMatch(/writes that stay in the spool until the next start: 1/)
  await postgres.start()
  const second = await startReadyNode(directory, postgres.environment)
  await reaches(second, 'serving')
  expect(second.output()).toMatch(/writes in the spool that wait for the log: 1/)
  expect(await text(second, 'a')).toBe('1')
})

test('a write that the log does not answer is spooled under its number, and lands once whichever way it went', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), { ...postgres.environment, POSTGRES_TIMEOUT: '300ms' })
  await put(node, 'a', '0')
  const blocker = await postgres.connect()
  for (let round = 1; round <= 6; round++) {
    await blocker.query('BEGIN; LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE')
    const stored = await put(node, 'a', String(round))
    expect(stored.status).toBe(202)
    expect(await text(node, 'a')).toBe(String(round))
    // In some rounds the statement has been given up by then, in others it still waits, and commits.
    await sleep(Math.random() * 1_500)
    await blocker.query('COMMIT')
    await reaches(node, 'serving')
    expect(await text(node, 'a')).toBe(String(round))
  }
  expect((await postgres.log()).map((row) => row.value)).toEqual(['0', '1', '2', '3', '4', '5', '6'])
})

test('a black hole is noticed while nothing is written, and the connection in it never used again', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket)
  const node = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '500ms' })
  await put(node, 'a', '1')
  proxy.blackhole()
  await reaches(node, 'log down')
  expect((await status(node)).reason).toMatch(/does not answer/)
  expect((await put(node, 'a', '2')).status).toBe(202)
  proxy.heal()
  await reaches(node, 'serving')
  expect((await put(node, 'a', '3')).status).toBe(201)
  expect((await postgres.log()).map((row) => row.value)).toEqual(['1', '2', '3'])
})

test('past KVS_SPOOL_MAX_BYTES a write is refused as not stored, and what was taken is not lost', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), { ...postgres.environment, KVS_SPOOL_MAX_BYTES: '1MiB' })
  await postgres.stop()
  await reaches(node, 'log down')
  const value = 'x'.repeat(100_000)
  const statuses: number[] = []
  for (let i = 0; i < 12; i++) statuses.push((await put(node, `k${i}`, value)).status)
  expect(statuses).toEqual([...Array(10).fill(202), 503, 503])
  const refused = await fetch(`${node.url}/v1/k11`, {
    method: 'PUT',
    body: value,
    headers: { accept: 'application/json' },
  })
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({
    code: 'spool_full',
    detail: expect.stringContaining('nothing was stored'),
  })
  expect((await put(node, 'small', 'x')).status).toBe(202)
  await postgres.start()
  await reaches(node, 'serving')
  expect((await get(node, 'k11')).status).toBe(404)
  expect((await postgres.log()).map((row) => row.key)).toEqual([...statuses.slice(2).map((_, i) => `k${i}`), 'small'])
})

test('without a directory to write to, a node refuses while the log is down, and says so', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), {
    ...postgres.environment,
    KVS_DATA_DIR: '/dev/null/data',
    KVS_APPEND_TIMEOUT: '300ms',
  })
  expect(node.output()).toMatch(
    /\/dev\/null\/data can’t be used .*KVS_DATA_DIR.*writes are refused while the log is down/,
  )
  expect((await put(node, 'a', '1')).status).toBe(201)
  await postgres.stop()
  await reaches(node, 'log down')
  expect((await put(node, 'a', '2')).status).toBe(503)
  expect((await status(node)).spool).toMatchObject({ on: false, reason: expect.stringContaining('/dev/null/data') })
})

test('a node told to refuse still drains what it had spooled before', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const first = await startReadyNode(directory, postgres.environment)
  await postgres.stop()
  await reaches(first, 'log down')
  await put(first, 'a', '1')
  first.kill('SIGKILL')
  await first.ended
  await postgres.start()
  const second = await startReadyNode(directory, { ...postgres.environment, KVS_WHEN_LOG_IS_DOWN: 'refuse' })
  await reaches(second, 'serving')
  expect((await postgres.log()).map((row) => row.value)).toEqual(['1'])
})

test('what the log refuses of the spool is told, tried again, and never dropped', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), postgres.environment)
  await put(node, 'a', '1')
  await postgres.sql(`ALTER TABLE transactions ADD CONSTRAINT no_b CHECK (key <> 'b')`)
  await postgres.stop()
  await reaches(node, 'log down')
  for (const key of ['a', 'b', 'c']) expect((await put(node, key, '2')).status).toBe(202)
  await postgres.start()
  await until('the refusal is told', async () => (await status(node)).reason?.includes('no_b'))
  expect((await put(node, 'd', '2')).status).toBe(202)
  expect(await text(node, 'b')).toBe('2')
  await postgres.sql('ALTER TABLE transactions DROP CONSTRAINT no_b')
  await reaches(node, 'serving')
  expect((await postgres.log()).map((row) => row.key)).toEqual(['a', 'a', 'b', 'c', 'd'])
})

test('a spool is never drained into a log that it is not for', async () => {
  const [postgres, another] = await Promise.all([startPostgres(), startPostgres()])
  const directory = makeDirectory()
  const first = await startReadyNode(directory, postgres.environment)
  await postgres.stop()
  await reaches(first, 'log down')
  await put(first, 'a', '1')
  first.kill('SIGKILL')
  await first.ended
  const astray = await startNode(directory, another.environment)
  await reaches(astray, 'log diverged')
  expect((await status(astray)).reason).toMatch(
    /the spool holds writes \(1\) for the log [0-9a-f]{8}, and this is the log/,
  )
  expect(await another.log()).toEqual([])
  astray.kill('SIGTERM')
  await astray.ended
  await postgres.start()
  const back = await startReadyNode(directory, postgres.environment)
  await reaches(back, 'serving')
  expect(await text(back, 'a')).toBe('1')
})

test('a node killed again and again while its spool drains has each write land once, in order', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  let node = await startReadyNode(directory, postgres.environment)
  await postgres.stop()
  await reaches(node, 'log down')
  const total = 8_000
  let next = 0
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (next < total) {
        const n = next++
        expect((await put(node, `k${n % 64}`, String(n))).status).toBe(202)
      }
    }),
  )
  node.kill('SIGKILL')
  await node.ended
  await postgres.start()
  for (let kill = 0; kill < 6; kill++) {
    node = await startNode(directory, postgres.environment)
    await until('it drains, or is done', async () => /log down|serving/.test((await status(node)).state))
    await sleep(Math.random() * 60) // the random moment
    node.kill('SIGKILL')
    await node.ended
  }
  node = await startReadyNode(directory, postgres.environment)
  await reaches(node, 'serving')
  const log = await postgres.log()
  expect(log).toHaveLength(total)
  expect(new Set(log.map((row) => row.value)).size).toBe(total)
  for (let k = 0; k < 64; k++) {
    // One client at a time had each key but for the last few, so that its values rise.
    const last = log.findLast((row) => row.key === `k${k}`)
    expect(await text(node, `k${k}`)).toBe(last?.value)
  }
})

test('what is written while the spool drains comes after it, key by key', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), postgres.environment)
  const acknowledged = new Map<string, string[]>()
  let stops = false
  const writing = Array.from({ length: 32 }, async (_, client) => {
    const values: string[] = []
    acknowledged.set(`k${client}`, values)
    for (let n = 0; !stops; n++) {
      expect((await put(node, `k${client}`, String(n))).ok).toBe(true)
      values.push(String(n))
    }
  })
  for (let round = 0; round < 3; round++) {
    await postgres.stop()
    await reaches(node, 'log down')
    await sleep(500)
    await postgres.start()
    await reaches(node, 'serving')
  }
  stops = true
  await Promise.all(writing)
  const log = await postgres.log()
  for (const [key, values] of acknowledged) {
    expect(log.filter((row) => row.key === key).map((row) => row.value)).toEqual(values)
    expect(await text(node, key)).toBe(values.at(-1))
  }
})

test('a write spooled behind a partition never overwrites what another node has committed meanwhile', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket)
  const cut = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '500ms' })
  const other = await startReadyNode(makeDirectory(), postgres.environment)
  await put(cut, 'both', 'old')
  proxy.cut()
  await reaches(cut, 'log down')
  for (const key of ['both', 'mine', 'both']) expect((await put(cut, key, 'spooled')).status).toBe(202)
  expect((await put(other, 'both', 'committed')).status).toBe(201)
  expect(await text(cut, 'both')).toBe('spooled')
  proxy.heal()
  await reaches(cut, 'serving')
  expect([await text(cut, 'both'), await text(cut, 'mine')]).toEqual(['committed', 'spooled'])
  expect((await put(cut, 'both', 'newer')).status).toBe(201)
  await put(other, 'x', 'x') // reads on
  expect([await text(other, 'both'), await text(other, 'mine')]).toEqual(['newer', 'spooled'])
  expect((await postgres.log()).map((row) => [row.key, row.value, row.superseded])).toEqual([
    ['both', 'old', false],
    ['both', 'committed', false],
    ['both', 'spooled', true],
    ['mine', 'spooled', false],
    ['both', 'spooled', true],
    ['both', 'newer', false],
    ['x', 'x', false],
  ])
})

test('a spooled write is not overtaken by one that was overtaken itself', async () => {
  const postgres = await startPostgres()
  const [toA, toB] = [await startProxy(postgres.socket), await startProxy(postgres.socket)]
  const startNodeAt = (port: number) =>
    startReadyNode(makeDirectory(), { ...postgres.through(port), POSTGRES_TIMEOUT: '500ms' })
  const [a, b] = [await startNodeAt(toA.port), await startNodeAt(toB.port)]
  toB.cut()
  await reaches(b, 'log down')
  expect((await put(b, 'k', 'b')).status).toBe(202)
  expect((await put(a, 'k', 'seen by a')).status).toBe(201)
  toA.cut()
  await reaches(a, 'log down')
  expect((await put(a, 'k', 'a')).status).toBe(202)
  toB.heal()
  await reaches(b, 'serving')
  toA.heal()
  await reaches(a, 'serving')
  expect(await text(a, 'k')).toBe('a')
  expect((await postgres.log()).map((row) => [row.value, row.superseded])).toEqual([
    ['seen by a', false],
    ['b', true],
    ['a', false],
  ])
})

test('a drain comes to an end beside clients that write as fast as they can', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), postgres.environment)
  await postgres.stop()
  await reaches(node, 'log down')
  const large = 'x'.repeat(64 * 1024)
  let stops = false
  const writing = Array.from({ length: 100 }, async (_, client) => {
    while (!stops) expect((await put(node, `k${client}`, large)).ok).toBe(true)
  })
  await until('there is much in the spool', async () => (await status(node)).spool.writes > 500)
  await postgres.start()
  await reaches(node, 'serving')
  stops = true
  await Promise.all(writing)
})

test('small writes are taken while a few hundred large ones are drained', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), { ...postgres.environment, KVS_APPEND_TIMEOUT: '2s' })
  await postgres.stop()
  await reaches(node, 'log down')
  const large = 'x'.repeat(1024 * 1024)
  for (let n = 0; n < 200; n++) expect((await put(node, `k${n}`, large)).status).toBe(202)
  await postgres.start()
  while ((await status(node)).state !== 'serving') expect((await put(node, 'small', 'x')).ok).toBe(true)
})

test('a spool that a narrow network can’t take in whole batches is drained in smaller ones', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket, { bytesPerSecond: 1_000_000 })
  const node = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '1s' })
  await postgres.stop()
  await reaches(node, 'log down')
  const value = 'x'.repeat(20_000)
  for (let n = 0; n < 150; n++) expect((await put(node, `k${n}`, value)).status).toBe(202)
  await postgres.start()
  await reaches(node, 'serving')
  expect(await postgres.log()).toHaveLength(150)
})

test('a node that comes back catches up, and takes writes, beside one that writes all the time', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket, { latencyMs: 30 })
  const busy = await startReadyNode(makeDirectory(), postgres.environment)
  const far = await startReadyNode(makeDirectory(), postgres.through(proxy.port))
  let stops = false
  const writing = Array.from({ length: 4 }, async () => {
    while (!stops) expect((await put(busy, 'k', 'x')).status).toBe(201)
  })
  proxy.cut()
  await reaches(far, 'log down')
  expect((await put(far, 'a', 'spooled')).status).toBe(202)
  proxy.heal()
  await reaches(far, 'serving')
  expect((await put(far, 'a', 'committed')).status).toBe(201)
  stops = true
  await Promise.all(writing)
})

test('a log that a narrow network can’t carry in whole pages is replayed in smaller ones', async () => {
  const postgres = await startPostgres()
  const first = await startReadyNode(makeDirectory(), postgres.environment)
  const value = 'x'.repeat(100_000)
  for (let n = 0; n < 20; n++) expect((await put(first, `k${n}`, value)).status).toBe(201)
  const proxy = await startProxy(postgres.socket, { bytesPerSecond: 1_000_000 })
  const far = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '1s' })
  expect(await text(far, 'k19')).toBe(value)
})
