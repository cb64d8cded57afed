import { copyFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { makeAuthority } from '../support/certificates.ts'
import { ask } from '../support/https.ts'
import { makeDirectory, type Node, startNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { startTlsNode } from '../tls/serve.ts'

vi.setConfig({ testTimeout: 120_000 })

const httpsTo = ({ url }: Node) => `https://${new URL(url).host}`
const put = { method: 'PUT', body: 'Test Pair 1' }

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

test('a target whose certificate is wrong gets no request; /readyz says what is wrong with it', async () => {
  const authority = makeAuthority()
  const cannotForward = { status: 503, body: '{"error":"Cannot forward request"}' }
  const elsewhere = await startTlsNode(authority.issue('elsewhere', { names: 'DNS:elsewhere.test' }))
  const expired = await startTlsNode(authority.issue('expired', { days: -1 }))
  const good = await startTlsNode(authority.issue('good'))
  const other = makeAuthority('Another')
  for (const [target, ca, reason] of [
    [good, other.caFile, /the certificate of \S+ is of no CA that is trusted here \(KVS_FORWARD_CA\)/],
    [good, '', /the certificate of \S+ is of no CA that is trusted here/],
    [elsewhere, authority.caFile, /the certificate of \S+ is for another host/],
    [expired, authority.caFile, /the certificate of \S+ has expired/],
  ] as const) {
    const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: httpsTo(target), KVS_FORWARD_CA: ca })
    expect(await plainly(forwarder, put)).toEqual(cannotForward)
    expect(await readinessOf(forwarder)).toEqual([503, expect.stringMatching(reason)])
    forwarder.kill('SIGKILL')
  }
  const plain = await startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(good.url).host })
  const mixed = await startNode(makeDirectory(), {
    FORWARDING_ADDRESS: httpsTo(plain),
    KVS_FORWARD_CA: authority.caFile,
  })
  expect(await plainly(mixed, {})).toEqual(cannotForward)
  expect(await readinessOf(mixed)).toEqual([503, expect.stringMatching(/does not speak TLS/)])
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

async function plainly({ url }: Node, options: RequestInit) {
  const answer = await fetch(`${url}/v1/a`, options)
  return { status: answer.status, body: await answer.text() }
}

async function readinessOf({ url }: Node) {
  const answer = await fetch(`${url}/readyz`)
  return [answer.status, ((await answer.json()) as { reason: string }).reason]
}
