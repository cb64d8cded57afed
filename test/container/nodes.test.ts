import { expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { until } from '../support/until.ts'
import { runBalancedNodes } from './balanced-nodes.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

describeWithDocker('three nodes behind a balancer', () => {
  const stack = runBalancedNodes()
  const { compose, containers } = stack

  /** Of the log as a node sees it. */
  const askEach = async (path: string) =>
    Promise.all(
      (await containers()).map((node) =>
        docker([
          'exec',
          node,
          'node',
          '-e',
          `fetch('http://127.0.0.1:8080${path}').then((a) => a.text()).then(console.log)`,
        ]),
      ),
    )

  test('every node has what was put through the balancer, byte for byte', async () => {
    await stack.client.putPairs()
    await stack.client.expectPairs('?consistent')
    expect(await containers()).toHaveLength(3)
    expect(await askEach('/v1/key-a?consistent')).toEqual(['Test Pair 1', 'Test Pair 1', 'Test Pair 1'])
  })

  test('with the log down the nodes go on behind the balancer; with one of them killed so do the others', async () => {
    await compose('kill', 'postgres')
    const accepted = await until('a write is spooled', async () => {
      const answer = await stack.client.put('while-down', 'x')
      return answer.status === 202 && answer
    })
    expect(accepted.headers.get('kvs-durability')).toBe('spooled')
    await compose('start', 'postgres')
    await stack.client.reaches('serving')
    await until(
      'the log has it',
      async () => (await (await stack.client.request('/v1/while-down?consistent')).text()) === 'x',
    )

    const [first = ''] = await containers()
    await docker(['kill', first])
    await until('the balancer has noticed', async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => stack.client.request('/v1/while-down?consistent')),
      )
      return answers.every(({ status }) => status === 200)
    })
    await stack.client.expectPairs()
    await docker(['start', first])
    await until(
      'all are there',
      async () => (await askEach('/v1/while-down').catch(() => [])).filter((body) => body === 'x').length === 3,
    )
  })
})
