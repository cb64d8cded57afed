import { beforeEach, describe, expect, test } from 'vitest'
import { Refused } from '../../../../kvs/log/log.ts'
import { byForce, type Database, makeDatabase, makeLog, migrations } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

describe('the table of entries', () => {
  test('has no recorded_at that goes back as the sequence rises, whatever the clock does', async () => {
    const session = await makeLog(database).open()
    await session.append([put('a')])
    await database.sql(byForce(`UPDATE transactions SET recorded_at = now() + interval '1 hour'`))
    const { recordedAt } = await session.append([put('b')])
    expect(recordedAt).toBeGreaterThan(Date.now() + 3_500_000)
    const rows = await database.sql<{ went_back: boolean }>(
      'SELECT recorded_at < lag(recorded_at) OVER (ORDER BY sequence) AS went_back FROM transactions',
    )
    expect(rows.filter((row) => row.went_back)).toEqual([])
    await session.close()
  })

  test.each(['UPDATE transactions SET key = key', 'DELETE FROM transactions', 'TRUNCATE transactions'])(
    'refuses %s',
    async (statement) => {
      const session = await makeLog(database).open()
      await session.append([put('a')])
      await expect(database.sql(statement)).rejects.toThrow('append-only')
      await session.close()
    },
  )

  test('is on disk before a commit is acknowledged, though the server is set otherwise', async () => {
    await database.sql(`ALTER DATABASE ${database.target.database} SET synchronous_commit = off`)
    const session = await makeLog(database).open()
    await database.sql('CREATE TABLE seen (setting text)')
    await database.sql(`CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO seen SELECT current_setting('synchronous_commit'); RETURN NULL; END $$`)
    await database.sql('CREATE TRIGGER see AFTER INSERT ON transactions EXECUTE FUNCTION see()')
    await session.append([put('a')])
    expect(await database.sql('SELECT setting FROM seen')).toEqual([{ setting: 'on' }])
    await session.close()
  })
})

describe('the schema', () => {
  test('is migrated once by nodes that start together', async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => makeLog(database).open()))
    expect(new Set(sessions.map((session) => session.head.logId)).size).toBe(1)
    expect(await database.sql('SELECT version FROM kvs_migrations')).toHaveLength(migrations.length)
    await Promise.all(sessions.map((session) => session.close()))
  })

  test('that is newer than the program is refused by name', async () => {
    await (await makeLog(database).open()).close()
    await database.sql(`INSERT INTO kvs_migrations (version, name) VALUES (99, '099_future.sql')`)
    const error = await makeLog(database)
      .open()
      .catch((error) => error)
    expect(error).toBeInstanceOf(Refused)
    expect(error.message).toContain('version 99')
  })

  test('is all there or not at all: a migration that fails leaves nothing', async () => {
    const broken = [{ version: 1, name: '001_broken.sql', sql: 'CREATE TABLE half (); SELECT 1/0' }]
    await expect(makeLog(database, { migrations: broken }).open()).rejects.toThrow(/division by zero/)
    expect(await database.sql(`SELECT to_regclass('half') AS half`)).toEqual([{ half: null }])
  })

  test('is refused in a database of another encoding', async () => {
    database = await makeDatabase('LATIN1')
    await expect(makeLog(database).open()).rejects.toThrow(/encoding LATIN1/)
  })
})
