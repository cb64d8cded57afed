import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { root } from '../../tools/lab/paths.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { makeRingChecks, ok, type RingChecks, underRoute } from './ring-checks.ts'
import { ownerByHand, type RingClient, type RingPositions, ringWords, slotByHand } from './ring-client.ts'
import { type RingNode, type RingStack, startRing } from './stack-of-ring.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const sentence = expect.toSatisfy((text: string) => text.trim().split(' ').length > 3)
const refused = { status: expect.toSatisfy((status: number) => status >= 400 && status < 500), text: sentence }

const textOf = (file: string) => readFileSync(`${root}${file}`, 'utf8')

/** Whether a key's slot comes after one position, up to and with the other. */
const isIn = (key: string, after: number, through: number) => slotByHand(key) > after && slotByHand(key) <= through

/** A key with such a slot, which begins with a text. */
function wordIn(after: number, through: number, text: string): string {
  for (let number = 0; ; number++) if (isIn(`${text} ${number}`, after, through)) return `${text} ${number}`
}

/** Words that are at other members than before. */
const differing = (before: Record<string, string[]>, now: Record<string, string[]>) =>
  ringWords.filter((word) => `${before[word]}` !== `${now[word]}`)

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
    expect(ringWords.some((word) => isIn(word, 3000, 5000))).toBe(true)
    expect(ringWords.some((word) => isIn(word, 5000, 8000))).toBe(true)
    expect(slots.some((slot) => slot > 8000)).toBe(true)
    expect(new Set(ringWords.map((word) => ownerByHand(positions, word))).size).toBe(2)
    await checks.putWords()
    await checks.wordsAreThere(positions)
  })

  test.each(['nginx', 'the removed node'])(
    'keys move to the standby that is added, and from the member that is removed, asked at %s: all is as before',
    async (asked) => {
      const [one, two, three] = nodes
      await clearEach()
      const positions = { 3000: one.address, 8000: two.address }
      await setAtOnce(positions, nodes)
      await checks.putWords()
      const deleted = [
        wordIn(3000, 5000, 'deleted'),
        wordIn(5000, 8000, 'deleted'),
        wordIn(3000, 5000, 'moved, deleted'),
      ]
      const [, , deletedLast = ''] = deleted
      for (const word of deleted) expect(await balancer.put(word, 'x')).toEqual(ok)
      for (const word of deleted.slice(0, 2)) expect((await balancer.delete(word)).status).toBe(200)
      const tags = new Map(await Promise.all(ringWords.map(async (word) => [word, await one.tagOf(word)] as const)))
      expect(new Set(tags.values()).size).toBe(ringWords.length)
      const allIsAsBefore = async (ring: RingPositions, gone: readonly string[]) => {
        await checks.ringIs(ring)
        await checks.wordsAreThere(ring)
        await checks.ownKeysAre(ring, [...ringWords, ...deleted.filter((word) => !gone.includes(word))])
        await checks.tagsAre(tags)
        for (const word of gone) await checks.wordIsGone(word)
      }
      const first = await checks.membersWithWords()

      expect(await (asked === 'nginx' ? balancer : three).add(5000, three.address)).toEqual(ok)
      await allIsAsBefore({ ...positions, 5000: three.address }, deleted.slice(0, 2))
      const second = await checks.membersWithWords()
      expect(differing(first, second)).toEqual(ringWords.filter((word) => isIn(word, 3000, 5000)))

      expect((await balancer.delete(deletedLast)).status).toBe(200)
      expect(await (asked === 'nginx' ? balancer : two).remove(two.address)).toEqual(ok)
      await allIsAsBefore({ 3000: one.address, 5000: three.address }, deleted)
      const third = await checks.membersWithWords()
      expect(differing(second, third)).toEqual(ringWords.filter((word) => isIn(word, 5000, 8000)))
    },
  )

  test('another ring that all are told at once is the ring of all, and keys are where it says', async () => {
    const positions = await stack.afresh()
    const [one, two, three] = nodes
    await checks.putWords()
    const other = { 100: two.address, 5000: three.address, 9999: two.address }
    for (const [ring, order] of [
      [other, [one, two, three]],
      [positions, [two, three, one]],
    ] as const) {
      await setAtOnce(ring, order)
      await checks.wordsAreThere(ring)
      await checks.ownKeysAre(ring)
    }
  })

  test('the documented commands give the keys to two nodes, and the third one its part', async () => {
    const docs = textOf('docs/ring.md')
    const start = docs.slice(docs.indexOf('## Start one'), docs.indexOf('## What a client sees'))
    const [setup = '', add = ''] = [...start.matchAll(/```sh\n(?:docker [^\n]*\n)?(.*?)```/gs)].map(([, text]) => text)
    for (const [, line] of textOf('compose/ring.yml').matchAll(/^# {3} *(.*)$/gm)) expect(start).toContain(line)
    await clearEach()
    expect(await stack.shell(setup)).toMatch(/^OKOKOK.*Berlin$/s)
    expect(await stack.shell(add)).toBe('OK')
    const [one, two, three] = nodes
    await checks.ringIs({ 3000: one.address, 8000: two.address, 5000: three.address })
    expect(await balancer.ask('/v1/city')).toEqual({ status: 200, text: 'Berlin' })
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

  test.each([
    { removed: 1, asked: 0, by: 'the other one' },
    { removed: 1, asked: 1, by: 'itself' },
    { removed: 1, asked: 2, by: 'the standby' },
    { removed: 0, asked: 1, by: 'the other one' },
    { removed: 0, asked: 0, by: 'itself' },
  ] as const)('member $removed is removed by $by, still routes, and comes back', async ({ removed, asked }) => {
    const positions = await stack.afresh()
    await checks.putWords()
    const gone = nodes[removed]
    expect(await nodes[asked].remove(gone.address)).toEqual(ok)
    const left = Object.fromEntries(Object.entries(positions).filter(([, address]) => address !== gone.address))
    await checks.ringIs(left)
    const words = ['by the removed', ...ringWords]
    expect(await gone.put('by the removed', 'x')).toEqual(ok)
    await checks.wordsAreThere(left)
    await checks.ownKeysAre(left, words)
    await checks.keysAre(underRoute(words))

    expect(await balancer.add(removed === 0 ? 3000 : 8000, gone.address)).toEqual(ok)
    await checks.ringIs(positions)
    await checks.wordsAreThere(positions)
    await checks.ownKeysAre(positions, words)
    await checks.keysAre(underRoute(words))
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
