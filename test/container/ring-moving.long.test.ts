import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { makeRingChecks, type RingChecks } from './ring-checks.ts'
import { ownerByHand, type RingPositions } from './ring-client.ts'
import { type RingNode, type RingStack, startRing } from './stack-of-ring.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const keys = Array.from({ length: 3_000 }, (_, number) => `moved-${number}`).toSorted()

/** Lets a fifth of the keys, those that the third node takes with the position 5000, move in about six seconds. */
const settings = { KVS_HANDOVER_RATE: '100' }

/** What `/readyz` says of the ring. */
interface Report {
  readonly version: string
  readonly change: object | null
  readonly taking: { readonly state: string; readonly keys: number } | null
  readonly copies: number | null
}

const reportOf = async ({ ask }: RingNode): Promise<Report> => JSON.parse((await ask('/readyz')).text).ring

describeWithDocker('keys that move between nodes with a Postgres each, while one of these is down', () => {
  let stack: RingStack
  let checks: RingChecks
  let positions: RingPositions
  let before: unknown[]

  beforeAll(async () => {
    stack = await startRing(['ring-postgres.yml'], settings)
    checks = makeRingChecks(stack)
    positions = await stack.afresh()
    await forEach(keys, async (key) => {
      const { status } = await stack.balancer.ask(`/v1/${key}`, { method: 'PUT', body: `value of ${key}` })
      expect([key, status]).toEqual([key, 201])
    })
    before = await keysShown(stack.nodes[0])
    expect(before).toMatchObject(keys.map((key) => ({ key, value: `value of ${key}` })))
  })

  afterAll(() => stack?.down())

  /** Keys that have a value in the log of a node, whether or not it shows them. */
  async function keysInLog({ service }: RingNode): Promise<string[]> {
    const query = `
      SELECT key FROM (
        SELECT DISTINCT ON (key COLLATE "C") key, event_type FROM transactions
        WHERE event_type IN (1, 2) AND NOT superseded ORDER BY key COLLATE "C", sequence DESC) AS newest
      WHERE event_type = 2`
    const postgres = service.replace('node', 'postgres')
    return (await stack.compose('exec', '-T', postgres, 'psql', '-U', 'kvs', '-Atc', query)).split('\n')
  }

  /** Each key is in the log of its member, and in no other one, and is at every node as it was put. */
  async function expectAllAtTheirMembers(ring: RingPositions): Promise<void> {
    for (const node of stack.nodes) {
      const own = keys.filter((key) => ownerByHand(ring, key) === node.address)
      const inLog = (await keysInLog(node)).filter((key) => key !== '')
      expect([node.url, inLog.toSorted()]).toEqual([node.url, own])
      expect([node.url, await keysShown(node)]).toEqual([node.url, before])
    }
  }

  /** Resolves once all nodes have the same version, no change is under way, and no copies are left. */
  async function settled(): Promise<RingPositions> {
    await until(
      'the change has ended',
      async () => {
        const reports = await Promise.all(stack.nodes.map((node) => reportOf(node).catch(() => undefined)))
        const isOver = reports.every((report) => report?.change === null && report.copies === 0)
        return isOver && new Set(reports.map((report) => report?.version)).size === 1
      },
      60_000,
    ).catch(async (error) => {
      const reports = await Promise.all(stack.nodes.map((node) => reportOf(node).catch(String)))
      const logs = await stack.compose('logs', '--no-color', '--tail', '60', 'node-1', 'node-2', 'node-3')
      throw new Error(`${error.message}: ${JSON.stringify(reports)}\n${logs}`)
    })
    const ring = await stack.nodes[0].ring()
    await checks.ringIs(ring)
    return ring
  }

  test.each([
    { member: 'taker', down: 'node', comesBack: 'once the change was answered' },
    { member: 'giver', down: 'postgres', comesBack: 'at once' },
    // Where the home is down, the answer breaks off.
    { member: 'home', down: 'node', comesBack: 'at once' },
  ])('docker kill of the $member’s $down, which comes back $comesBack', async ({ member, down, comesBack }) => {
    const [home, giver, taker] = stack.nodes
    await until('the ring is as at the beginning', async () => (await home.setRing(positions)).status === 200)
    expect(await settled()).toEqual(positions)
    const [lost, asked] = { home: [home, giver], giver: [giver, taker], taker: [taker, home] }[member] ?? []
    if (lost === undefined || asked === undefined) throw new Error(`no ${member}`)

    const answer = asked.add(5000, taker.address).catch(() => undefined)
    await until('keys are copied', async () => {
      const { taking } = await reportOf(taker)
      return taking?.state === 'copying' && taking.keys > 20
    })
    const service = lost.service.replace('node', down)
    await stack.compose('kill', service)
    if (comesBack !== 'at once') await answer
    await stack.compose('start', service)
    const began = performance.now()
    await stack.serving()
    const ring = await settled()
    const seconds = (performance.now() - began) / 1_000
    const { status, text } = (await answer) ?? { status: 'broken off', text: '' }
    const isMade = ring[5000] === taker.address
    console.info(
      `${service}: ${status} ${text}; ${isMade ? 'made' : 'called off'}, settled after ${seconds.toFixed(1)} s`,
    )
    expect(seconds).toBeLessThan(60)
    expect(ring).toEqual(isMade ? { ...positions, 5000: taker.address } : positions)
    if (status === 200) expect(isMade).toBe(true)
    if (status === 409 || text.includes('nothing was')) expect(isMade).toBe(false)
    await expectAllAtTheirMembers(ring)
  })
})

/** Whatever can be told of the keys at a node, in order: values, ETags, when they were put. */
async function keysShown({ ask }: RingNode): Promise<unknown[]> {
  const shown: { key: string }[] = []
  for (let after = ''; ; after = `&after=${shown.at(-1)?.key}`) {
    const page = JSON.parse((await ask(`/v1/:?values&limit=1000${after}`)).text)
    if (page.length === 0) return shown
    shown.push(...page)
  }
}

async function forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += 50) await Promise.all(items.slice(at, at + 50).map(act))
}
