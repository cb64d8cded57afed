import { expect, test } from 'vitest'
import { freePort } from '../../../tools/lab/ports.ts'
import { makeClient } from '../../support/client.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'

interface Answer {
  readonly view?: string
  readonly payload?: string
}

const form = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** Nodes with a log each, told of each other as the assignment does. */
async function startGroup(count: number) {
  const call = makeClient()
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()))
  const addresses = ports.map((port) => `127.0.0.1:${port}`)
  const nodes: Node[] = []

  async function start(number: number, view: readonly string[]): Promise<void> {
    const { target } = await makeDatabase()
    const names = { VIEW: view.join(','), IP_PORT: addresses[number] ?? '', PORT: String(ports[number]) }
    nodes[number] = await startReadyNode(makeDirectory(), { ...toEnvironment(target), ...names })
  }
  const ask = async (number: number, method: string, path: string, body = '') => {
    const headers = { ...form, 'Content-Length': String(body.length) }
    const { status, body: text } = await call(nodes[number]?.url ?? '', { method, path, body, headers })
    if (status === 500) console.log(nodes[number]?.output().slice(-3000))
    return { ...(JSON.parse(text) as Answer), status }
  }
  const viewOf = async (number: number) => (await ask(number, 'GET', '/view')).view
  return { addresses, nodes, start, ask, viewOf }
}

const all = (addresses: readonly string[]) => addresses.toSorted().join(',')

test('a site that is added has the keys there were, and all know it at once; one that is removed has left what it had', async () => {
  const { addresses, start, ask, viewOf } = await startGroup(3)
  const [a = '', b = '', c = ''] = addresses
  await Promise.all([start(0, [a, b]), start(1, [a, b])])
  expect((await ask(0, 'PUT', '/keyValue-store/old', 'val=1')).status).toBe(200)
  await start(2, addresses)
  expect(await ask(0, 'PUT', '/view', `ip_port=${c}`)).toMatchObject({
    status: 200,
    msg: `Successfully added ${c} to view`,
  })
  for (const number of [0, 1, 2]) expect(await viewOf(number)).toBe(all(addresses))
  expect(await ask(0, 'PUT', '/view', `ip_port=${c}`)).toMatchObject({ status: 404, msg: `${c} is already in view` })
  await until('the new site has the old key', async () => (await ask(2, 'GET', '/keyValue-store/old')).status === 200)

  const written = await ask(2, 'PUT', '/keyValue-store/late', 'val=2')
  expect(await ask(0, 'DELETE', '/view', `ip_port=${c}`)).toMatchObject({ status: 200, result: 'Success' })
  for (const number of [0, 1]) {
    expect(await viewOf(number)).toBe(all([a, b]))
    expect(await ask(number, 'GET', '/keyValue-store/late')).toMatchObject({ status: 200, value: '2' })
  }
  expect(await ask(0, 'DELETE', '/view', `ip_port=${c}`)).toMatchObject({
    status: 404,
    msg: `${c} is not in current view`,
  })

  // The removed one answers from what it has, and waits for nobody.
  const later = await ask(0, 'PUT', '/keyValue-store/later', `val=3&payload=${written.payload}`)
  const search = await ask(2, 'GET', '/keyValue-store/search/later', `payload=${later.payload}`)
  expect(search).toMatchObject({ status: 200, isExists: false })

  // Added again, it has what it missed.
  expect((await ask(1, 'PUT', '/view', `ip_port=${c}`)).status).toBe(200)
  await until('it has what it missed', async () => (await ask(2, 'GET', '/keyValue-store/later')).status === 200)
})

test('a member that can’t be reached is removed all the same', async () => {
  const { addresses, nodes, start, ask, viewOf } = await startGroup(2)
  const [a = '', b = ''] = addresses
  await Promise.all([start(0, addresses), start(1, addresses)])
  nodes[1]?.kill('SIGKILL')
  await nodes[1]?.ended
  expect((await ask(0, 'DELETE', '/view', `ip_port=${b}`)).status).toBe(200)
  expect(await viewOf(0)).toBe(a)
})
