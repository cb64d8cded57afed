import { expect, test } from 'vitest'
import { freePort } from '../../../tools/lab/ports.ts'
import { appendTo } from '../../support/checkpoint.ts'
import { type Answer, type Call, makeClient } from '../../support/client.ts'
import { type Database, makeDatabase, makeOlderLog } from '../../support/database.ts'
import { put as putOf, remove } from '../../support/entries.ts'
import { makeDirectory, type Node, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { tokenOf } from './requests.ts'

const ask = ({ url }: Node, asked: Call): Promise<Answer> => makeClient()(url, asked)
const put = (node: Node, key: string, body: string) => ask(node, { method: 'PUT', path: `/v1/${key}`, body })
const textOf = async (node: Node, key: string, position?: string) => {
  const headers = position === undefined ? {} : { 'KVS-Min-Position': position }
  const { status, body } = await ask(node, { path: `/v1/${key}`, headers })
  return status === 200 ? body : status
}
const stop = async (node: Node) => {
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
}
/** Where each row of the log is on disk, and what made it: a row that is written anew has another place or maker. */
const rowsOf = ({ sql }: Database) => sql('SELECT sequence, ctid, xmin FROM transactions ORDER BY sequence')
const fileOf = ({ sql }: Database) => sql("SELECT pg_relation_filenode('transactions')")

test('a log of the release before sites becomes one without being rewritten, and goes back with all it took over', async () => {
  const [database, other] = [await makeDatabase(), await makeDatabase()]
  await makeOlderLog(database, 8)
  const past = ['a', 'b', 'c'].map((key) => ({ write: putOf(key, `${key} of old`), superseded: false }))
  await appendTo(database, [...past, { write: remove('b'), superseded: false }])
  const [rows, file] = [await rowsOf(database), await fileOf(database)]

  const second = await startReadyNode(makeDirectory(), toEnvironment(other.target))
  await put(second, 'c', 'c of the other one')
  await stop(second)

  const [directory, port] = [makeDirectory(), await freePort()]
  const start = (peers: Record<string, string> = {}) =>
    startReadyNode(directory, { ...toEnvironment(database.target), ...peers, PORT: String(port) })
  const siteOf = { ...toEnvironment(other.target), KVS_PEERS: `127.0.0.1:${port}` }
  const peer = await startReadyNode(makeDirectory(), siteOf)
  const site = await start({ KVS_PEERS: new URL(peer.url).host })
  await until('it has what the other one wrote', async () => (await textOf(site, 'c')) === 'c of the other one')
  const ofPeer = await put(peer, 'd', 'd of the other one')
  expect(await textOf(site, 'd', tokenOf(ofPeer))).toBe('d of the other one')
  expect([await textOf(site, 'a'), await textOf(site, 'b')]).toEqual(['a of old', 404])
  const asSite = await put(site, 'e', 'e of the site')
  await stop(site)
  await stop(peer)

  const single = await start()
  const keys = async (node: Node) => Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => textOf(node, key)))
  const had = ['a of old', 404, 'c of the other one', 'd of the other one', 'e of the site']
  expect(await keys(single)).toEqual(had)
  // Who has positions of the time as a site goes on reading with them.
  expect(await textOf(single, 'd', tokenOf(ofPeer))).toBe('d of the other one')
  expect(await textOf(single, 'e', tokenOf(asSite))).toBe('e of the site')
  const created = await ask(single, { method: 'PUT', path: '/v1/c', body: 'new', headers: { 'If-None-Match': '*' } })
  expect(created.status).toBe(412)
  expect((await ask(single, { method: 'DELETE', path: '/v1/d' })).status).toBe(200)
  await put(single, 'c', 'c of one log again')
  expect(JSON.parse((await ask(single, { path: '/v1/:' })).body)).toEqual(['a', 'c', 'e'])
  await stop(single)

  const has = ['a of old', 404, 'c of one log again', 404, 'e of the site']
  await database.sql('SELECT advance_checkpoint(1000)')
  expect(await keys(await start())).toEqual(has)
  expect((await rowsOf(database)).slice(0, rows.length)).toEqual(rows)
  expect(await fileOf(database)).toEqual(file)
})
