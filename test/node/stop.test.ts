import { expect, test } from 'vitest'
import { makeDatabase } from '../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../support/node.ts'
import { put, reaches } from '../support/requests.ts'

test('told to stop, a node serves on for KVS_DRAIN_DELAY, and says so on /readyz', async () => {
  const { target } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(target), KVS_DRAIN_DELAY: '1h' })
  node.kill('SIGTERM')
  await reaches(node, 'draining')
  expect((await fetch(`${node.url}/readyz`)).status).toBe(503)
  expect((await put(node, 'a', 'x')).status).toBe(201)
})
