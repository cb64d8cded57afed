import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { until } from '../support/until.ts'
import { type Answer, type Assignment, type AssignmentNode, prepareAssignment } from './assignment-nodes.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 900_000 })

/** How long the assignment's script waits before it reads at one node what it wrote at another one. */
const copiedMs = 3_000

const payload = expect.stringMatching(/^[A-Za-z0-9_.:,-]+$/)
const added = { status: 200, replaced: false, msg: 'Added successfully', payload }
const updated = { status: 201, replaced: true, msg: 'Updated successfully', payload }
const deleted = { status: 200, result: 'Success', msg: 'Key deleted', payload }
const missing = { status: 404, result: 'Error', msg: 'Key does not exist', payload: expect.any(String) }
const found = (value: string) => ({ status: 200, result: 'Success', value, payload })
const exists = (isExists: boolean) => ({ status: 200, isExists, result: 'Success', payload: expect.any(String) })

const viewOf = (...nodes: AssignmentNode[]) => nodes.map(({ address }) => address).join(',')
const changeView = (node: AssignmentNode, method: string, { address }: AssignmentNode) =>
  node.ask(method, '/view', `ip_port=${address}`)

/** Resolves once the answer is the expected one, within the time that the script gives the nodes. */
async function soon(ask: () => Promise<Answer>, expected: object): Promise<void> {
  let last: unknown
  const isExpected = async () => {
    last = await ask()
    return expect.objectContaining(expected).asymmetricMatch(last)
  }
  await until('the other node has it', isExpected, copiedMs).catch(() => expect(last).toEqual(expected))
}

function pairOf([a, b]: readonly AssignmentNode[]): [AssignmentNode, AssignmentNode] {
  if (a === undefined || b === undefined) throw new Error('there are two nodes')
  return [a, b]
}

function threeOf([a, b, c]: readonly AssignmentNode[]): [AssignmentNode, AssignmentNode, AssignmentNode] {
  if (a === undefined || b === undefined || c === undefined) throw new Error('there are three nodes')
  return [a, b, c]
}

