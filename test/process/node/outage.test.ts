import { expect, test } from 'vitest'
import { count } from '../../support/count.ts'
import { makeDirectory, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { get, put, type Ready, reaches, status, text } from '../../support/requests.ts'
import { sequenceOf } from '../../support/tags.ts'

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
  expect([await after.text(), after.headers.get('kvs-durability'), sequenceOf(after)]).toEqual(['while down', null, 3n])
  expect(sequenceOf(await put(node, 'b', 'after'))).toBe(5n)
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
