import { execFile } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { withClient } from '../../tools/lab/postgres-client.ts'
import { makeNetwork } from '../../tools/lab/subnet.ts'
import { until } from '../support/until.ts'
import { type Client, makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'
import { documented } from './documented.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

/** How long the assignment's script waits between its last `docker run` and its first request. */
const patienceMs = 5_000

const id = `kvs-asg-${randomUUID().slice(0, 8)}`
const nodes = ['main-instance', 'forwarding-instance1', 'forwarding-instance2'] as const
const cannotForward = [503, '{"error":"Cannot forward request"}']

const seen = async (answer: Promise<Response>) => [(await answer).status, await (await answer).text()]
const get = ({ request }: Client, key: string) => seen(request(`/kvs/${key}`))
const remove = ({ request }: Client, key: string) => seen(request(`/kvs/${key}`, { method: 'DELETE' }))
const put = ({ request }: Client, key: string, value: unknown) =>
  seen(
    request(`/kvs/${key}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ value }),
    }),
  )

/** Runs a command as docs/forwarding.md has it; only what somebody else may have by that name is the test's own. */
async function run(command: string, names: Readonly<Record<string, string>>): Promise<void> {
  const line = documented(command, { asg2img: id, mynet: `${id}-net`, ...names }, 'docs/forwarding.md')
  await promisify(execFile)('sh', ['-c', line], { cwd: root, maxBuffer: 64 * 1024 * 1024 })
}

/** Returns the first two numbers of the network's subnet. */
function makeOwnNetwork(): Promise<string> {
  return makeNetwork(
    () => `10.${randomInt(64, 250)}`,
    (subnet) => run('docker network create', { '10.10': subnet }),
  )
}

describeWithDocker('the assignment’s own commands', () => {
  let subnet: string
  let clients: readonly [main: Client, first: Client, second: Client]

  const nameOf = (node: string) => `${id}-${node}`

  /** How long the first start of a Postgres takes that has its log for itself, in milliseconds. */
  async function startPostgres(): Promise<number> {
    const began = performance.now()
    const port = await freePort()
    const run = ['run', '--detach', '--name', nameOf('postgres'), '-p', `127.0.0.1:${port}:5432`]
    await docker([...run, '--env', 'POSTGRES_PASSWORD=kvs', 'postgres:17'])
    const target = { host: '127.0.0.1', port, user: 'postgres', password: 'kvs', database: 'postgres' }
    await until('Postgres answers', () => withClient(target, async () => true).catch(() => false), 120_000)
    return performance.now() - began
  }

  /** All three at once on the main's first start, with the ports that the image has by itself. */
  async function runAll(): Promise<void> {
    const peer = startPostgres()
    const urls: string[] = []
    for (const [index, node] of nodes.entries()) {
      const port = await freePort()
      const names = { '10.10': subnet, [`${8082 + index}:`]: `127.0.0.1:${port}:`, [node]: nameOf(node) }
      await run(`docker run -d -p ${8082 + index}:8090`, names)
      urls.push(`http://127.0.0.1:${port}`)
    }
    const [main, first, second] = urls.map(makeClient)
    if (main === undefined || first === undefined || second === undefined) throw new Error('there are three nodes')
    clients = [main, first, second]
    const last = performance.now()
    const isMissing = (answer: unknown[] | undefined) => answer?.[0] === 404
    for (const [index, client] of clients.entries()) {
      const answers = async () => isMissing(await get(client, 'none').catch(() => undefined))
      await until(`${nodes[index]} answers`, answers, 120_000)
    }
    const took = performance.now() - last
    // On a machine that is busy, no longer than a Postgres that was started beside them.
    expect(took).toBeLessThan(Math.max(patienceMs, await peer))
  }

  const end = () => docker(['rm', '--force', '--volumes', ...[...nodes, 'postgres'].map(nameOf)]).catch(() => undefined)

  beforeAll(async () => {
    await run('docker build', {})
    subnet = await makeOwnNetwork()
    await runAll()
  })

  afterAll(async () => {
    await end()
    await docker(['network', 'rm', `${id}-net`]).catch(() => undefined)
    await docker(['rmi', '--force', id]).catch(() => undefined)
  })

  test('have three nodes up in the time that the script gives them, which are one store', async () => {
    const missing = [404, '{"error":"Key does not exist"}']
    for (const [index, client] of clients.entries()) {
      const [other, another] = clients.filter((one) => one !== client)
      if (other === undefined || another === undefined) throw new Error('there are three nodes')
      const key = `key-${index}`
      expect(await get(client, key)).toEqual(missing)
      expect(await put(client, key, index)).toEqual([201, '{"result":"created"}'])
      expect(await get(other, key)).toEqual([200, `{"result":"found","value":${index}}`])
      expect(await put(other, key, 'new')).toEqual([200, '{"result":"replaced"}'])
      expect(await get(another, key)).toEqual([200, '{"result":"found","value":"new"}'])
      expect(await remove(another, key)).toEqual([200, '{"result":"deleted"}'])
      expect(await get(client, key)).toEqual(missing)
    }
  })

  test.each(['stop', 'kill'])(
    'docker %s of the main has both forwarders say that they can’t forward',
    async (command) => {
      const [main, first, second] = clients
      await docker([command, nameOf('main-instance')])
      for (const node of [first, second]) {
        expect(await get(node, 'key')).toEqual(cannotForward)
        expect(await put(node, 'key', 1)).toEqual(cannotForward)
        expect(await remove(node, 'key')).toEqual(cannotForward)
      }
      await docker(['start', nameOf('main-instance')])
      await main.reaches('serving')
      expect(await put(first, `after-${command}`, 1)).toEqual([201, '{"result":"created"}'])
      expect(await get(second, `after-${command}`)).toEqual([200, '{"result":"found","value":1}'])
    },
  )

  test('both ports of the image are open, and -e PORT alone has just that one', async () => {
    const name = nameOf('one-port')
    const listening = async (container: string) =>
      [...(await docker(['logs', container])).matchAll(/listening on http:\/\/0\.0\.0\.0:(\d+)/g)].map(
        ([, port]) => port,
      )
    expect((await listening(nameOf('main-instance'))).slice(0, 2)).toEqual(['8080', '8090'])
    expect(await docker(['inspect', '--format', '{{json .Config.ExposedPorts}}', id])).toBe(
      '{"8080/tcp":{},"8090/tcp":{}}',
    )
    await docker(['run', '--detach', '--name', name, '--env', 'PORT=8090', id])
    try {
      await until('it is healthy', async () => (await stateOf(name)) === 'healthy', 60_000)
      expect(await listening(name)).toEqual(['8090'])
    } finally {
      await docker(['rm', '--force', '--volumes', name])
    }
    await until('the main is healthy', async () => (await stateOf(nameOf('main-instance'))) === 'healthy', 60_000)
  })
})

const stateOf = (container: string) => docker(['inspect', '--format', '{{.State.Health.Status}}', container])