describeWithDocker('the assignment’s replicas, by the image alone', () => {
  let assignment: Assignment

  beforeAll(async () => {
    assignment = await prepareAssignment()
  })

  afterAll(() => assignment?.end())

  describe('of two nodes', () => {
    let a: AssignmentNode
    let b: AssignmentNode

    beforeAll(async () => {
      ;[a, b] = pairOf(await assignment.start(2))
    })

    test('each row of the assignment’s table is answered as it says, and shows at the other node', async () => {
      expect(await a.get('k')).toEqual(missing)
      expect(await a.remove('k')).toEqual(missing)
      expect(await a.search('k')).toEqual(exists(false))
      expect(await a.put('k', 'one')).toEqual(added)
      expect(await a.get('k')).toEqual(found('one'))
      expect(await a.search('k')).toEqual(exists(true))
      await soon(() => b.get('k'), found('one'))
      expect(await b.put('k', 'two')).toEqual(updated)
      await soon(() => a.get('k'), found('two'))
      expect(await a.remove('k')).toEqual(deleted)
      await soon(() => b.get('k'), missing)
      expect(await b.search('k')).toEqual(exists(false))

      const both = viewOf(a, b)
      expect(await a.ask('GET', '/view')).toEqual({ status: 200, view: both })
      const msg = `${b.address} is already in view`
      expect(await changeView(a, 'PUT', b)).toEqual({ status: 404, result: 'Error', msg })
      const stranger = { ...b, address: '10.1.2.3:8080' }
      const none = `${stranger.address} is not in current view`
      expect(await changeView(a, 'DELETE', stranger)).toEqual({ status: 404, result: 'Error', msg: none })
    })

    test('a payload is understood in each way that clients send it, and so are parameters; bounds are kept', async () => {
      const { payload } = await a.put('k', 'v')
      const sendings = [payload, `"${payload}"`, '{}', '""', '']
      for (const sent of sendings) {
        expect(await a.get('k', sent), sent).toEqual(found('v'))
        expect(await b.search('k', sent), sent).toMatchObject({ status: 200 })
        expect(await a.put(`by-${sendings.indexOf(sent)}`, 'v', sent), sent).toEqual(added)
      }
      expect(await a.ask('GET', '/keyValue-store/k')).toEqual(found('v'))
      expect(await a.ask('GET', `/keyValue-store/k?payload=${payload}`)).toEqual(found('v'))
      expect(await a.ask('PUT', `/keyValue-store/k?val=w`)).toEqual(updated)
      expect(await a.ask('PUT', '/keyValue-store/k', `val=x&&payload=${payload}`)).toEqual(updated)
      expect(await a.get('k', payload)).toEqual(found('x'))
      expect(await a.get('k', 'nonsense!')).toMatchObject({ status: 400, result: 'Error' })
      expect(await a.get('k', 'ffffffff:1')).toMatchObject({ status: 400, msg: 'Payload out of date' })

      const longest = 'k'.repeat(200)
      expect(await a.put(longest, 'v')).toEqual(added)
      expect(await a.put(`${longest}k`, 'v')).toMatchObject({ status: 400, result: 'Error' })
      expect(await a.ask('PUT', '/keyValue-store/k', 'payload=')).toMatchObject({ status: 400, result: 'Error' })
      const large = 'v'.repeat(1024 * 1024)
      expect(await a.put('large', large)).toEqual(added)
      await until('the other node has it', async () => (await b.get('large')).value === large)
    })

    test('without a pause, a client that hands its payload on sees its writes at each node', async () => {
      for (let round = 0; round < 20; round++) {
        const key = `k-${round}`
        const first = await a.put(key, 'a')
        expect(first).toEqual(added)
        const seen = await a.get(key, first.payload)
        expect(seen).toEqual(found('a'))
        const second = await b.put(key, 'b', seen.payload)
        expect(second).toEqual(updated)
        expect(await a.get(key, second.payload)).toEqual(found('b'))
      }
    })

    test.each(['disconnect', 'dropPackets'] as const)(
      'in a partition (%s) both take writes, and no read goes back',
      async (cut) => {
        const [x, y] = [`X-${cut}`, `Y-${cut}`]
        const before = await a.put(`before-${cut}`, '0')
        expect(await b.get(`before-${cut}`, before.payload)).toEqual(found('0'))
        const heal = await assignment[cut](a, b)

        const zero = await a.put(x, 'Zero', before.payload)
        expect(zero).toEqual(added)
        const one = await b.put(x, 'One', zero.payload)
        expect(one).toEqual(added)
        const other = await b.put(y, 'Two', one.payload)
        expect(other).toEqual(added)
        expect(await b.get(x, other.payload)).toEqual(found('One'))
        expect(await b.get(y, other.payload)).toEqual(found('Two'))
        expect(await a.get(x, other.payload)).toMatchObject({ status: 400, msg: 'Payload out of date' })
        expect(await a.get(x)).toEqual(found('Zero'))

        await heal()
        const healed = await a.put(`healed-${cut}`, '1')
        await until('the other one follows', async () => (await b.get(`healed-${cut}`)).status === 200)
        expect(await b.get(x, healed.payload)).toEqual(found('One'))
        for (const node of [a, b]) {
          await until(`${node.name} has One`, async () => (await node.get(x)).value === 'One')
          expect(await node.get(x, other.payload)).toEqual(found('One'))
          expect(await node.get(y, other.payload)).toEqual(found('Two'))
        }
      },
    )
  })

  test('all know of a new node at once, which has the old keys; what a removed one took is on the others', async () => {
    const [a, b] = pairOf(await assignment.start(2))
    await a.put('old', '1')
    const c = await assignment.startThird()
    const joined = `Successfully added ${c.address} to view`
    expect(await changeView(a, 'PUT', c)).toEqual({ status: 200, result: 'Success', msg: joined })
    for (const node of [a, b, c]) expect(await node.ask('GET', '/view')).toMatchObject({ view: viewOf(a, b, c) })
    await soon(() => c.get('old'), found('1'))

    const late = await c.put('late', '2')
    expect(late).toEqual(added)
    const left = `Successfully removed ${c.address} from view`
    expect(await changeView(b, 'DELETE', c)).toEqual({ status: 200, result: 'Success', msg: left })
    for (const node of [a, b]) {
      expect(await node.get('late', late.payload)).toEqual(found('2'))
      expect(await node.ask('GET', '/view')).toMatchObject({ view: viewOf(a, b) })
    }
    const later = await a.put('later', '3', late.payload)
    expect(await c.search('later', later.payload)).toEqual(exists(false))

    expect(await changeView(a, 'PUT', c)).toMatchObject({ status: 200 })
    await until('it has what it missed', async () => (await c.get('later')).status === 200, 10_000)
  })

  test('a node that is killed 3 s after a write loses nothing', async () => {
    const [a, b, c] = threeOf(await assignment.start(3))
    expect(await a.ask('GET', '/view')).toMatchObject({ view: viewOf(a, b, c) })
    const written = await c.put('k', '1')
    const removed = await b.put('gone', '1')
    await soon(() => c.get('gone'), found('1'))
    expect(await c.remove('gone', removed.payload)).toEqual(deleted)
    for (const node of [a, b]) {
      await soon(() => node.get('k'), found('1'))
      await soon(() => node.get('gone'), missing)
    }
    await docker(['kill', c.name])
    for (const node of [a, b]) {
      expect(await node.get('k', written.payload)).toEqual(found('1'))
      expect(await node.put(`after-${node.name}`, '2', written.payload)).toEqual(added)
    }
    expect(await changeView(a, 'DELETE', c)).toMatchObject({ status: 200, result: 'Success' })
    expect(await a.get('k', written.payload)).toEqual(found('1'))
  })
})
