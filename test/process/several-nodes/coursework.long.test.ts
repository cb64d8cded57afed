import { expect, test } from 'vitest'
import { makeClient, tagOf } from '../../support/client.ts'
import { startThree } from './three.ts'

test('created, replaced and deleted are told as the log has them, whichever node is asked', {
  timeout: 120_000,
}, async () => {
  const { nodes, database } = await startThree()
  const urls = nodes.map(({ url }) => url)
  const call = makeClient()
  const results = new Map<bigint, string>()
  const deletes = { deleted: 0, missing: 0 }

  async function run(client: number): Promise<void> {
    for (let n = 0; n < 150; n++) {
      const url = urls[Math.floor(Math.random() * 3)] ?? ''
      const path = `/kvs/k${Math.floor(Math.random() * 5)}`
      if (Math.random() < 0.5) {
        const answer = await call(url, { method: 'PUT', path, body: JSON.stringify({ value: { client, n } }) })
        expect(answer.status).toBe(answer.body === '{"result":"created"}' ? 201 : 200)
        results.set(tagOf(answer) ?? 0n, JSON.parse(answer.body).result)
      } else {
        const { status } = await call(url, { method: 'DELETE', path })
        deletes[status === 200 ? 'deleted' : 'missing']++
      }
    }
  }

  await Promise.all(Array.from({ length: 24 }, (_, client) => run(client)))
  const rows = await database.sql<{ sequence: string; key: string; event_type: number }>(
    'SELECT sequence, key, event_type FROM transactions ORDER BY sequence',
  )
  const live = new Set<string>()
  const expected = { results: new Map<bigint, string>(), deletes: { deleted: 0, missing: 0 } }
  for (const { sequence, key, event_type: type } of rows) {
    if (type === 2) {
      expected.results.set(BigInt(sequence), live.has(key) ? 'replaced' : 'created')
      live.add(key)
    } else {
      expected.deletes[live.delete(key) ? 'deleted' : 'missing']++
    }
  }
  expect(rows).toHaveLength(24 * 150)
  expect({ results, deletes }).toEqual(expected)
})
