import { expect, test } from 'vitest'
import { byForce, makeDatabase } from '../../support/database.ts'
import { makeDirectory, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { put, status } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

test('a start on such a log says so, and serves nothing', async () => {
  const database = await makeDatabase()
  const directory = makeDirectory()
  const node = await startReadyNode(directory, toEnvironment(database.target))
  await put(node, 'a', '1')
  node.kill('SIGTERM')
  await node.ended
  await database.sql(byForce("INSERT INTO transactions VALUES (2, 2, 'a', 'stray', NULL, now(), 'd')"))
  const again = await startNode(directory, toEnvironment(database.target))
  await until('it is named', async () => (await status(again)).state === 'log diverged')
  expect((await status(again)).reason).toContain('no append has written its last entry, 2')
  expect((await fetch(`${again.url}/v1/a`)).status).toBe(503)
})
