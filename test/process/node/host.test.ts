import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { startMain } from '../../support/main.ts'
import { makeDirectory, spawnNode } from '../../support/node.ts'
import { testAsRoot, testWhere } from '../../support/skips.ts'
import { check, startAt } from './healthcheck.ts'

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))

testWhere(hasIPv6, 'IPv6', 'KVS_HOST takes an IPv6 address with and without the brackets of a URL', async () => {
  for (const host of ['[::1]', '::1']) {
    const url = await startAt(host)
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect(await check(host, url)).toBe(0)
  }
})

test('what is no host is refused with 78', async () => {
  const node = spawnNode(makeDirectory(), { KVS_HOST: '[::1]:8080' })
  expect(await node.ended).toBe(78)
  expect(node.output()).toContain(
    'KVS_HOST: has a colon but is no IPv6 address: write the host alone, and the port in PORT',
  )
})

test.each([
  // RFC 5737 and RFC 6761: addresses and names that nobody has
  ['192.0.2.1', '192.0.2.1 is no address of this machine: set KVS_HOST to one that is'],
  ['kvs.invalid', 'the name kvs.invalid is not known: set KVS_HOST to an address of this machine'],
])('a node that can’t listen at %s says what to set', async (KVS_HOST, sentence) => {
  const node = spawnNode(makeDirectory(), { KVS_HOST, KVS_ALLOW_ANONYMOUS: 'true', FORWARDING_ADDRESS: '127.0.0.1:1' })
  expect(await node.ended).toBe(1)
  expect(node.output()).toContain(sentence)
})

testAsRoot('a port that is root’s alone is told as that', async () => {
  // Containers often let anybody have any port.
  const firstOfAll = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  const env = { PORT: '1', FORWARDING_ADDRESS: '127.0.0.1:2', KVS_LOG_FORMAT: 'json' }
  const { stdout } = startMain([], { cwd: makeDirectory(), env, uid: 65_534 })
  if (firstOfAll > 1) expect(stdout).toContain('port 1 may not be taken by this user')
})
