import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { makeAuthority } from '../../support/certificates.ts'
import { ask, handshake } from '../../support/https.ts'
import { makeDirectory, startNode } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { startTlsNode } from './tls-node.ts'
import { answerOn, sessionOf } from './tls-sessions.ts'

describe('with KVS_TLS_CLIENT_CA', () => {
  async function start() {
    const authority = makeAuthority()
    const clients = makeAuthority('CA of the clients')
    const node = await startTlsNode(authority.issue('server'), { KVS_TLS_CLIENT_CA: clients.caFile })
    return { node, ca: authority.ca, clients }
  }

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a %s session made without a certificate does not stand in for one',
    async (maxVersion) => {
      const { node, ca, clients } = await start()
      const session = await sessionOf(node, { ca, maxVersion })
      const resumed = await handshake(node.url, { ca, maxVersion, session })
      expect(resumed.isSessionReused()).toBe(true)
      expect(await answerOn(resumed, '/v1/a')).toMatch(/^HTTP\/1\.1 403 /)
      const { cert, key } = clients.client('mine')
      const own = await sessionOf(node, { ca, maxVersion, cert, key })
      const again = await handshake(node.url, { ca, maxVersion, session: own })
      expect(await answerOn(again, '/v1/a')).toMatch(/^HTTP\/1\.1 404 /)
      const { cert: bad, key: badKey } = makeAuthority('Another').client('bad')
      const foreign = await sessionOf(node, { ca, maxVersion, cert: bad, key: badKey })
      expect(await answerOn(await handshake(node.url, { ca, maxVersion, session: foreign }), '/v1/a')).toMatch(
        /^HTTP\/1\.1 403 /,
      )
    },
  )

  test('how things are inside is told to who shows a certificate alone, also by a forwarding node', async () => {
    const { node, ca, clients } = await start()
    const { cert, key } = clients.client('mine')
    const told = await answerOn(await handshake(node.url, { ca, cert, key }), '/readyz')
    expect(told).toContain('"spool"')
    for (const path of ['/livez', '/readyz']) {
      expect(await answerOn(await handshake(node.url, { ca, cert, key }), path)).toContain('KVS-Position')
      expect(await answerOn(await handshake(node.url, { ca }), path)).not.toContain('KVS-Position')
    }
    const authority = makeAuthority()
    const own = authority.issue('forwarder')
    const forwarder = await startNode(makeDirectory(), {
      FORWARDING_ADDRESS: '127.0.0.1:1',
      KVS_TLS_CERT: own.certFile,
      KVS_TLS_KEY: own.keyFile,
      KVS_TLS_CLIENT_CA: clients.caFile,
    })
    const stranger = await ask(`${forwarder.url}/readyz`, { ca: authority.ca })
    expect([stranger.status, JSON.parse(stranger.body)]).toEqual([503, { state: 'forwarding' }])
    expect((await ask(`${forwarder.url}/readyz`, { ca: authority.ca, cert, key })).body).toContain('"target"')
  })

  test('a certificate that expires is refused from then on, on its connection too', async () => {
    const { node, ca, clients } = await start()
    const { cert, key } = clients.client('short', { days: 10 / 86_400 })
    const socket = await handshake(node.url, { ca, cert, key })
    let text = ''
    socket.on('data', (data) => (text += data))
    const statuses = () => text.match(/HTTP\/1\.1 \d+/g) ?? []
    const get = 'GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n'
    socket.write(get)
    await until('it is served', () => statuses().length === 1)
    expect(statuses()).toEqual(['HTTP/1.1 404'])
    const closed = once(socket, 'close')
    const end = new Date(new X509Certificate(cert).validTo).getTime()
    await until('it has expired', () => Date.now() > end)
    socket.write(get)
    await closed
    expect(text).toMatch(/HTTP\/1\.1 403 [\s\S]*Connection: close[\s\S]*CERT_HAS_EXPIRED/)
  })
})
