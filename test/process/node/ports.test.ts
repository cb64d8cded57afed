import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../tools/lab/ports.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { makeDatabase } from '../../support/database.ts'
import { ask, handshake } from '../../support/https.ts'
import { makeDirectory, type Node, spawnNode, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { startTlsNode } from '../tls/tls-node.ts'

/** A node with two ports, any free one and one that was free just now. */
const twoPorts = async () => `0,${await freePort()}`

/** Of the two ports; each is told in a line of its own. */
const urlsOf = (node: Node) =>
  until('both ports are told', () => {
    const [first, second] = [...node.output().matchAll(/listening on (https?:\/\/[^"\s]+)/g)].map(([, url]) => url)
    return first !== undefined && second !== undefined && ([first, second] as const)
  })

function open(url: string, text: string): { socket: Socket; text: () => string } {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  let received = ''
  socket.on('error', () => undefined).on('data', (chunk) => (received += chunk))
  socket.write(text)
  return { socket, text: () => received }
}

/** On a connection that is closed with the answer, so that it does not count as one that is held. */
const statusOf = (url: string) =>
  new Promise<number | undefined>((resolve) => {
    request(url, { agent: false }, (answer) => answer.resume().on('end', () => resolve(answer.statusCode)))
      .on('error', () => resolve(undefined))
      .end()
  })

async function startBoth(settings: Record<string, string> = {}) {
  const environment = toEnvironment((await makeDatabase()).target)
  const node = await startNode(makeDirectory(), { ...environment, PORT: await twoPorts(), ...settings })
  const [first, second] = await urlsOf(node)
  await until('it is ready', async () => (await statusOf(`${first}/readyz`)) === 200)
  return { node, first, second }
}

const livez = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'
const upload = 'PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n'

test('a node serves one store on each port of a list, and counts the requests of all', async () => {
  const { first, second } = await startBoth()
  expect((await fetch(`${first}/v1/a`, { method: 'PUT', body: 'one' })).status).toBe(201)
  expect(await (await fetch(`${second}/v1/a`)).text()).toBe('one')
  expect((await fetch(`${second}/v1/a`, { method: 'DELETE' })).status).toBe(200)
  expect((await fetch(`${first}/v1/a`)).status).toBe(404)
  const counts = await (await fetch(`${first}/metrics`)).text()
  expect(counts).toMatch(/kvs_http_request_duration_seconds_count\{[^}]*method="PUT"[^}]*\} 1\n/)
  expect(counts).toMatch(/kvs_http_request_duration_seconds_count\{[^}]*method="DELETE"[^}]*\} 1\n/)
})

test('connections of all ports together count against KVS_MAX_CONNECTIONS', async () => {
  const { first, second } = await startBoth({ KVS_MAX_CONNECTIONS: '4' })
  const held: ReturnType<typeof open>[] = []
  for (const url of [first, second, first, second]) {
    // The connection that has asked whether the node is ready may still be there.
    await until('one more is served', async () => {
      const one = open(url, livez)
      await until('it is answered', () => one.text() !== '')
      return one.text().startsWith('HTTP/1.1 200') && held.push(one)
    })
  }
  for (const url of [first, second]) {
    const more = open(url, 'GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until('one too many is told so', () => /^HTTP\/1\.1 503 [\s\S]*too many connections/.test(more.text()))
    more.socket.destroy()
  }
  for (const { socket } of held) socket.destroy()
  await until('there is room again', async () => (await statusOf(`${second}/v1/a`)) === 404)
})

test('told to stop, a node takes no connection on any port, and finishes what is under way on each', async () => {
  const { node, first, second } = await startBoth()
  const uploads = [first, second].map((url) => open(url, upload))
  await until('both are told to go on', () => uploads.every(({ text }) => text().includes('100 Continue')))
  const idle = open(second, livez)
  await until('it is served', () => idle.text().startsWith('HTTP/1.1 200'))
  node.kill('SIGTERM')
  await until('it drains', () => node.output().includes('finishing what is under way'))
  for (const url of [first, second]) await expect(fetch(`${url}/livez`)).rejects.toThrow()
  await until('the idle one is closed', () => idle.socket.readableEnded || idle.socket.closed)
  for (const { socket } of uploads) socket.write('late')
  const isDone = ({ text }: { text: () => string }) => text().includes('HTTP/1.1 201')
  await until('both are done', () => uploads.every(isDone))
  expect(await node.ended).toBe(0)
})

test('a client that has sent all and closes its side is answered on each port alike', async () => {
  const { first, second } = await startBoth()
  for (const url of [first, second]) {
    const { socket, text } = open(url, '')
    socket.end(livez)
    await until('it is answered', () => text().startsWith('HTTP/1.1 200'))
  }
})

test('a certificate that is replaced is shown on each port', async () => {
  const authority = makeAuthority()
  const pair = authority.issue('first')
  const node = await startTlsNode(pair, { PORT: await twoPorts() })
  const urls = await urlsOf(node)
  const serials = () => Promise.all(urls.map(async (url) => (await ask(`${url}/livez`, { ca: authority.ca })).serial))
  const [before, same] = await serials()
  expect(same).toBe(before)
  expect(urls.map((url) => new URL(url).protocol)).toEqual(['https:', 'https:'])
  const kept = await handshake(urls[1], { ca: authority.ca })
  const next = authority.issue('second')
  copyFileSync(next.certFile, pair.certFile)
  copyFileSync(next.keyFile, pair.keyFile)
  node.kill('SIGHUP')
  await until('it is shown on both', async () => (await serials()).every((serial) => serial !== before))
  let text = ''
  kept.on('data', (data) => (text += data)).write(livez)
  await until('the old connection is served', () => text.startsWith('HTTP/1.1 200'))
})

test('a forwarder forwards from each port, and stops on each', async () => {
  const main = await startReadyNode(makeDirectory(), toEnvironment((await makeDatabase()).target))
  const forwarder = await startNode(makeDirectory(), {
    PORT: await twoPorts(),
    FORWARDING_ADDRESS: new URL(main.url).host,
  })
  const [first, second] = await urlsOf(forwarder)
  expect((await fetch(`${first}/v1/a`, { method: 'PUT', body: 'one' })).status).toBe(201)
  expect(await (await fetch(`${second}/v1/a`)).text()).toBe('one')
  forwarder.kill('SIGTERM')
  expect(await forwarder.ended).toBe(0)
})

test.each([
  ['a node', {}],
  ['a forwarder', { FORWARDING_ADDRESS: '127.0.0.1:1' }],
])('%s says which port of its list is taken, and which list to change', async (_, settings) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const taken = (other.address() as { port: number }).port
  const free = await freePort()
  for (const ports of [`${free},${taken}`, `${taken},${free}`]) {
    const node = spawnNode(makeDirectory(), { ...settings, PORT: ports })
    expect(await node.ended).toBe(1)
    expect(node.output()).toContain(`port ${taken} is in use on 127.0.0.1: set PORT (${ports}) to ports that are free`)
  }
})

test.each([
  ['8080,8080', 'names 8080 twice'],
  ['8080,', 'has a comma without a port'],
  ['8080,kvs', '"kvs" is not a whole number'],
])('the list %s is refused in words', async (ports, words) => {
  const node = spawnNode(makeDirectory(), { PORT: ports })
  expect(await node.ended).toBe(78)
  expect(node.output()).toMatch(/^ {2}PORT: /m)
  expect(node.output()).toContain(words)
})
