import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { duration } from '../../../../kvs/config/parsers.ts'
import { httpSettings } from '../../../../kvs/config/settings/http-settings.ts'
import { serve } from '../serve.ts'

const root = new URL('../../../../', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, root), 'utf8')
const ms = duration()

/** Each balancer of docs/tls.md, how long it keeps idle connections, and what the service is to be set to behind it. */
const rows = [...read('docs/tls.md').matchAll(/^\| (.+) \| (\d+s) \| `(\d+s)` \|$/gm)].map(
  ([, name = '', kept = '', ours = '']) => ({ name, keptMs: ms(kept), oursMs: ms(ours) }),
)

/** What an overlay of compose sets for a service, where its environment does not. */
function defaultIn(overlay: string, service = 'kvs'): number {
  const { services } = parse(read(overlay), { logLevel: 'silent', merge: true }) as {
    services: Record<string, { environment: Record<string, string> }>
  }
  const set = services[service]?.environment.KVS_KEEPALIVE_TIMEOUT ?? ''
  const [, value = ''] = /^\$\{KVS_KEEPALIVE_TIMEOUT:-(\w+)\}$/.exec(set) ?? []
  return ms(value)
}

test('the service is told to keep idle connections longer than the balancer before it, by a second and more', () => {
  expect(rows.map(({ name }) => name.replace(/[, ].*/, ''))).toEqual(
    'nginx AWS Traefik HAProxy Caddy Google Envoy'.split(' '),
  )
  for (const { name, keptMs, oursMs } of rows) {
    expect([name, oursMs - keptMs]).toEqual([name, expect.toSatisfy((more: number) => more >= 5_000)])
    // Where the default is too short, a document has to say what is not.
    expect(keptMs).toBeGreaterThan(ms(httpSettings.keepAliveTimeoutMs.default))
  }
})

test('on Google’s VM and behind our own HAProxy and nginx it is set so', () => {
  const rowOf = (name: string) => rows.find((row) => row.name.startsWith(name))
  expect(defaultIn('compose/gcp/vm.yml')).toBe(rowOf('Google')?.oursMs)
  expect(defaultIn('compose/nodes.yml')).toBe(rowOf('HAProxy')?.oursMs)
  const [, client = ''] = /^ {2}timeout client (\w+)$/m.exec(read('compose/nodes/haproxy.cfg')) ?? []
  expect(rowOf('HAProxy')?.keptMs).toBe(ms(client) + 5_000)
  for (const node of ['node-1', 'node-2', 'node-3'])
    expect(defaultIn('compose/ring.yml', node)).toBe(rowOf('nginx')?.oursMs)
  const [, kept = ''] = /^ {4}keepalive_timeout (\w+);$/m.exec(read('compose/ring/nginx.conf')) ?? []
  expect(rowOf('nginx')?.keptMs).toBe(ms(kept))
  for (const document of ['docs/deploy.md', 'docs/tls.md']) expect(read(document)).toContain('KVS_KEEPALIVE_TIMEOUT')
})

test('a connection is kept for KVS_KEEPALIVE_TIMEOUT between requests, also past KVS_IDLE_TIMEOUT', async () => {
  const { url, server } = await serve({ keepAliveTimeoutMs: 620_000, idleTimeoutMs: 90_000 })
  const connection = once(server, 'connection')
  const answer = await fetch(`${url}/v1/a`)
  await answer.text()
  const [socket] = (await connection) as [Socket]
  expect(answer.headers.get('keep-alive')).toBe('timeout=620')
  expect(socket.timeout).toBeGreaterThanOrEqual(620_000)
})
