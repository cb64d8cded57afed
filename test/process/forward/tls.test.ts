import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { makeAuthority } from '../../support/certificates.ts'
import { ask, handshake } from '../../support/https.ts'
import { makeDirectory, startNode } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { head, startForwarder, startRawTarget } from '../../unit/forward/serve.ts'
import { startTlsNode } from '../tls/tls-node.ts'
import { httpsTo, plainly, put } from './tls-forwarding.ts'

vi.setConfig({ testTimeout: 120_000 })

test('a forwarder speaks HTTPS both ways, and shows its certificate where one is wanted', async () => {
  const authority = makeAuthority()
  const clients = makeAuthority('CA of the clients')
  const server = authority.issue('server')
  const main = await startTlsNode(server, { KVS_TLS_CLIENT_CA: clients.caFile })
  const forwarders = makeAuthority('CA of the forwarders')
  const own = forwarders.issue('forwarder')
  const shown = clients.client('forwarder')
  const forwarder = await startNode(makeDirectory(), {
    FORWARDING_ADDRESS: httpsTo(main),
    KVS_FORWARD_CA: authority.caFile,
    KVS_FORWARD_CERT: shown.certFile,
    KVS_FORWARD_KEY: shown.keyFile,
    KVS_TLS_CERT: own.certFile,
    KVS_TLS_KEY: own.keyFile,
  })
  expect(forwarder.output()).toContain(`forwarding every request to ${httpsTo(main)}`)
  const { ca } = forwarders
  expect((await ask(`${forwarder.url}/readyz`, { ca })).status).toBe(200)
  expect((await ask(`${forwarder.url}/v1/a`, { ...put, ca })).status).toBe(201)
  expect(await ask(`${forwarder.url}/v1/a`, { ca })).toMatchObject({ status: 200, body: 'Test Pair 1' })
  // Whatever the client calls it, it is the target's name that is looked at.
  const named = await ask(`${forwarder.url.replace('127.0.0.1', 'localhost')}/v1/a`, { ca })
  expect(named).toMatchObject({ status: 200, body: 'Test Pair 1' })
})

test('the CA of the target is replaced with its file', async () => {
  const [old, next] = [makeAuthority('Old'), makeAuthority('Next')]
  const directory = makeDirectory()
  const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') }
  const server = next.issue('server')
  copyFileSync(server.certFile, files.certFile)
  copyFileSync(server.keyFile, files.keyFile)
  const main = await startTlsNode(files)
  const caFile = join(directory, 'ca.crt')
  writeFileSync(caFile, old.ca)
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: httpsTo(main), KVS_FORWARD_CA: caFile })
  expect((await plainly(forwarder, put)).status).toBe(503)
  writeFileSync(`${caFile}.new`, old.ca + next.ca)
  renameSync(`${caFile}.new`, caFile)
  forwarder.kill('SIGHUP')
  await until('it is trusted', async () => (await plainly(forwarder, put)).status === 201)
})

/** A forwarder in this process that speaks HTTPS, and a client of it that has sent its request. */
async function startTlsForwarder(target: number) {
  const authority = makeAuthority()
  const { cert, key } = authority.issue('forwarder')
  const { port, forwarder } = await startForwarder(target, { tls: { texts: { cert, key } } })
  const url = `https://127.0.0.1:${port}`
  const begin = async (request: string) => {
    const socket = await handshake(url, { ca: authority.ca })
    let text = ''
    socket.removeAllListeners('error').on('error', () => undefined)
    socket.on('data', (data) => (text += data.toString('latin1'))).write(request)
    return { socket, text: () => text, isOver: () => socket.readableEnded || socket.closed }
  }
  return { url, authority, forwarder, begin }
}

describe.each([
  ['with its length', 'Content-Length: 10\r\n\r\nfive!'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n'],
])('over TLS, an answer %s', (_, rest) => {
  const startTarget = () => startRawTarget(({ socket }) => socket.write(`HTTP/1.1 200 OK\r\n${rest}`))

  test.each(['destroy', 'resetAndDestroy'] as const)(
    'that breaks off (%s) has broken off for the client',
    async (end) => {
      const target = await startTarget()
      const { url, authority, begin } = await startTlsForwarder(target.port)
      const client = await begin(head('GET'))
      await until('the first of it is there', () => client.text().includes('five!'))
      for (const { socket } of target.connections) socket[end]()
      await until('the client is told', client.isOver)
      expect(client.text()).not.toContain('0\r\n\r\n')
      expect((await ask(`${url}/livez`, { ca: authority.ca })).status).toBe(200)
    },
  )

  test('that is under way when the forwarder stops has broken off for the client', async () => {
    const target = await startTarget()
    const { url, authority, forwarder, begin } = await startTlsForwarder(target.port)
    const client = await begin(head('GET'))
    await until('the first of it is there', () => client.text().includes('five!'))
    await forwarder.stop()
    await until('the client is told', client.isOver)
    expect(client.text()).not.toContain('0\r\n\r\n')
    expect((await ask(`${url}/livez`, { ca: authority.ca })).status).toBe(200)
  })

  test('that breaks off is an error for curl', async () => {
    const target = await startTarget()
    const { url, authority } = await startTlsForwarder(target.port)
    const args = ['-sS', '-N', '--cacert', authority.caFile, `${url}/v1/a`]
    const curl = spawn('curl', args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = once(curl, 'close')
    let text = ''
    curl.stdout.on('data', (data) => (text += data))
    await until('the first of it is there', () => text === 'five!')
    for (const { socket } of target.connections) socket.end()
    expect((await ended)[0]).not.toBe(0)
  })
})

test.each([
  ['with its length', 'Content-Length: 10\r\n', 'five!'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n', '5\r\nfive!\r\n'],
])('over TLS, an upload %s that breaks off has broken off for the target', async (_, header, body) => {
  const target = await startRawTarget()
  const { url, authority, begin } = await startTlsForwarder(target.port)
  for (const [n, end] of (['destroy', 'end'] as const).entries()) {
    const client = await begin(head('PUT', header) + body)
    const seen = await target.connection(n)
    await until('it has arrived', () => seen.text().includes('five!'))
    client.socket[end]()
    await until('the target is told', seen.ended)
    expect(seen.text()).toMatch(/five!(\r\n)?$/)
  }
  expect((await ask(`${url}/livez`, { ca: authority.ca })).status).toBe(200)
})

test('over TLS, a client that goes away during the answer cancels its request', async () => {
  const target = await startRawTarget(({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfive!'))
  const { url, authority, begin } = await startTlsForwarder(target.port)
  const client = await begin(head('GET'))
  await until('the first of it is there', () => client.text().includes('five!'))
  client.socket.destroy()
  await until('the target is told', (await target.connection()).ended)
  expect((await ask(`${url}/livez`, { ca: authority.ca })).status).toBe(200)
})
