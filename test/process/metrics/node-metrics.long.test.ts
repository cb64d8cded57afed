import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { put, reaches } from '../../support/requests.ts'
import { scrape } from '../../support/scrape.ts'
import { until } from '../../support/until.ts'

test('while the log is down the spool fills, and is empty when it is back; a restart tells what it replays', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const node = await startReadyNode(directory, postgres.environment)
  await put(node, 'a', '1')
  await postgres.stop()
  await reaches(node, 'log down')
  for (let n = 0; n < 5; n++) await put(node, `b${n}`, '2')
  const down = await scrape(node)
  expect(['kvs_log_up', 'kvs_spool_on', 'kvs_spool_writes'].map((name) => down.value(name))).toEqual([0, 1, 5])
  expect(down.value('kvs_spool_bytes')).toBeGreaterThan(5 * 64)
  expect(down.value('kvs_spool_max_bytes')).toBe(1024 ** 3)
  expect(down.value('kvs_state', { state: 'log down' })).toBe(1)
  expect(down.value('kvs_http_request_duration_seconds_count', { method: 'PUT', status: '202' })).toBe(5)
  await until('the size is not known', async () => (await scrape(node)).value('kvs_log_size_bytes') === undefined)

  await postgres.start()
  await reaches(node, 'serving')
  const { value } = await scrape(node)
  expect(['kvs_log_up', 'kvs_spool_writes', 'kvs_spool_bytes'].map((name) => value(name))).toEqual([1, 0, 0])
  expect([value('kvs_position_sequence'), value('kvs_append_batch_entries_sum')]).toEqual([6, 6])

  node.kill('SIGTERM')
  await node.ended
  const again = await scrape(await startReadyNode(directory, postgres.environment))
  const replay = ['kvs_replayed_entries', 'kvs_replay_entries', 'kvs_position_sequence', 'kvs_view_keys']
  expect(replay.map((name) => again.value(name))).toEqual([6, 6, 6, 6])
})

test('a node that follows another is as far as that one', async () => {
  const { target } = await makeDatabase()
  const one = await startReadyNode(makeDirectory(), toEnvironment(target))
  const two = await startReadyNode(makeDirectory(), toEnvironment(target))
  for (let n = 0; n < 3; n++) await put(one, 'a', `${n}`)
  await until('it has followed', async () => (await scrape(two)).value('kvs_position_sequence') === 3)
  const { value } = await scrape(two)
  expect([value('kvs_log_head_sequence'), value('kvs_append_batch_entries_count')]).toEqual([3, 0])
  expect(value('kvs_lag_seconds')).toBeLessThan(10)
})
