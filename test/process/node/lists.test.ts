import { expect, test } from 'vitest'
import { type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { put, reaches } from '../../support/requests.ts'

type Node = { readonly url: string }

const clear = (node: Node, prefix: string) => fetch(`${node.url}/v1/${prefix}:`, { method: 'DELETE' })
const list = async (node: Node, path: string) => (await fetch(`${node.url}/v1/${path}`)).json()

/** Nobody may connect any more, and who is connected is thrown out. */
async function takeAway({ sql }: Database): Promise<void> {
  await sql('UPDATE pg_database SET datallowconn = false WHERE datname = current_database()')
  await sql(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  )
}

const giveBack = ({ sql }: Database) =>
  sql('UPDATE pg_database SET datallowconn = true WHERE datname = current_database()')

test('lists and clears go on while the log is down, from the spool, and are the same once it is back', async () => {
  const database = await makeDatabase()
  const directory = makeDirectory()
  const settings = { ...toEnvironment(database.target), KVS_ALLOW_CLEAR: 'true' }
  const node = await startReadyNode(directory, settings)
  for (const key of ['a/1', 'a/2', 'b/1', 'c']) await put(node, key, key)
  expect(await list(node, ':')).toEqual(['a/1', 'a/2', 'b/1', 'c'])

  await takeAway(database)
  await reaches(node, 'log down')
  expect((await put(node, 'a/3', 'spooled')).status).toBe(202)
  expect((await put(node, 'b/1', 'again')).status).toBe(202)
  expect((await fetch(`${node.url}/v1/c`, { method: 'DELETE' })).status).toBe(202)
  expect(await list(node, ':')).toEqual(['a/1', 'a/2', 'a/3', 'b/1'])
  expect(await list(node, ':?count')).toEqual({ count: 4 })
  expect(await list(node, ':?delimiter=/')).toEqual(['a/', 'b/'])
  expect(await list(node, 'b/:?values')).toEqual([
    expect.objectContaining({ key: 'b/1', value: 'again', etag: null, size: 5, at: null, expires: null }),
  ])
  const consistent = await fetch(`${node.url}/v1/:?consistent`)
  expect([consistent.status, await consistent.text()]).toEqual([503, expect.stringContaining('needs the log')])
  const cleared = await clear(node, 'a/')
  const told = ['kvs-deleted', 'kvs-durability'].map((name) => cleared.headers.get(name))
  expect([cleared.status, ...told]).toEqual([202, '3', 'spooled'])
  expect(await list(node, ':')).toEqual(['b/1'])

  await giveBack(database)
  await reaches(node, 'serving')
  expect(await list(node, ':?consistent')).toEqual(['b/1'])
  const rows = await database.sql<{ key: string }>(
    `SELECT key FROM transactions WHERE event_type = 1 ORDER BY sequence`,
  )
  expect(rows.map(({ key }) => key)).toEqual(['c', 'a/1', 'a/2', 'a/3'])
  node.kill('SIGKILL')
  await node.ended
  const again = await startReadyNode(directory, settings)
  expect(await list(again, ':')).toEqual(['b/1'])
})

test('a clear of thousands of keys is one of ordinary entries, and reads go on meanwhile', async () => {
  const database = await makeDatabase()
  const settings = { ...toEnvironment(database.target), KVS_ALLOW_CLEAR: 'true', KVS_MAX_WAITING_WRITES: '300' }
  const node = await startReadyNode(makeDirectory(), settings)
  const keys = Array.from({ length: 2_500 }, (_, n) => `many/${String(n).padStart(5, '0')}`)
  for (let at = 0; at < keys.length; at += 100) {
    await Promise.all(keys.slice(at, at + 100).map((key) => put(node, key, 'x')))
  }
  await put(node, 'other', 'x')
  expect(await list(node, 'many/:')).toEqual(keys)
  const clearing = clear(node, 'many/')
  expect((await fetch(`${node.url}/v1/other`)).status).toBe(200)
  const answer = await clearing
  expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([200, '2500'])
  expect(await list(node, ':')).toEqual(['other'])
  const [counted] = await database.sql<{ count: string }>('SELECT count(*) FROM transactions WHERE event_type = 1')
  expect(counted?.count).toBe('2500')
})

test('without tokens nobody clears anything where the operator has not allowed it', async () => {
  const node = await startReadyNode(makeDirectory(), toEnvironment((await makeDatabase()).target))
  await put(node, 'a', 'x')
  const answer = await clear(node, '')
  expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('KVS_ALLOW_CLEAR=true')])
  expect(await list(node, ':')).toEqual(['a'])
})
