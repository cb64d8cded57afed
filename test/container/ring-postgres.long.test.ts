import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { describeWithDocker } from './docker.ts'
import { makeRingChecks, underRoute } from './ring-checks.ts'
import { ownerByHand, ringWords } from './ring-client.ts'
import { type RingStack, startRing } from './stack-of-ring.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

describeWithDocker('the ring with a Postgres for each node', () => {
  let stack: RingStack

  beforeAll(async () => {
    stack = await startRing(['ring-postgres.yml'])
  })

  afterAll(() => stack?.down())

  /** The key column of entries of one kind in the log of a node, by the number of its Postgres. */
  async function keysIn(number: number, eventType = 2): Promise<string[]> {
    const query = `SELECT key FROM transactions WHERE event_type = ${eventType} ORDER BY sequence`
    const keys = await stack.compose('exec', '-T', `postgres-${number}`, 'psql', '-U', 'kvs', '-Atc', query)
    return keys.split('\n').filter((key) => key !== '')
  }

  test('each log has the keys of its member, and no others', async () => {
    const positions = await stack.afresh()
    for (const word of ringWords) expect((await stack.balancer.put(word, 'x')).status).toBe(200)
    for (const [index, { address }] of stack.nodes.entries()) {
      const own = ringWords.filter((word) => ownerByHand(positions, word) === address)
      expect((await keysIn(index + 1)).toSorted()).toEqual(underRoute(own).toSorted())
    }
  })

  test('psql shows the versions of the ring in each log, the last one last', async () => {
    const positions = await stack.afresh()
    for (const [index, { address }] of stack.nodes.entries()) {
      const texts = await keysIn(index + 1, 5)
      expect(JSON.parse(texts.at(-1) ?? '')).toMatchObject({ self: address, ring: { next: null, positions } })
    }
  })

  test('a node reaches its own Postgres alone', async () => {
    const lookup = (host: string) => `require('node:dns').lookup('${host}', (error) => console.log(!error))`
    const reaches = (host: string) => stack.compose('exec', '-T', 'node-1', 'node', '-e', lookup(host))
    expect([await reaches('postgres-1'), await reaches('postgres-2')]).toEqual(['true', 'false'])
  })

  test('after a kill of all, nodes and logs, the ring and the keys are as before', async () => {
    const checks = makeRingChecks(stack)
    const positions = await stack.afresh()
    await checks.putWords()
    await stack.compose('kill')
    await stack.compose('start')
    await stack.serving()
    await checks.nginxReachesNodes()
    await checks.ringIs(positions)
    await checks.wordsAreThere(positions)
  })
})
