import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { type Client, makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'
import { cannotForward, get, id, put, remove, runContainers, seen } from './forwarding-containers.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

describeWithDocker('a main and two forwarders in containers', () => {
  const containers = runContainers()

  const nodes: readonly (readonly [string, () => Client])[] = [
    ['the main', () => containers.main],
    ['the first forwarder', () => containers.first],
    ['the second forwarder', () => containers.second],
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
    const { main, first, second } = containers
    await first.putPairs()
    for (const node of [main, first, second]) await node.expectPairs()
    expect(await seen(put(second, 'shared', '{"value":null}'))).toEqual([201, '{"result":"created"}'])
    for (const node of [main, first])
      expect(await seen(get(node, 'shared'))).toEqual([200, '{"result":"found","value":null}'])
    expect(await seen(remove(main, 'shared'))).toEqual([200, '{"result":"deleted"}'])
    for (const node of [first, second]) expect((await get(node, 'shared')).status).toBe(404)
  })

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
