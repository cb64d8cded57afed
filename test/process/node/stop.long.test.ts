import { expect, test } from 'vitest'
import { makeDirectory, startNode, startReadyNode } from '../../support/node.ts'
import { put } from '../../support/requests.ts'

test('SIGTERM ends a node that is still making its embedded Postgres, and the next start makes it anew', async () => {
  const directory = makeDirectory()
  const node = await startNode(directory)
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
  expect(node.output()).not.toContain('replayed')
  const next = await startReadyNode(directory)
  expect((await put(next, 'a', '1')).status).toBe(201)
})
