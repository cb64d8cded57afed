import { expect, test } from 'vitest'
import { makeClient } from '../../support/client.ts'
import type { Node } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { startThree } from './three.ts'

test('an answer given again under an Idempotency-Key has the ETag that it had, on any node', async () => {
  const { nodes } = await startThree()
  const call = makeClient()
  for (const [path, body] of [
    ['/v1/a', 'x'],
    ['/kvs/b', '{"value":"x"}'],
  ] as const) {
    const put = (node: Node, key: string, headers: Record<string, string> = {}) =>
      call(node.url, { method: 'PUT', path, body, headers: { 'Idempotency-Key': `${path} ${key}`, ...headers } })
    const stored = await put(nodes[0] as Node, 'stored')
    const refused = await put(nodes[1] as Node, 'refused', { 'If-Match': '"another"' })
    expect([stored.status, refused.status]).toEqual([201, 412])
    expect(refused.headers.etag).toBe(stored.headers.etag)
    const later = await call(nodes[2]?.url ?? '', { method: 'PUT', path, body })
    expect(later.headers.etag).not.toBe(stored.headers.etag)
    for (const node of nodes) {
      await until(
        'it has the later one',
        async () => (await call(node.url, { path })).headers.etag === later.headers.etag,
      )
      const again = [await put(node, 'stored'), await put(node, 'refused', { 'If-Match': '"another"' })]
      expect(again.map(({ status, headers }) => [status, headers.etag])).toEqual([
        [201, stored.headers.etag],
        [412, stored.headers.etag],
      ])
    }
  }
})
