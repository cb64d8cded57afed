import { expect, test } from 'vitest'
import { makeDirectory, spawnNode, startNode, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { put, reaches, status, text } from '../../support/requests.ts'
import { killAll, slotOf } from './slot-processes.ts'

test('with an embedded log there is one slot: a second node is refused, whatever other slots there are', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const shared = [await startNode(directory, postgres.environment), await startNode(directory, postgres.environment)]
  expect(shared.map(slotOf)).toEqual([1, 2])
  const refused = spawnNode(directory, {})
  expect(await refused.ended).toBe(1)
  expect(refused.output()).toMatch(/another node runs on .*\/data; give this one a KVS_DATA_DIR of its own/)
})

test('a killed node’s slot is free at once, and with the log down the next node takes the one that has writes', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const start = () => startReadyNode(directory, postgres.environment)
  const [first, second, third] = [await start(), await start(), await start()]
  await put(third, 'a', 'before')
  await postgres.stop()
  for (const node of [first, second, third]) await reaches(node, 'log down')
  expect((await put(third, 'a', 'spooled')).status).toBe(202)
  await killAll(second, third)
  const next = await startNode(directory, postgres.environment)
  expect([slotOf(next), (await status(next)).spool.writes]).toEqual([3, 1])
  const another = await startNode(directory, postgres.environment)
  expect(slotOf(another)).toBe(2)
  expect(await text(first, 'a')).not.toBe('spooled') // what another has spooled is shown once it is in the log
  await postgres.start()
  await reaches(next, 'serving')
  expect(await text(next, 'a')).toBe('spooled')
  expect((await postgres.log()).map((row) => row.value)).toEqual(['before', 'spooled'])
})
