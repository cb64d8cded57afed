import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { nodeNames, type SitesStack, startSites } from './stack-of-sites.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

describeWithDocker('three sites of two nodes each', () => {
  let stack: SitesStack

  beforeAll(async () => {
    stack = await startSites('replicas-nodes.yml')
  })

  afterAll(() => stack?.down())

  const leads = async (name: (typeof nodeNames)[number]) => {
    const status = await (await stack.node(name).request('/readyz')).json()
    return (status as { sites: { leads: boolean } }).sites.leads
  }

  test('every node has what any other one took, and one of each site leads; where it is killed the other one does', async () => {
    for (const name of nodeNames) await stack.node(name).put(`by-${name}`, name)
    for (const name of nodeNames) await stack.converged(nodeNames, `by-${name}`, name)
    expect([await leads('a'), await leads('a-2')].toSorted()).toEqual([false, true])

    const [leader, other] = (await leads('a')) ? (['a', 'a-2'] as const) : (['a-2', 'a'] as const)
    await stack.compose('kill', leader)
    await until(`${other} leads`, () => leads(other))
    expect((await stack.node('b-2').put('after', 'x')).status).toBe(201)
    await stack.converged([other, 'b', 'c', 'c-2'], 'after', 'x')
    expect((await stack.node(other).put('after', 'y')).status).toBe(201)
    await stack.converged(['b', 'b-2', 'c', 'c-2'], 'after', 'y')
  })
})
