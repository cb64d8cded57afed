import { expect, test } from 'vitest'
import { makeDirectory, startNode, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { get, put, reaches, status, text } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

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
