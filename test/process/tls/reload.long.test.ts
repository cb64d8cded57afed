import { rmSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { makeAuthority } from '../../support/certificates.ts'
import { handshake } from '../../support/https.ts'
import { until } from '../../support/until.ts'
import { replace, serialOf, start } from './replaced-certificate.ts'

vi.setConfig({ testTimeout: 120_000 })

test('a new pair is in use for new connections within seconds, by itself; the old ones go on', async () => {
  const authority = makeAuthority()
  const { node, certFile, keyFile, serial } = await start(authority.issue('first'))
  const kept = await handshake(node.url, { ca: authority.ca })
  const second = authority.issue('second')
  replace(keyFile, second.key)
  replace(certFile, second.cert)
  await until('the new one is shown', async () => (await serialOf(node)) !== serial)
  expect(node.output()).toContain('TLS: what has changed in the files is in use for new connections')
  let text = ''
  kept.on('data', (data) => (text += data)).write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until('the old connection is served', () => text.startsWith('HTTP/1.1 200'))
  expect(kept.getPeerCertificate().serialNumber).toBe(serial)
})

test('of a pair that is half replaced, cut short or gone nothing is used, it is told of once, and tried again', async () => {
  const authority = makeAuthority()
  const { node, certFile, keyFile, serial } = await start(authority.issue('first'))
  const second = authority.issue('second')
  const told = () => node.output().match(/"level":40[^\n]*TLS: what is in use is kept[^\n]*/g) ?? []
  async function tellsOf(count: number, text: string) {
    node.kill('SIGHUP')
    await until('it is told', () => told().length === count)
    expect(told()[count - 1]).toContain(text)
    node.kill('SIGHUP')
    expect(await serialOf(node)).toBe(serial)
  }
  replace(certFile, second.cert)
  await tellsOf(1, 'KVS_TLS_KEY names a key that is not the one to the certificate in KVS_TLS_CERT')
  replace(certFile, second.cert.slice(0, 200))
  await tellsOf(2, 'KVS_TLS_CERT names a file with a PEM certificate that is cut short')
  rmSync(certFile)
  await tellsOf(3, "KVS_TLS_CERT names a file that can't be read (ENOENT)")
  replace(certFile, second.cert)
  replace(keyFile, second.key)
  node.kill('SIGHUP')
  await until('the whole of it is shown', async () => (await serialOf(node)) !== serial)
  expect(told()).toHaveLength(3)
})
