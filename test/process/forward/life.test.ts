import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, spawnNode, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { cannotForward, startClient, startRawTarget } from '../../unit/forward/serve.ts'

const addressOf = ({ url }: Node) => new URL(url).host
const portOf = ({ url }: Node) => Number(new URL(url).port)
const put = (node: Node, key: string, value: string) =>
  fetch(`${node.url}/kvs/${key}`, { method: 'PUT', body: JSON.stringify({ value }) })
const get = async (node: Node, key: string) => {
  const answer = await fetch(`${node.url}/kvs/${key}`)
  return [answer.status, await answer.text()]
}

test('a forwarder serves what its node has, says 503 while that is gone, and serves when it is back', async () => {
  const environment = toEnvironment((await makeDatabase()).target)
  const directory = makeDirectory()
  const main = await startReadyNode(directory, environment)
  const home = makeDirectory()
  const forwarder = await startNode(home, {
    FORWARDING_ADDRESS: addressOf(main),
    LOG_LEVEL: 'debug',
    LOG_FORMAT: 'pretty',
  })
  expect(forwarder.output()).toContain(`forwarding every request to http://${addressOf(main)}`)
  expect(existsSync(join(home, 'data'))).toBe(false)

  expect((await put(forwarder, 'a', 'Test Pair 1')).status).toBe(201)
  expect((await put(main, 'a', 'Test Pair 2')).status).toBe(200)
  const found = [200, '{"result":"found","value":"Test Pair 2"}']
  expect(await get(forwarder, 'a')).toEqual(found)
  main.kill('SIGKILL')
  await main.ended
  for (let i = 0; i < 3; i++) expect(await get(forwarder, 'a')).toEqual([503, cannotForward])
  expect((await put(forwarder, 'a', 'lost')).status).toBe(503)
  expect((await fetch(`${forwarder.url}/readyz`)).status).toBe(503)
  expect((await fetch(`${forwarder.url}/livez`)).status).toBe(200)

  await startReadyNode(directory, { ...environment, PORT: new URL(main.url).port })
  expect(await get(forwarder, 'a')).toEqual(found)
  expect((await fetch(`${forwarder.url}/readyz`)).status).toBe(200)

  forwarder.kill('SIGTERM')
  expect(await forwarder.ended).toBe(0)
  const output = forwarder.output()
  const told = (pattern: RegExp) => output.match(new RegExp(pattern, 'g'))?.length
  expect(told(/cannot forward: /)).toBe(1)
  expect(told(/answers again after \d+\.\d+ s/)).toBe(1)
  expect(told(/PUT \/kvs\/a status=201 bytes=20 trace=[0-9a-f]{32} .*\d+ms/)).toBe(1)
  expect(told(/GET \/kvs\/a status=503 cannot_forward trace=[0-9a-f]{32} \(nothing listens at .*\) .*\d+ms/)).toBe(3)
  expect(output).not.toContain('Test Pair')
  expect(output).toMatch(/stopped/)
})

test('told to stop, it finishes the request under way', async () => {
  const target = await startRawTarget()
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: `127.0.0.1:${target.port}` })
  const client = startClient(portOf(forwarder))
  client.send('GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const { socket, text } = await target.connection()
  await until('the target has it', text)
  forwarder.kill('SIGTERM')
  await until('it takes no connection', () =>
    fetch(`${forwarder.url}/livez`).then(
      () => false,
      () => true,
    ),
  )
  expect(forwarder.output()).toContain('finishing what is under way')
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
  await client.receives(/^HTTP\/1.1 200 OK[\s\S]*hi$/)
  expect(await forwarder.ended).toBe(0)
})

test('told to stop, it ends within KVS_SHUTDOWN_TIMEOUT, with an answer for who still waits', async () => {
  const target = await startRawTarget()
  const forwarder = await startNode(makeDirectory(), {
    FORWARDING_ADDRESS: `127.0.0.1:${target.port}`,
    KVS_SHUTDOWN_TIMEOUT: '500ms',
  })
  const client = startClient(portOf(forwarder))
  client.send('GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until('the target has it', (await target.connection()).text)
  forwarder.kill('SIGTERM')
  await client.receives(/^HTTP\/1.1 503 [\s\S]*{"error":"Cannot forward request"}$/)
  expect(await forwarder.ended).toBe(0)
})

test('what a forwarder has no use for is named, and not read', async () => {
  const forwarder = await startNode(makeDirectory(), {
    FORWARDING_ADDRESS: '127.0.0.1:1',
    POSTGRES_HOST: 'db1,db2',
    KVS_MAX_VALUE_BYTES: 'much',
  })
  expect(forwarder.output()).toContain(
    'not used: POSTGRES_HOST, KVS_MAX_VALUE_BYTES; every request is forwarded, since FORWARDING_ADDRESS is set',
  )
})

test('a wrong address is told with all else that is wrong', async () => {
  const node = spawnNode(makeDirectory(), {
    FORWARDING_ADDRESS: 'http://kvs:8080/',
    KVS_FORWARD_TIMEOUT: '5',
    PORT: 'x',
  })
  expect(await node.ended).toBe(78)
  for (const name of ['FORWARDING_ADDRESS', 'KVS_FORWARD_TIMEOUT', 'PORT']) expect(node.output()).toMatch(`${name}: "`)
})

test('an empty address counts as none', async () => {
  const { target } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(target), FORWARDING_ADDRESS: '' })
  expect((await put(node, 'a', 'x')).status).toBe(201)
})

test('a port in use is named', async () => {
  const target = await startRawTarget()
  const env = { FORWARDING_ADDRESS: '127.0.0.1:1', PORT: String(target.port) }
  const second = spawnNode(makeDirectory(), env)
  expect(await second.ended).toBe(1)
  expect(second.output()).toMatch(/port \d+ is in use .*set PORT/)
})
