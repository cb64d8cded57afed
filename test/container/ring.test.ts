import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import {
  type Answered,
  ownerByHand,
  type RingClient,
  type RingPositions,
  ringWords,
  slotByHand,
} from './ring-client.ts'
import { type RingNode, type RingStack, startRing } from './stack-of-ring.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const ok = { status: 200, text: expect.stringMatching(/^OK\n?$/) }
/** A refusal says why, and is no OK. */
const refused = { status: expect.toSatisfy((status: number) => status >= 400 && status < 500), text: saying(/./) }
const conflict = { status: 409, text: saying(/./) }

function saying(what: RegExp) {
  return expect.toSatisfy((text: string) => what.test(text) && text.trim().split(' ').length > 3)
}

describeWithDocker('the ring of three nodes behind nginx', () => {
  let stack: RingStack
  let nodes: RingStack['nodes']
  let balancer: RingClient

  beforeAll(async () => {
    stack = await startRing()
    ;({ nodes, balancer } = stack)
  })

  afterAll(() => stack?.down())

  const everyone = () => [balancer, ...nodes]
  const textOf = (word: string) => `value of ${word}\n`

  /** Every node shows these positions. */
  async function expectRing(positions: RingPositions): Promise<void> {
    for (const node of nodes) expect([node.url, await node.ring()]).toEqual([node.url, positions])
  }

  async function putWords(): Promise<void> {
    for (const word of ringWords) expect(await balancer.put(word, textOf(word))).toEqual(ok)
  }

  /** Through nginx and at every node, and each node says of each word whose it is. */
  async function expectWords(positions: RingPositions): Promise<void> {
    for (const word of ringWords) {
      for (const one of everyone()) {
        expect(await one.get(word)).toEqual({ status: 200, text: textOf(word) })
        const { status, text } = await one.ownerOf(word)
        expect([word, status, text.trim()]).toEqual([word, 200, ownerByHand(positions, word)])
      }
    }
  }

  const inByteOrder = (keys: readonly string[]) =>
    keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

  /** Every node lists these keys under /v1, and counts them. */
  async function expectKeys(keys: readonly string[]): Promise<void> {
    for (const one of everyone()) {
      expect(JSON.parse((await one.ask('/v1/:')).text)).toEqual(inByteOrder(keys))
      expect(JSON.parse((await one.ask('/v1/:?count')).text)).toEqual({ count: keys.length })
    }
  }

  /** Asks all nodes for the ring at once. */
  async function setAtOnce(positions: RingPositions, order: readonly RingNode[]): Promise<void> {
    const answers = await Promise.all(order.map((node) => node.setRing(positions)))
    expect(answers).toEqual(order.map(() => ok))
    await expectRing(positions)
  }

  /** nginx leaves a node alone for some seconds after it was down. */
  const reachesAllBehind = () =>
    until('nginx reaches the nodes', async () => {
      const answers = await Promise.all(Array.from({ length: 6 }, () => balancer.ask('/readyz').catch(() => undefined)))
      return answers.every((answer) => answer?.status === 200)
    })

  test('the calls of the setup: all nodes are told the ring at once, and words are where it says', async () => {
    const [one, two, three] = nodes
    for (const node of nodes) expect((await node.clear()).status).toBe(200)
    const positions = { 3000: one.address, 8000: two.address }
    await setAtOnce(positions, [three, one, two])

    const slots = ringWords.map(slotByHand)
    expect(slots.some((slot) => slot > 3000 && slot <= 5000)).toBe(true)
    expect(slots.some((slot) => slot > 8000)).toBe(true)
    expect(new Set(ringWords.map((word) => ownerByHand(positions, word))).size).toBe(2)
    await putWords()
    await expectWords(positions)
  })

  test('another ring that all are told at once while there are no keys is the ring of all', async () => {
    const positions = await stack.afresh()
    const [one, two, three] = nodes
    await setAtOnce({ 100: two.address, 5000: three.address, 9999: two.address }, [one, two, three])
    await setAtOnce(positions, [two, three, one])
    await putWords()
    await expectWords(positions)
  })

  test('keys under /v1 go through nginx to their owner; lists and counts have those of all', async () => {
    const positions = await stack.afresh()
    await putWords()
    const keys = ['cherry', 'banana', 'docs/a b', 'ключ']
    for (const key of keys) {
      const stored = await balancer.ask(`/v1/${encodeURIComponent(key)}`, { method: 'PUT', body: `v1 of ${key}` })
      expect(stored.status).toBe(201)
    }
    expect(new Set(keys.map((key) => ownerByHand(positions, key))).size).toBe(2)
    for (const key of keys) {
      for (const one of everyone()) {
        expect(await one.ask(`/v1/${encodeURIComponent(key)}`)).toEqual({ status: 200, text: `v1 of ${key}` })
      }
    }
    await expectKeys([...keys, ...ringWords.map((word) => `route/${word}`)])
  })

  test('a transaction is one owner’s: over two it is 409, names them, and stores nothing', async () => {
    const { 3000: one = '', 8000: two = '' } = await stack.afresh()
    const transact = (...keys: string[]) =>
      balancer.ask('/v1/:', { method: 'POST', body: JSON.stringify({ do: keys.map((put) => ({ put, value: 'x' })) }) })
    const both = await transact('cherry', 'banana')
    expect([both.status, both.text.includes(one), both.text.includes(two)]).toEqual([409, true, true])
    await expectKeys([])
    expect((await transact('cherry', 'zebra')).status).toBe(200)
    expect((await transact('banana', 'lemon')).status).toBe(200)
    await expectKeys(['cherry', 'zebra', 'banana', 'lemon'])
  })

  test('nginx asks the nodes in turn', async () => {
    await stack.afresh()
    for (let count = 0; count < 6; count++) expect((await balancer.get('in-turn')).status).toBe(200)
    const log = await stack.compose('logs', '--no-log-prefix', '--no-color', 'balancer')
    const asked = [...log.matchAll(/GET \/route\?key=in-turn status=200 node=(\S+)/g)].map(([, node]) => node)
    expect(asked).toHaveLength(6)
    expect(new Set(asked)).toEqual(new Set(nodes.map(({ address }) => address)))
  })

  test('the standby is added, and all show it at once; then a member is removed', async () => {
    const [one, two, three] = nodes
    const positions = await stack.afresh()
    expect(await balancer.add(5000, three.address)).toEqual(ok)
    const added = { ...positions, 5000: three.address }
    await expectRing(added)
    await putWords()
    await expectWords(added)
    await expectKeys(ringWords.map((word) => `route/${word}`))

    for (const node of nodes) expect((await node.clear()).status).toBe(200)
    expect(await balancer.remove(two.address)).toEqual(ok)
    const removed = { 3000: one.address, 5000: three.address }
    await expectRing(removed)
    await putWords()
    await expectWords(removed)
  })

  test.each([
    { removed: 1, asked: 0, by: 'the other one' },
    { removed: 1, asked: 1, by: 'itself' },
    { removed: 0, asked: 1, by: 'the other one' },
    { removed: 0, asked: 0, by: 'itself' },
  ] as const)('member $removed is removed by $by, still routes, and comes back', async ({ removed, asked }) => {
    const positions = await stack.afresh()
    const gone = nodes[removed]
    expect(await nodes[asked].remove(gone.address)).toEqual(ok)
    const left = Object.fromEntries(Object.entries(positions).filter(([, address]) => address !== gone.address))
    await expectRing(left)
    expect(await gone.put('by the removed', 'x')).toEqual(ok)
    await putWords()
    await expectWords(left)
    await expectKeys(['by the removed', ...ringWords].map((word) => `route/${word}`))

    for (const node of nodes) expect((await node.clear()).status).toBe(200)
    expect(await balancer.add(removed === 0 ? 3000 : 8000, gone.address)).toEqual(ok)
    await expectRing(positions)
  })

  test('with keys in the way, a change is 409 with a sentence, and the ring stays as it was', async () => {
    const [, two, three] = nodes
    const positions = await stack.afresh()
    await putWords()
    for (const one of everyone()) expect(await one.add(5000, three.address)).toEqual(conflict)
    for (const one of everyone()) expect(await one.remove(two.address)).toEqual(conflict)
    await expectRing(positions)
    await expectWords(positions)
    await putWords()
  })

  test('an unknown member and a taken position are refused with a sentence', async () => {
    const [one, , three] = nodes
    const positions = await stack.afresh()
    for (const asked of everyone()) {
      expect(await asked.remove(one.address.replace('.3:', '.9:'))).toEqual(refused)
      expect(await asked.remove(three.address)).toEqual(refused)
      expect(await asked.add(3000, three.address)).toEqual(refused)
      expect(await asked.add(10_000, three.address)).toEqual(refused)
    }
    await expectRing(positions)
  })

  test('while a member is down, its keys are 503 and lists are errors; started again, all is back', async () => {
    const [one, two, three] = nodes
    const positions = await stack.afresh()
    await putWords()
    await stack.compose('stop', two.service)
    const isLost = (word: string) => ownerByHand(positions, word) === two.address
    const expected = ringWords.map((word) => [word, isLost(word) ? 503 : 200])
    const lost = ringWords.filter(isLost)
    const statusOf = (asked: Promise<Answered>) =>
      asked.then(
        ({ status }) => status,
        () => 'broken off',
      )
    for (const node of [one, three]) {
      const read = ringWords.map(async (word) => [word, await statusOf(node.get(word))])
      expect(await Promise.all(read)).toEqual(expected)
      const written = await Promise.all(lost.map((word) => statusOf(node.put(word, 'other'))))
      expect(written).toEqual(lost.map(() => 503))
      const lists = ['/v1/:', '/v1/route/:', '/v1/:?count', '/v1/:?values'].map((path) => statusOf(node.ask(path)))
      for (const status of await Promise.all(lists)) expect([503, 'broken off']).toContain(status)
    }
    // nginx may ask the node that is down, and says so.
    const through = await Promise.all(lost.map((word) => statusOf(balancer.get(word))))
    for (const status of through) expect([502, 503, 504]).toContain(status)

    await stack.compose('start', two.service)
    await stack.serving([two])
    await reachesAllBehind()
    await expectRing(positions)
    await expectWords(positions)
  })

  test('after a restart of all, the ring and the keys are as before: they are in the logs', async () => {
    const positions = await stack.afresh()
    await putWords()
    await stack.compose('restart')
    await stack.serving()
    await reachesAllBehind()
    await expectRing(positions)
    await expectWords(positions)
    await expectKeys(ringWords.map((word) => `route/${word}`))
  })
})
