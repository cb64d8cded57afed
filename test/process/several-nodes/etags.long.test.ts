import { expect, test } from 'vitest'
import { makeClient } from '../../support/client.ts'
import type { Database } from '../../support/database.ts'
import type { Node } from '../../support/node.ts'
import { reaches } from '../../support/requests.ts'
import { startNodeOn, startThree } from './three.ts'

/** Of each way that a value can be kept in: packed, large, too large to be in a checkpoint, of a type of its own. */
const sizes = { small: 10, medium: 2_001, large: 50_000 }

/** The tags that a node gives the values of these keys, in both dialects, once it has all that was acknowledged. */
async function tagsOf({ url }: Node, keys: readonly string[]): Promise<Record<string, string | undefined>> {
  const call = makeClient()
  const tags: Record<string, string | undefined> = {}
  for (const key of keys) {
    const [plain, json] = [
      await call(url, { path: `/v1/${key}?consistent` }),
      await call(url, { path: `/kvs/${key}?consistent` }),
    ]
    expect([plain.status, json.status]).toEqual([200, 200])
    expect(json.headers.etag).toBe(plain.headers.etag)
    tags[key] = plain.headers.etag
  }
  return tags
}

test('a value has one ETag, on every node, before and after a start, from the checkpoint and from the log', {
  timeout: 300_000,
}, async () => {
  const { nodes, database } = await startThree()
  const [one, two, three] = nodes as [Node, Node, Node]
  const call = makeClient()
  const given: Record<string, string | undefined> = {}
  let key = 0

  async function put({ url }: Node, body: string, headers: Record<string, string> = {}): Promise<void> {
    const name = `k${key++}`
    const answer = await call(url, { method: 'PUT', path: `/v1/${name}`, body, headers })
    expect(answer.status).toBe(201)
    given[name] = answer.headers.etag
  }

  async function putAll(): Promise<void> {
    for (const size of Object.values(sizes)) await put(one, 'x'.repeat(size))
    await put(two, 'typed', { 'Content-Type': 'text/html' })
    await put(two, 'new', { 'If-None-Match': '*' })
    await put(three, 'once', { 'Idempotency-Key': `once ${key}` })
    await Promise.all(Array.from({ length: 20 }, (_, n) => put(nodes[n % 3] as Node, 'at once')))
    given[await putSpooled(database, one)] = undefined
  }

  async function expectTheSame(node: Node): Promise<void> {
    const tags = await tagsOf(node, Object.keys(given))
    for (const [key, tag] of Object.entries(given)) given[key] = tag ?? tags[key] // a spooled write is given none
    expect(tags).toEqual(given)
  }

  await putAll()
  for (const node of nodes) await expectTheSame(node)
  expect(new Set(Object.values(given)).size).toBe(Object.keys(given).length)
  const fromLog = await startNodeOn(database)
  expect(fromLog.output()).not.toContain('on a checkpoint')
  await expectTheSame(fromLog)

  await database.sql('SELECT advance_checkpoint(5000)')
  const fromCheckpoint = await startNodeOn(database)
  expect(fromCheckpoint.output()).toContain(`on a checkpoint of ${Object.keys(given).length} keys`)
  await expectTheSame(fromCheckpoint)
  await putAll() // applied as it comes by some, after the checkpoint by others
  for (const node of [...nodes, fromLog, fromCheckpoint, await startNodeOn(database)]) await expectTheSame(node)
})

/** Writes to a key of its own while the log is down. Returns the key. */
async function putSpooled(database: Database, node: Node): Promise<string> {
  const call = makeClient()
  const [name] = await database.sql<{ name: string }>('SELECT current_database() AS name')
  const key = `spooled-${Math.random()}`
  await database.sql('UPDATE pg_database SET datallowconn = false WHERE datname = $1', [name?.name])
  await database.sql(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  )
  await reaches(node, 'log down')
  const answer = await call(node.url, { method: 'PUT', path: `/v1/${key}`, body: 'spooled' })
  const shown = await call(node.url, { path: `/v1/${key}` })
  expect([answer.status, answer.headers.etag, shown.status, shown.headers.etag]).toEqual([
    202,
    undefined,
    200,
    undefined,
  ])
  expect((await call(node.url, { path: `/v1/${key}`, headers: { 'If-None-Match': '"1"' } })).status).toBe(200)
  await database.sql('UPDATE pg_database SET datallowconn = true WHERE datname = $1', [name?.name])
  await reaches(node, 'serving')
  return key
}
