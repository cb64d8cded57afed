import { expect, test } from 'vitest'
import { byForce, type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { text as get, put, status } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

const terminateNodes = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'kvs'`

/**
 * Drops all tables of a log that a node reads. Where the node's checkpointer has just locked some of them for a read,
 * each waits for the other; Postgres ends one of the two after a second, and this tries again if it is this one.
 */
async function dropLog({ sql }: Database): Promise<void> {
  await until('the log is dropped', () =>
    sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public').then(
      () => true,
      (error) => {
        if (error.code !== '40P01') throw error
      },
    ),
  )
}

test('a log that went back under the node is named; what the node holds can be read, and nothing is written', async () => {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), toEnvironment(database.target))
  await put(node, 'a', '1')
  await put(node, 'a', '2')
  // As a dump of before would have it
  await database.sql(`BEGIN; ${byForce('DELETE FROM transactions WHERE sequence = 2')}; ${terminateNodes}; COMMIT`)
  await until('it is named', async () => (await status(node)).state === 'log diverged')
  expect((await status(node)).reason).toMatch(
    /the log went back: (it lacks the last writes of this node \(numbers 2 to 2\)|this node is at .*=2, .* now at 1).*Do not restart/,
  )
  expect((await fetch(`${node.url}/readyz`)).status).toBe(503)
  expect(await get(node, 'a')).toBe('2')
  const refused = await put(node, 'a', '3')
  expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('the log diverged')])
  expect(node.output()).toMatch(/log diverged: the log went back/)
})

test('so is one that has other entries in the place of those that this node has applied', async () => {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), toEnvironment(database.target))
  await put(node, 'a', '1')
  await put(node, 'a', '2')
  await database.sql('ALTER TABLE transactions DISABLE TRIGGER append_only')
  await database.sql(`UPDATE transactions SET digest = 'another' WHERE sequence = 2`)
  await database.sql(terminateNodes)
  await until('it is named', async () => (await status(node)).state === 'log diverged')
  expect((await status(node)).reason).toMatch(/the log went back: this node is at [0-9a-f]{8}=2, .* now at 2/)
})

test('and one that was made anew under the same name', async () => {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), toEnvironment(database.target))
  await put(node, 'a', '1')
  await dropLog(database)
  await database.sql(terminateNodes)
  await until('it is named', async () => (await status(node)).state === 'log diverged')
  expect((await status(node)).reason).toMatch(/another one: it knows nothing of this node\. .*Do not restart/)
  expect(await get(node, 'a')).toBe('1')
})
