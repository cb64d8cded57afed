import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { makeRingChecks, ok, type RingChecks, underRoute } from './ring-checks.ts'
import { ownerByHand, type RingClient, type RingPositions, ringWords, slotByHand } from './ring-client.ts'
import { type RingNode, type RingStack, startRing } from './stack-of-ring.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const sentence = expect.toSatisfy((text: string) => text.trim().split(' ').length > 3)
const conflict = { status: 409, text: sentence }
const refused = { status: expect.toSatisfy((status: number) => status >= 400 && status < 500), text: sentence }

describeWithDocker('the ring of three nodes behind nginx', () => {
  let stack: RingStack
  let nodes: RingStack['nodes']
  let balancer: RingClient
  let checks: RingChecks

  beforeAll(async () => {
    stack = await startRing()
    ;({ nodes, balancer } = stack)
    checks = makeRingChecks(stack)
  })

  afterAll(() => stack?.down())

  async function clearEach(): Promise<void> {
    for (const node of nodes) expect((await node.clear()).status).toBe(200)
  }

  /** Tells all nodes of the ring at once. */
  async function setAtOnce(positions: RingPositions, order: readonly RingNode[]): Promise<void> {
    const answers = await Promise.all(order.map((node) => node.setRing(positions)))
    expect(answers).toEqual(order.map(() => ok))
    await checks.ringIs(positions)
  }

  test('the calls of the setup: all nodes are told the ring at once, and words are where it says', async () => {
    const [one, two, three] = nodes
    await clearEach()
    const positions = { 3000: one.address, 8000: two.address }
    await setAtOnce(positions, [three, one, two])

    const slots = ringWords.map(slotByHand)
    expect(ringWords).toHaveLength(12)
    expect(slots.some((slot) => slot > 3000 && slot <= 5000)).toBe(true)
    expect(slots.some((slot) => slot > 8000)).toBe(true)
    expect(new Set(ringWords.map((word) => ownerByHand(positions, word))).size).toBe(2)
    await checks.putWords()
    await checks.wordsAreThere(positions)
  })

  test('another ring that all are told at once while there are no keys is the ring of all', async () => {
    const positions = await stack.afresh()
    const [one, two, three] = nodes
    await setAtOnce({ 100: two.address, 5000: three.address, 9999: two.address }, [one, two, three])
    await setAtOnce(positions, [two, three, one])
    await checks.putWords()
    await checks.wordsAreThere(positions)
  })

  test('keys under /v1 go through nginx to their owner; lists and counts have those of all', async () => {
    const positions = await stack.afresh()
    await checks.putWords()
    const keys = ['cherry', 'banana', 'docs/a b', 'ключ']
    for (const key of keys) {
      const stored = await balancer.ask(`/v1/${encodeURIComponent(key)}`, { method: 'PUT', body: `v1 of ${key}` })
      expect([key, stored.status]).toEqual([key, 201])
    }
    expect(new Set(keys.map((key) => ownerByHand(positions, key))).size).toBe(2)
    for (const key of keys) {
      for (const one of checks.everyone) {
        expect(await one.ask(`/v1/${encodeURIComponent(key)}`)).toEqual({ status: 200, text: `v1 of ${key}` })
      }
    }
    await checks.keysAre([...keys, ...underRoute(ringWords)])
    await checks.wordsAreThere(positions)
  })

  test('a transaction is one owner’s: over two it is 409, names them, and stores nothing', async () => {
    const { 3000: one = '', 8000: two = '' } = await stack.afresh()
    const transact = (...keys: string[]) =>
      balancer.ask('/v1/:', { method: 'POST', body: JSON.stringify({ do: keys.map((put) => ({ put, value: 'x' })) }) })
    const both = await transact('cherry', 'banana')
    expect([both.status, both.text.includes(one), both.text.includes(two)]).toEqual([409, true, true])
    await checks.keysAre([])
    expect((await transact('cherry', 'zebra')).status).toBe(200)
    expect((await transact('banana', 'lemon')).status).toBe(200)
    await checks.keysAre(['cherry', 'zebra', 'banana', 'lemon'])
  })

  test('nginx asks each of the nodes', async () => {
    await stack.afresh()
    const addresses = nodes.map(({ address }) => address).toSorted()
    // It leaves one alone for 10 s that did not answer while it started.
    await until('it has asked all', async () => {
      expect((await balancer.get('in-turn')).status).toBe(200)
      const log = await stack.compose('logs', '--no-log-prefix', '--no-color', 'balancer')
      const asked = [...log.matchAll(/GET \/route\?key=in-turn status=200 node=(\S+)/g)].map(([, node]) => node)
      return [...new Set(asked)].toSorted().join() === addresses.join()
    })
  })

  test('the standby is added, and all show it at once; then a member is removed', async () => {
    const [one, two, three] = nodes
    const positions = await stack.afresh()
    expect(await balancer.add(5000, three.address)).toEqual(ok)
    const added = { ...positions, 5000: three.address }
    await checks.ringIs(added)
    await checks.putWords()
    await checks.wordsAreThere(added)
    await checks.keysAre(underRoute(ringWords))

    await clearEach()
    expect(await balancer.remove(two.address)).toEqual(ok)
    const left = { 3000: one.address, 5000: three.address }
    await checks.ringIs(left)
    await checks.putWords()
    await checks.wordsAreThere(left)
  })

  test.each([
    { removed: 1, asked: 0, by: 'the other one' },
    { removed: 1, asked: 1, by: 'itself' },
    { removed: 1, asked: 2, by: 'the standby' },
    { removed: 0, asked: 1, by: 'the other one' },
    { removed: 0, asked: 0, by: 'itself' },
  ] as const)('member $removed is removed by $by, still routes, and comes back', async ({ removed, asked }) => {
    const positions = await stack.afresh()
    const gone = nodes[removed]
    expect(await nodes[asked].remove(gone.address)).toEqual(ok)
    const left = Object.fromEntries(Object.entries(positions).filter(([, address]) => address !== gone.address))
    await checks.ringIs(left)
    expect(await gone.put('by the removed', 'x')).toEqual(ok)
    await checks.putWords()
    await checks.wordsAreThere(left)
    await checks.keysAre(underRoute(['by the removed', ...ringWords]))

    await clearEach()
    expect(await balancer.add(removed === 0 ? 3000 : 8000, gone.address)).toEqual(ok)
    await checks.ringIs(positions)
  })

  test('with keys in the way, a change is 409 with a sentence, and the ring stays as it was', async () => {
    const [, two, three] = nodes
    const positions = await stack.afresh()
    await checks.putWords()
    for (const one of checks.everyone) {
      expect(await one.add(5000, three.address)).toEqual(conflict)
      expect(await one.remove(two.address)).toEqual(conflict)
    }
    await checks.ringIs(positions)
    await checks.wordsAreThere(positions)
    await checks.putWords()
  })

  test('an unknown member, a taken position and one beyond the last are refused with a sentence', async () => {
    const [one, , three] = nodes
    const positions = await stack.afresh()
    for (const asked of checks.everyone) {
      expect(await asked.remove(one.address.replace('.3:', '.9:'))).toEqual(refused)
      expect(await asked.remove(three.address)).toEqual(refused)
      expect(await asked.add(3000, three.address)).toEqual(refused)
      expect(await asked.add(10_000, three.address)).toEqual(refused)
    }
    await checks.ringIs(positions)
  })
})
