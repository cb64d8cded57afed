import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { ConnectionOptions } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { makeAuthority } from '../../support/certificates.ts'
import { ask, handshake } from '../../support/https.ts'
import type { Node } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { startClient } from '../../unit/forward/serve.ts'
import { startTlsNode } from './tls-node.ts'
import { answerOn, sessionOf } from './tls-sessions.ts'

const portOf = ({ url }: Node) => Number(new URL(url).port)

test('speaks TLS 1.2 and 1.3, HTTP/1.1 alone, and says so', async () => {
  const authority = makeAuthority()
  const { ca } = authority
  const node = await startTlsNode(authority.issue('server'))
  expect(node.output()).toMatch(/listening on https:\/\/127\.0\.0\.1:\d+/)
  expect(node.output()).toMatch(
    /the TLS certificate for localhost, 127\.0\.0\.1 is valid until 20\d\d-|expires in 1 days/,
  )
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await handshake(node.url, {
      ca,
      minVersion: version,
      maxVersion: version,
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    expect([socket.getProtocol(), socket.alpnProtocol, socket.authorized]).toEqual([version, 'http/1.1', true])
  }
  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    const old: ConnectionOptions = { ca, minVersion: version, maxVersion: version, ciphers: 'ALL@SECLEVEL=0' }
    await expect(handshake(node.url, old)).rejects.toThrow(/alert protocol version/)
  }
  await expect(handshake(node.url, { ca, ALPNProtocols: ['h2'] })).rejects.toThrow(/alert no application protocol/)
  await expect(handshake(node.url, { ca: makeAuthority('Another').ca })).rejects.toThrow(/unable to verify/)
  expect(await ask(`${node.url}/v1/a`, { ca, method: 'PUT', body: 'x' })).toMatchObject({ status: 201 })
  const url = node.url.replace('127.0.0.1', 'localhost')
  expect(execFileSync('curl', ['-sS', '--cacert', authority.caFile, `${url}/v1/a`], { encoding: 'utf8' })).toBe('x')
})

test('a session is resumed', async () => {
  const authority = makeAuthority()
  const node = await startTlsNode(authority.issue('server'))
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { ca: authority.ca, maxVersion }
    const session = await sessionOf(node, options)
    expect((await handshake(node.url, { ...options, session })).isSessionReused()).toBe(true)
  }
})

test('plain HTTP is told that the port speaks HTTPS', async () => {
  const authority = makeAuthority()
  const node = await startTlsNode(authority.issue('server'), { LOG_LEVEL: 'debug' })
  const client = startClient(portOf(node))
  client.send('GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await client.receives(/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*Connection: close\r\n[\s\S]*this port speaks HTTPS/)
  await until('it is closed', client.ended)
  const noise = startClient(portOf(node))
  noise.send(Buffer.alloc(2_000, 7))
  await until('it is closed', noise.ended)
  expect(noise.text()).not.toContain('HTTP')
  await until('both are told', () => node.output().match(/no TLS with 127\.0\.0\.1: /g)?.length === 2)
  expect((await ask(`${node.url}/livez`, { ca: authority.ca })).status).toBe(200)
})

test('a handshake that does not come to its end is given up on', async () => {
  const node = await startTlsNode(makeAuthority().issue('server'), { KVS_HEADERS_TIMEOUT: '300ms' })
  const clients = Array.from({ length: 20 }, () => startClient(portOf(node)))
  for (const { send } of clients) send(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1]))
  await until('all are closed', () => clients.every(({ ended }) => ended()))
})

describe('with KVS_TLS_CLIENT_CA', () => {
  async function start() {
    const authority = makeAuthority()
    const clients = makeAuthority('CA of the clients')
    const node = await startTlsNode(authority.issue('server'), { KVS_TLS_CLIENT_CA: clients.caFile })
    return { node, ca: authority.ca, clients }
  }

  test('only a client with a certificate of it is served; others are told why, and nothing is done', async () => {
    const { node, ca, clients } = await start()
    const put = { method: 'PUT', body: 'x', ca }
    const refused = async (options: ConnectionOptions) => {
      const answer = await ask(`${node.url}/v1/a`, { ...put, ...options })
      expect(answer.status).toBe(403)
      return answer.body
    }
    expect(await refused({})).toContain('this service serves only clients that show a certificate of its CA')
    const { cert, key } = clients.client('expired', { days: -1 })
    expect(await refused({ cert, key })).toContain('the client certificate is not accepted: CERT_HAS_EXPIRED')
    const stranger = makeAuthority('CA of the clients').client('stranger')
    expect(await refused({ cert: stranger.cert, key: stranger.key })).toContain('is not accepted: ')
    const server = clients.issue('no-client', { extension: 'extendedKeyUsage=serverAuth' })
    expect(await refused({ cert: server.cert, key: server.key })).toContain('is not accepted: INVALID_PURPOSE')
    const mine = clients.client('mine')
    const own = { ca, cert: mine.cert, key: mine.key }
    expect((await ask(`${node.url}/v1/a`, own)).status).toBe(404)
    expect((await ask(`${node.url}/v1/a`, { ...put, ...own })).status).toBe(201)
  })

  test('health is told to whoever asks, and nothing else is, by any way of writing it', async () => {
    const { node, ca } = await start()
    for (const path of ['/livez', '/readyz', '/healthz']) {
      const answer = await ask(node.url + path, { ca })
      expect([answer.status, JSON.parse(answer.body)]).toEqual([
        200,
        path === '/livez' ? { live: true } : { state: 'serving' },
      ])
      expect((await ask(node.url + path, { ca, method: 'PUT', body: 'x' })).status).toBe(403)
      for (const query of ['?', '?x', '?a=/v1/a', '?/../v1/a']) {
        expect(await answerOn(await handshake(node.url, { ca }), path + query)).toMatch(/^HTTP\/1\.1 200 /)
        expect((await ask(node.url + path + query, { ca, method: 'PUT', body: 'x' })).status).toBe(403)
      }
    }
    const targets = [
      '/readyz/../v1/a',
      '/readyz#',
      '/readyz#?x',
      '/readyz%3Fx',
      '/readyz/?x',
      '/v1/a?/readyz',
      '/Readyz',
      '//readyz',
      '/v1/livez',
      'http://x/readyz',
      'http://x/readyz?x',
      '/metrics',
      '*',
    ]
    for (const target of targets) {
      expect(await answerOn(await handshake(node.url, { ca }), target)).toMatch(/^HTTP\/1\.1 403 /)
    }
  })

  test('what comes behind a refused request on its connection is refused too', async () => {
    const { node, ca, clients } = await start()
    const socket = await handshake(node.url, { ca })
    const put = 'PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx'
    let text = ''
    socket.on('data', (data) => (text += data)).write(`GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n${put}${put}`)
    await once(socket, 'close')
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403'])
    const { cert, key } = clients.client('mine')
    expect((await ask(`${node.url}/v1/a`, { ca, cert, key })).status).toBe(404)
  })

  test('the image’s health check needs no certificate', async () => {
    const { node } = await start()
    const check = fileURLToPath(new URL('../../../kvs/healthcheck.ts', import.meta.url))
    const env = { PATH: process.env.PATH, PORT: new URL(node.url).port }
    expect(spawnSync(process.execPath, [check], { env: { ...env, KVS_TLS_CERT: '/tls/server.crt' } }).status).toBe(0)
    expect(spawnSync(process.execPath, [check], { env }).status).toBe(1)
  })
})
