import { expect, test, vi } from 'vitest'
import { makeAuthority } from '../../support/certificates.ts'
import { makeDirectory, type Node, startNode } from '../../support/node.ts'
import { startTlsNode } from '../tls/tls-node.ts'
import { httpsTo, plainly, put } from './tls-forwarding.ts'

vi.setConfig({ testTimeout: 120_000 })

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

async function readinessOf({ url }: Node) {
  const answer = await fetch(`${url}/readyz`)
  return [answer.status, ((await answer.json()) as { reason: string }).reason]
}
