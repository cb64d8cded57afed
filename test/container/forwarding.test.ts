import { randomInt, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { until } from '../support/until.ts'
import { type Client, makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const id = `kvs-forwarding-${randomUUID().slice(0, 8)}`
const cannotForward = [503, '{"error":"Cannot forward request"}']

const isReady = ({ request }: Client) =>
  until('it is ready', async () => (await request('/readyz').catch(() => undefined))?.status === 200, 120_000)

const put = ({ request }: Client, key: string, body: string | undefined) =>
  request(`/kvs/${key}`, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, ...(body && { body }) })
const get = ({ request }: Client, key: string) => request(`/kvs/${key}`)
const remove = ({ request }: Client, key: string) => request(`/kvs/${key}`, { method: 'DELETE' })
const seen = async (answer: Promise<Response>) => [(await answer).status, await (await answer).text()]

/** A network with a subnet that nobody else has. */
async function makeNetwork(): Promise<string> {
  for (;;) {
    const subnet = `10.10.${randomInt(256)}`
    const made = docker(['network', 'create', `--subnet=${subnet}.0/24`, id])
    const isMade = await made.then(
      () => true,
      (error) => {
        if (!/overlaps/.test(String(error))) throw error
        return false
      },
    )
    if (isMade) return subnet
  }
}

describeWithDocker('a main and two forwarders in containers', () => {
  let main: Client
  let first: Client
  let second: Client
  const containers: string[] = []

  async function run(name: string, subnet: string, host: number, ...settings: string[]): Promise<Client> {
    const port = await freePort()
    const place = ['--net', id, '--ip', `${subnet}.${host}`, '--publish', `127.0.0.1:${port}:8090`]
    const env = ['PORT=8090', ...settings].flatMap((setting) => ['--env', setting])
    await docker(['run', '--detach', '--name', `${id}-${name}`, ...place, ...env, id])
    containers.push(`${id}-${name}`)
    return makeClient(`http://127.0.0.1:${port}`)
  }

  beforeAll(async () => {
    await docker(['build', '--quiet', '--tag', id, '.'])
    const subnet = await makeNetwork()
    main = await run('main', subnet, 2)
    first = await run('first', subnet, 3, `FORWARDING_ADDRESS=${subnet}.2:8090`)
    second = await run('second', subnet, 4, `FORWARDING_ADDRESS=${subnet}.2:8090`, 'KVS_FORWARD_TIMEOUT=2s')
    await Promise.all([main, first, second].map(isReady))
  })

  afterAll(async () => {
    if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers])
    await docker(['network', 'rm', id]).catch(() => undefined)
    await docker(['rmi', id]).catch(() => undefined)
  })

  const nodes: readonly (readonly [string, () => Client])[] = [
    ['the main', () => main],
    ['the first forwarder', () => first],
    ['the second forwarder', () => second],
  ]

  test.each(nodes)('%s answers each request as the assignment has it', async (name, nodeOf) => {
    const node = nodeOf()
    const key = encodeURIComponent(name)
    const missing = [404, '{"error":"Key does not exist"}']
    expect(await seen(get(node, key))).toEqual(missing)
    expect(await seen(remove(node, key))).toEqual(missing)
    for (const body of [undefined, 'no JSON', '{}', '[1]']) {
      expect(await seen(put(node, key, body))).toEqual([400, '{"error":"PUT request does not specify a value"}'])
    }
    expect(await seen(get(node, key))).toEqual(missing)
    expect(await seen(put(node, key, '{"value":"first"}'))).toEqual([201, '{"result":"created"}'])
    expect(await seen(get(node, key))).toEqual([200, '{"result":"found","value":"first"}'])
    expect(await seen(put(node, key, '{"value":{"n":1.0}}'))).toEqual([200, '{"result":"replaced"}'])
    expect(await seen(get(node, key))).toEqual([200, '{"result":"found","value":{"n":1.0}}'])
    expect(await seen(remove(node, key))).toEqual([200, '{"result":"deleted"}'])
    expect(await seen(remove(node, key))).toEqual(missing)
    expect(await seen(put(node, 'x'.repeat(50), '{"value":1}'))).toEqual([
      expect.any(Number),
      expect.stringMatching(/created|replaced/),
    ])
    expect(await seen(put(node, 'x'.repeat(51), '{"value":1}'))).toEqual([400, '{"error":"Key is too long"}'])
    expect(await seen(put(node, '%F0%9F%94%91'.repeat(51), '{"value":1}'))).toEqual([
      400,
      '{"error":"Key is too long"}',
    ])
  })

  test('what one of them has stored, all show, byte for byte', async () => {
    await first.putPairs()
    for (const node of [main, first, second]) await node.expectPairs()
    expect(await seen(put(second, 'shared', '{"value":null}'))).toEqual([201, '{"result":"created"}'])
    for (const node of [main, first])
      expect(await seen(get(node, 'shared'))).toEqual([200, '{"result":"found","value":null}'])
    expect(await seen(remove(main, 'shared'))).toEqual([200, '{"result":"deleted"}'])
    for (const node of [first, second]) expect((await get(node, 'shared')).status).toBe(404)
  })

  test.each([
    ['killed', ['kill'], ['start']],
    ['stopped', ['stop'], ['start']],
    ['frozen', ['pause'], ['unpause']],
  ])(
    'with the main %s a forwarder says that it can’t forward, and with it back, all is there',
    async (_, end, back) => {
      await put(main, 'kept', '{"value":"kept"}')
      await docker([...end, `${id}-main`])
      expect(await seen(get(second, 'kept'))).toEqual(cannotForward)
      expect(await seen(put(second, 'kept', '{"value":"x"}'))).toEqual(cannotForward)
      expect(await seen(remove(second, 'kept'))).toEqual(cannotForward)
      expect((await second.request('/livez')).status).toBe(200)
      expect((await second.request('/readyz')).status).toBe(503)
      if (end[0] !== 'pause') expect(await seen(get(first, 'kept'))).toEqual(cannotForward)
      await docker([...back, `${id}-main`])
      await Promise.all([first, second].map(isReady))
      await put(first, 'kept', '{"value":"kept"}') // after what a frozen main had in its buffers
      for (const node of [main, first, second])
        expect(await seen(get(node, 'kept'))).toEqual([200, '{"result":"found","value":"kept"}'])
      await first.expectPairs()
    },
  )

  test('a forwarder says where to, has no Postgres, and stops with 0', async () => {
    const name = `${id}-first`
    expect(await docker(['logs', name])).toMatch(/forwarding every request to http:\/\/10\.10\.\d+\.2:8090/)
    expect(await docker(['top', name])).not.toContain('postgres')
    await docker(['stop', name])
    expect(await docker(['inspect', '--format', '{{.State.ExitCode}}', name])).toBe('0')
  })
})

