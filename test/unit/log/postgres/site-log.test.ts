import { beforeEach, expect, test } from 'vitest'
import { Diverged, type SiteLog, Unavailable } from '../../../../kvs/log/index.ts'
import { makePostgresSiteLog, type PostgresSiteLogOptions } from '../../../../kvs/log/postgres/postgres-site-log.ts'
import { foreign, higherLog, openImport } from '../../../contract/log/batches.ts'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

const makeSiteLog = (options: Partial<PostgresSiteLogOptions> = {}): SiteLog =>
  makePostgresSiteLog({ target: database.target, timeoutMs: 10_000, ...options })

/** A log in a schema of its own. Returns its id. */
async function makeLogIn(schema: string): Promise<string> {
  await database.sql(`CREATE SCHEMA ${schema}`)
  const session = await makeLog({ target: { ...database.target, options: `-csearch_path=${schema}` } }).open()
  await session.close()
  return session.head.logId
}

test('the log is found by its id, in whatever schema', async () => {
  const [, other] = [await makeLogIn('one'), await makeLogIn('other')]
  const reader = await makeSiteLog({ logId: () => other }).openReader()
  expect(reader.logId).toBe(other)
  await reader.close()
})

test('the logs of one database have an import each', async () => {
  const ids = [await makeLogIn('one'), await makeLogIn('other')]
  const imports = []
  for (const logId of ids) imports.push(await openImport(makeSiteLog({ logId: () => logId })))
  expect(imports.map(({ logId }) => logId)).toEqual(ids)
  await Promise.all(imports.map((one) => one.append([foreign(1n, put('a'))], 0n)))
  expect(await makeSiteLog({ logId: () => ids[0] }).openImport()).toBeUndefined()
  await Promise.all(imports.map((one) => one.close()))
})

test('a log that is gone is Diverged, and where there is none yet, nothing is made', async () => {
  await expect(makeSiteLog().openReader()).rejects.toThrow(Unavailable)
  await expect(makeSiteLog().openImport()).rejects.toThrow(Unavailable)
  await expect(makeSiteLog({ logId: () => 'cafe0123' }).openReader()).rejects.toThrow(Diverged)
  expect(await database.sql(`SELECT FROM pg_class WHERE relname = 'transactions'`)).toEqual([])
})

test('connections say what they are for, and none is left', async () => {
  const logId = await makeLogIn('one')
  const siteLog = makeSiteLog({ logId: () => logId })
  const [reader, takeover] = [await siteLog.openReader(), await openImport(siteLog)]
  expect(await siteLog.openImport()).toBeUndefined()
  const names = async () => {
    const rows = await database.sql<{ name: string }>(
      `SELECT application_name AS name FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'kvs%' ORDER BY 1`,
    )
    return rows.map(({ name }) => name)
  }
  await expect.poll(names).toEqual(['kvs import', 'kvs reader'])
  await Promise.all([reader.close(), takeover.close()])
  await expect.poll(names).toEqual([])
})

test('what there is to say of the schema is said once', async () => {
  const logId = await makeLogIn('one')
  const warnings: string[] = []
  const siteLog = makeSiteLog({ logId: () => logId, warn: (message) => warnings.push(message) })
  await (await siteLog.openReader()).close()
  await (await siteLog.openReader()).close()
  expect(warnings.filter((warning) => warning.includes('search_path'))).toHaveLength(1)
})

test('a log is asked for its origins, not searched for them, however long it is', async () => {
  const session = await makeLog(database).open()
  const takeover = await openImport(makeSiteLog())
  for (let batch = 0n; batch < 4n; batch++)
    await takeover.append(
      Array.from({ length: 5_000 }, (_, at) => foreign(batch * 5_000n + BigInt(at + 1), put(`k${at}`))),
      batch * 5_000n,
    )
  const client = await database.connect()
  await client.query('SET plan_cache_mode = force_generic_plan; BEGIN')
  await client.query('SELECT * FROM origins_through(20000)')
  await client.query('SELECT * FROM origins_through(10000)')
  const { rows } = await client.query(
    `SELECT seq_tup_read::int + idx_tup_fetch::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'transactions'`,
  )
  await client.query('ROLLBACK')
  expect(rows[0].read).toBeLessThan(100)
  expect(takeover.position.sequences.get(higherLog)).toBe(20_000n)
  await client.end()
  await Promise.all([session.close(), takeover.close()])
})

test('a batch lands within its time though the view that ranked it lacks as much as it may', async () => {
  const session = await makeLog(database).open()
  const takeover = await openImport(makeSiteLog())
  for (let batch = 0n; batch < 6n; batch++) {
    const entries = Array.from({ length: 5_000 }, (_, at) => foreign(batch * 5_000n + BigInt(at + 1), put(`k${at}`)))
    await takeover.append(entries, 0n)
  }
  expect(takeover.position.sequences.get(higherLog)).toBe(30_000n)
  await Promise.all([session.close(), takeover.close()])
})
