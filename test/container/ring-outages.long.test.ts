import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { makeRingChecks, type RingChecks, underRoute } from './ring-checks.ts'
import { type Answered, ownerByHand, ringWords } from './ring-client.ts'
import { type RingNode, type RingStack, startRing } from './stack-of-ring.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const lists = ['/v1/:', '/v1/route/:', '/v1/:?count', '/v1/:?values']

const statusOf = (asked: Promise<Answered>): Promise<number | 'broken off'> =>
  asked.then(
    ({ status }) => status,
    () => 'broken off',
  )

describeWithDocker('the ring with nodes down', () => {
  let stack: RingStack
  let checks: RingChecks

  beforeAll(async () => {
    stack = await startRing()
    checks = makeRingChecks(stack)
  })

  afterAll(() => stack?.down())

  /** nginx starts with a node down, and asks that one, too. It says so, and asks no other one instead. */
  async function expectErrorsOfNginx(lost: readonly string[]): Promise<void> {
    await stack.compose('restart', 'balancer')
    await checks.nginxReachesNodes()
    const through = await Promise.all(lost.map((word) => statusOf(stack.balancer.get(word))))
    for (const status of through) expect([502, 503, 504]).toContain(status)
    await until('nginx has met the node that is down', async () => {
      const status = await statusOf(stack.balancer.ask('/readyz'))
      return status === 502 || status === 504
    })
    const log = await stack.compose('logs', '--no-log-prefix', '--no-color', 'balancer')
    expect(log).toMatch(/ status=50[24] node=\S+ /)
    expect(log).not.toMatch(/ node=\S+, /)
  }

  test.each(['stop', 'kill'])(
    'docker %s of a member: its keys are 503, lists are errors, and with it back all is there',
    async (command) => {
      const [one, two, three] = stack.nodes
      const positions = await stack.afresh()
      await checks.putWords()
      await stack.compose(command, two.service)
      const isLost = (word: string) => ownerByHand(positions, word) === two.address
      const lost = ringWords.filter(isLost)

      // At once, since each may wait for a connection.
      async function expectErrors(node: RingNode): Promise<void> {
        const read = ringWords.map(async (word) => [word, await statusOf(node.get(word))])
        const written = lost.map((word) => statusOf(node.put(word, 'other')))
        const listed = lists.map((path) => statusOf(node.ask(path)))
        expect(await Promise.all(read)).toEqual(ringWords.map((word) => [word, isLost(word) ? 503 : 200]))
        expect(await Promise.all(written)).toEqual(lost.map(() => 503))
        for (const status of await Promise.all(listed)) expect([503, 'broken off']).toContain(status)
      }
      await Promise.all([one, three].map(expectErrors))
      await expectErrorsOfNginx(lost)

      await stack.compose('start', two.service)
      await stack.serving([two])
      await checks.nginxReachesNodes()
      await checks.ringIs(positions)
      await checks.wordsAreThere(positions)
    },
  )

  test.each(['restart', 'kill'])(
    'after a %s of all, the ring and the keys are as before: they are in the logs',
    async (command) => {
      const positions = await stack.afresh()
      await checks.putWords()
      await stack.compose(command)
      if (command === 'kill') await stack.compose('start')
      await stack.serving()
      await checks.nginxReachesNodes()
      await checks.ringIs(positions)
      await checks.wordsAreThere(positions)
      await checks.keysAre(underRoute(ringWords))
    },
  )
})
