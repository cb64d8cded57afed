import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { put, status } from '../../support/requests.ts'

test('a request that waits for a position at a stop is answered', async () => {
  const database = await makeDatabase()
  const env = { KVS_WAIT_TIMEOUT: '60s', KVS_SHUTDOWN_TIMEOUT: '2s' }
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(database.target), ...env })
  const position = (await put(node, 'a', 'x')).headers.get('kvs-position')?.replace('=1', '=2') ?? ''
  const waiting = fetch(`${node.url}/v1/a`, { headers: { 'KVS-Min-Position': position } })
  await expect.poll(async () => (await status(node)).state).toBe('serving')
  node.kill('SIGTERM')
  const answer = await waiting
  expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('shutting down')])
  expect(await node.ended).toBe(0)
})
