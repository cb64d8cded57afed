import { expect, test } from 'vitest'
import { makeDirectory, startNode, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { put, reaches, text } from '../../support/requests.ts'
import { until } from '../../support/until.ts'
import { killAll, slotOf } from './slot-processes.ts'

const tookOver = /took over the spool of a node that is gone \(slot (\d+)\): (\d+) writes are in the log now/g

const waitingTakeovers = `SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'kvs takeover' AND wait_event_type = 'Lock'`

test('nodes that start at once on one directory get a slot each, again and again, and no more than there are nodes', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  for (let round = 0; round < 6; round++) {
    const nodes = await Promise.all(Array.from({ length: 4 }, () => startNode(directory, postgres.environment)))
    expect(nodes.map(slotOf).toSorted()).toEqual([1, 2, 3, 4])
    await killAll(...nodes)
  }
})

test('a node that starts alone where there were three takes one spool for its own, and over the others', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const start = () => startReadyNode(directory, postgres.environment)
  const [first, second, third] = [await start(), await start(), await start()]
  await put(third, 'both', 'before')
  await postgres.stop()
  for (const node of [first, second, third]) {
    await reaches(node, 'log down')
    expect((await put(node, `of ${slotOf(node)}`, 'spooled')).status).toBe(202)
  }
  expect((await put(third, 'both', 'spooled')).status).toBe(202)
  await killAll(first, second, third)
  await postgres.start()
  const other = await startReadyNode(makeDirectory(), postgres.environment)
  expect((await put(other, 'both', 'committed')).status).toBe(201)

  const last = await start()
  expect(slotOf(last)).toBe(1)
  await until('both are taken over', () => [...last.output().matchAll(tookOver)].length === 2)
  expect([...last.output().matchAll(tookOver)].map(([, slot, writes]) => [slot, writes])).toEqual([
    ['2', '1'],
    ['3', '2'],
  ])
  await put(last, 'x', 'x') // reads on
  for (const slot of [1, 2, 3]) expect(await text(last, `of ${slot}`)).toBe('spooled')
  expect(await text(last, 'both')).toBe('committed')
  expect((await postgres.log()).map((row) => [row.key, row.value, row.superseded])).toEqual([
    ['both', 'before', false],
    ['both', 'committed', false],
    ['of 1', 'spooled', false],
    ['of 2', 'spooled', false],
    ['of 3', 'spooled', false],
    ['both', 'spooled', true],
    ['x', 'x', false],
  ])
})

test('a node killed while it drains another’s spool leaves it to the next, which had not waited for its slot', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const start = () => startReadyNode(directory, postgres.environment)
  const [gone, draining] = [await start(), await start()]
  await postgres.stop()
  for (const node of [gone, draining]) await reaches(node, 'log down')
  const values = Array.from({ length: 2_500 }, (_, n) => String(n))
  for (let n = 0; n < values.length; n += 50) {
    const answers = await Promise.all(values.slice(n, n + 50).map((value) => put(gone, `k${value}`, value)))
    for (const answer of answers) expect(answer.status).toBe(202)
  }
  await killAll(gone)
  await postgres.start()
  const blocker = await postgres.connect()
  await blocker.query('BEGIN; LOCK TABLE transactions IN EXCLUSIVE MODE')
  await until('it drains', async () => (await postgres.sql(waitingTakeovers)).length > 0)
  const next = await start()
  expect(slotOf(next)).toBe(3)
  await killAll(draining)
  await blocker.query('COMMIT')
  await until('the rest is taken over', () => next.output().search(tookOver) >= 0)
  const log = await postgres.log()
  expect(log.map((row) => row.value).toSorted()).toEqual(values.toSorted())
  expect(log.every((row) => !row.superseded)).toBe(true)
})

test('a spool of another log is left alone, and said once, until a node of that log takes it', async () => {
  const [postgres, another] = await Promise.all([startPostgres(), startPostgres()])
  const directory = makeDirectory()
  const node = await startReadyNode(directory, postgres.environment)
  const gone = await startReadyNode(directory, another.environment)
  await another.stop()
  await reaches(gone, 'log down')
  expect((await put(gone, 'a', '1')).status).toBe(202)
  await killAll(gone)
  await until('it is said', () =>
    /\(slot 2\): left alone: the spool holds writes \(1\) for the log/.test(node.output()),
  )
  expect(await postgres.log()).toEqual([])
  await another.start()
  const back = await startReadyNode(directory, another.environment)
  expect([slotOf(back), await text(back, 'a')]).toEqual([2, '1'])
  expect(await postgres.log()).toEqual([])
  expect(node.output().match(/left alone/g)).toHaveLength(1)
})

test('SIGTERM ends a node at once while it drains another’s spool', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const start = () => startReadyNode(directory, postgres.environment)
  const [gone, node] = [await start(), await start()]
  await postgres.stop()
  for (const down of [gone, node]) await reaches(down, 'log down')
  expect((await put(gone, 'a', '1')).status).toBe(202)
  await killAll(gone)
  await postgres.start()
  const blocker = await postgres.connect()
  await blocker.query('BEGIN; LOCK TABLE transactions IN EXCLUSIVE MODE')
  await until('it drains', async () => (await postgres.sql(waitingTakeovers)).length > 0)
  const since = performance.now()
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
  expect(performance.now() - since).toBeLessThan(5_000)
  await blocker.query('COMMIT')
  const last = await start()
  expect(await text(last, 'a')).toBe('1')
  expect(await postgres.log()).toHaveLength(1)
})
