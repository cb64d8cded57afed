import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { until } from '../support/until.ts'
import { type Client, makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const project = `kvs-scale-${randomUUID().slice(0, 8)}`
let environment: NodeJS.ProcessEnv

const compose = (...args: string[]) =>
  docker(['compose', '--project-name', project, '--file', `${root}docker-compose.yml`, ...args], environment)

interface Scaled {
  readonly name: string
  readonly client: Client
}

/** The containers of kvs that run, at the ports of the range that each has got. */
async function nodes(): Promise<Scaled[]> {
  const names = await compose('ps', '--format', '{{.Name}}', 'kvs')
  return Promise.all(
    names.split('\n').map(async (name) => {
      const [address] = (await docker(['port', name, '8080'])).split('\n')
      return { name, client: makeClient(`http://${address}`) }
    }),
  )
}

const logOf = (name: string) => docker(['logs', name])
const slotOf = async (name: string) => Number(/slot (\d+): \//.exec(await logOf(name))?.[1] ?? 1)
const slots = async (scaled: readonly Scaled[]) =>
  (await Promise.all(scaled.map(({ name }) => slotOf(name)))).toSorted()
const all = (scaled: readonly Scaled[], state: string) => Promise.all(scaled.map(({ client }) => client.reaches(state)))

async function logged(prefix: string): Promise<string[]> {
  const query = `SELECT key FROM transactions WHERE key LIKE '${prefix}%' AND NOT superseded ORDER BY key`
  return (await compose('exec', '-T', 'postgres', 'psql', '-U', 'kvs', '-Atc', query)).split('\n')
}

/** With Postgres down, one write through each. Returns the keys. */
async function spoolOneEach(scaled: readonly Scaled[], prefix: string): Promise<string[]> {
  await compose('kill', 'postgres')
  await all(scaled, 'log down')
  const keys = scaled.map((_, index) => `${prefix}-${index + 1}`)
  for (const [index, { client }] of scaled.entries()) {
    expect((await client.put(keys[index] ?? '', 'spooled')).status).toBe(202)
  }
  return keys
}

async function expectThere(keys: readonly string[], prefix: string, { client }: Scaled): Promise<void> {
  await until(`the log has ${keys}`, async () => (await logged(prefix)).join() === keys.join())
  await client.put('reads-on', prefix)
  for (const key of keys) expect(await (await client.request(`/v1/${key}`)).text()).toBe('spooled')
}

beforeAll(async () => {
  const port = await freePort(3)
  const unset = ['POSTGRES_USER', 'POSTGRES_PASSWORD', 'POSTGRES_DB', 'KVS_WHEN_LOG_IS_DOWN', 'LOG_LEVEL', 'LOG_FORMAT']
  const defaults = Object.fromEntries(unset.map((name) => [name, '']))
  environment = { ...process.env, ...defaults, PUBLISH: `127.0.0.1:${port}-${port + 2}` }
})

describeWithDocker('docker compose --scale kvs=3', () => {
  beforeAll(() => compose('up', '--build', '--scale', 'kvs=3', '--wait'))

  afterEach(async () => {
    await compose('start')
    await all(await nodes(), 'serving')
  })

  afterAll(() => compose('down', '--volumes', '--remove-orphans', '--rmi', 'local'))

  test('three nodes have a port of the range and a slot of the volume each', async () => {
    const scaled = await nodes()
    await all(scaled, 'serving')
    expect(await slots(scaled)).toEqual([1, 2, 3])
    for (const [index, { client }] of scaled.entries()) expect((await client.put(`k${index}`, 'x')).status).toBe(201)
  })

  test('what three have spooled is there again in three that were made anew in their place', async () => {
    const before = await nodes()
    const keys = await spoolOneEach(before, 'anew')
    await compose('up', '--detach', '--no-deps', '--force-recreate', '--scale', 'kvs=3', 'kvs')
    const after = await nodes()
    await all(after, 'starting')
    expect(await slots(after)).toEqual([1, 2, 3])
    for (const { name } of after) expect(await logOf(name)).toContain('writes in the spool that wait for the log: 1')
    await compose('start', 'postgres')
    await all(after, 'serving')
    for (const node of after) await expectThere(keys, 'anew', node)
  })

  test('what two have spooled that were killed and removed is brought to the log by the third', async () => {
    const scaled = await nodes()
    const keys = await spoolOneEach(scaled, 'removed')
    const [left, ...gone] = scaled as [Scaled, ...Scaled[]]
    await docker(['rm', '--force', ...gone.map(({ name }) => name)])
    await compose('start', 'postgres')
    await left.client.reaches('serving')
    await expectThere(keys, 'removed', left)
    expect(
      (await logOf(left.name)).match(/took over the spool of a node that is gone \(slot \d\): 1 writes/g),
    ).toHaveLength(2)
  })

  test('scaled up again and down to one, nothing that was spooled is lost either', async () => {
    await compose('up', '--detach', '--no-deps', '--no-recreate', '--scale', 'kvs=3', 'kvs')
    const scaled = await nodes()
    await all(scaled, 'serving')
    expect(await slots(scaled)).toEqual([1, 2, 3])
    const keys = await spoolOneEach(scaled, 'down')
    await compose('up', '--detach', '--no-deps', '--no-recreate', '--scale', 'kvs=1', 'kvs')
    const [left, ...gone] = (await nodes()) as [Scaled, ...Scaled[]]
    expect(gone).toEqual([])
    await compose('start', 'postgres')
    await left.client.reaches('serving')
    await expectThere(keys, 'down', left)
  })
})
