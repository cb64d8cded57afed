import { execFile } from 'node:child_process'
import { networkInterfaces } from 'node:os'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startTarget } from '../forward/serve.ts'
import { makeDirectory, spawnNode, startNode } from '../support/node.ts'
import { testWhere } from '../support/skips.ts'

const healthcheck = fileURLToPath(new URL('../../kvs/healthcheck.ts', import.meta.url))
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))

/** Starts a forwarding node there, which is ready at once, and gives where it says that it listens. */
async function startAt(KVS_HOST: string): Promise<string> {
  const { port } = await startTarget((_, response) => response.end('{}'))
  const env = { KVS_HOST, KVS_ALLOW_ANONYMOUS: 'true', FORWARDING_ADDRESS: `127.0.0.1:${port}` }
  return (await startNode(makeDirectory(), env)).url
}

/** The exit code of the image's health check, with the settings of a node that listens there. */
function check(KVS_HOST: string, url: string): Promise<number | null> {
  const env = { PATH: process.env.PATH, KVS_HOST, PORT: new URL(url).port }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [healthcheck], { env, timeout: 30_000 }, () => resolve(child.exitCode))
  })
}

testWhere(hasIPv6, 'IPv6', 'KVS_HOST takes an IPv6 address with and without the brackets of a URL', async () => {
  for (const host of ['[::1]', '::1']) {
    const url = await startAt(host)
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect(await check(host, url)).toBe(0)
  }
})

test('the health check asks where the node listens', async () => {
  for (const host of ['127.0.0.1', '127.0.0.2', '0.0.0.0']) {
    const url = await startAt(host)
    expect(await check(host, url)).toBe(0)
    if (host === '127.0.0.2') expect(await check('127.0.0.1', url)).toBe(1)
  }
})

test('what is no host is refused with 78', async () => {
  const node = spawnNode(makeDirectory(), { KVS_HOST: '[::1]:8080' })
  expect(await node.ended).toBe(78)
  expect(node.output()).toContain(
    'KVS_HOST: has a colon but is no IPv6 address: write the host alone, and the port in PORT',
  )
})