describeWithDocker('docker compose with two forwarders', () => {
  const project = `${id}-compose`
  let environment: NodeJS.ProcessEnv
  let forwarders: Client[]

  const compose = (...args: string[]) => {
    const files = ['docker-compose.yml', 'compose/forwarding.yml'].flatMap((file) => ['--file', `${root}${file}`])
    return docker(['compose', '--project-name', project, ...files, ...args], environment)
  }

  beforeAll(async () => {
    const ports = [await freePort(), await freePort(), await freePort()]
    // Empty: the defaults, whatever the user's environment or .env says
    const unset = ['POSTGRES_USER', 'POSTGRES_PASSWORD', 'POSTGRES_DB', 'LOG_LEVEL', 'LOG_FORMAT', 'FORWARDING_ADDRESS']
    environment = { ...process.env, ...Object.fromEntries(unset.map((name) => [name, ''])) }
    for (const [index, name] of ['PUBLISH', 'PUBLISH_FORWARDER_1', 'PUBLISH_FORWARDER_2'].entries()) {
      environment[name] = `127.0.0.1:${ports[index]}`
    }
    forwarders = ports.slice(1).map((port) => makeClient(`http://127.0.0.1:${port}`))
    await compose('up', '--build', '--wait')
  })

  afterAll(() => compose('down', '--volumes', '--remove-orphans', '--rmi', 'local'))

  test('each is ready when compose says so, and says so when kvs is not there', async () => {
    for (const [index, node] of forwarders.entries()) {
      expect(await seen(put(node, 'x', `{"value":${index}}`))).toEqual([index === 0 ? 201 : 200, expect.any(String)])
      expect(await seen(get(node, 'x'))).toEqual([200, `{"result":"found","value":${index}}`])
    }
    await compose('kill', 'kvs')
    for (const node of forwarders) expect(await seen(get(node, 'x'))).toEqual(cannotForward)
    await compose('up', '--wait')
    for (const node of forwarders) expect(await seen(get(node, 'x'))).toEqual([200, '{"result":"found","value":1}'])
    await compose('kill', 'postgres')
    for (const node of forwarders) {
      expect(await seen(put(node, 'x', '{"value":"spooled"}'))).toEqual([202, '{"result":"spooled"}'])
      expect(await seen(get(node, 'x'))).toEqual([200, '{"result":"found","value":"spooled"}'])
      expect((await node.request('/readyz')).status).toBe(200)
    }
    expect(await compose('logs', '--no-log-prefix', '--no-color', 'forwarder-1')).toMatch(
      /DEBUG: PUT \/kvs\/x status=201 /,
    )
  })
})
