import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { root } from '../../tools/lab/paths.ts'
import { positionOf, makeClient as startClient } from '../support/client.ts'
import { runBalancedNodes } from './balanced-nodes.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

describeWithDocker('three nodes behind a balancer', () => {
  const stack = runBalancedNodes()
  const { containers } = stack

  test('nodes that are restarted one by one, under load, cost no client an error', async () => {
    await stack.client.putPairs()
    const call = startClient()
    const seen = { requests: 0, stale: 0, failed: [] as string[] }
    let isOver = false

    async function run(number: number): Promise<void> {
      let [newest, header] = [0n, '']
      for (let n = 0; !isOver; n++) {
        const method = n % 2 === 0 ? 'PUT' : 'GET'
        const headers: Record<string, string> = header ? { 'KVS-Min-Position': header } : {}
        const answer = await call(stack.url, {
          method,
          path: `/v1/client-${number}`,
          headers,
          ...(method === 'PUT' && { body: `${n}` }),
        }).catch(String)
        seen.requests++
        if (typeof answer === 'string' || answer.status >= 300) {
          seen.failed.push(typeof answer === 'string' ? answer : `${method} ${answer.status} ${answer.body}`)
          continue
        }
        if (positionOf(answer) < newest) seen.stale++
        newest = positionOf(answer)
        header = answer.headers['kvs-position'] ?? ''
      }
    }

    const load = Promise.all(Array.from({ length: 16 }, (_, number) => run(number)))
    const before = await containers()
    const { stdout } = await promisify(execFile)(
      `${root}compose/nodes/rolling-restart`,
      ['--project-name', stack.project],
      {
        env: stack.environment,
      },
    )
    isOver = true
    await load
    expect(stdout.trim().split('\n')).toHaveLength(3)
    expect(await containers()).toEqual(before)
    expect(seen.failed).toEqual([])
    expect(seen.stale).toBe(0)
    expect(seen.requests).toBeGreaterThan(1_000)
    await stack.client.expectPairs()
  })
})
