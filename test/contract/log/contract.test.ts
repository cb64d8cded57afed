import { beforeEach, describe, expect, test } from 'vitest'
import { Diverged, type LogSession, Refused } from '../../../kvs/log/log.ts'
import { byForce, type Database, makeDatabase, makeLog, migrations } from '../../support/database.ts'
import { put, remove } from '../../support/entries.ts'
import { readAll } from '../../support/read-all.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

describe('append and read', () => {
  test('a new log is empty, and has an id', async () => {
    const session = await makeLog(database).open()
    expect(session.head).toMatchObject({ sequence: 0n, entries: 0n, adoptedThrough: 0n })
    expect(session.head.logId).toMatch(/^[0-9a-f]{8}$/)
    expect(await session.read(0n)).toEqual([])
    await session.close()
  })

  test('entries come back byte for byte, in order, at consecutive sequences', async () => {
    const session = await makeLog(database).open()
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const writes = [
      put('a', every),
      put('', ''),
      remove('gone'),
      put('emoji 😀 "quoted" \\ back', 'é', 'text/html; charset="x"'),
    ]
    const place = await session.append(writes)
    expect(place.sequence).toBe(4n)
    expect((await session.append([put('b')])).sequence).toBe(5n)
    const entries = await readAll(session)
    expect(entries.map((entry) => entry.sequence)).toEqual([1n, 2n, 3n, 4n, 5n])
    expect(entries.slice(0, 4).map((entry) => entry.write)).toEqual(writes)
    expect(entries[3]?.digest).toEqual(place.digest)
    await session.close()
  })

  test('a page is bounded in bytes, though never empty before the end, and deletes do not tear it', async () => {
    const session = await makeLog(database).open()
    const big = Buffer.alloc(3 * 1024 * 1024, 'x')
    for (let i = 0; i < 4; i++) await session.append([put(`k${i}`, big), remove('x')])
    const page = await session.read(0n)
    expect(page.length).toBeLessThan(8)
    expect(page.map((entry) => entry.sequence)).toEqual(page.map((_, index) => BigInt(index + 1)))
    expect(await readAll(session)).toHaveLength(8)
    await session.close()
  })

  test('a page is bounded in entries', async () => {
    const session = await makeLog(database).open()
    for (let i = 0; i < 6; i++) await session.append(Array.from({ length: 1_000 }, (_, n) => put(`k${i}-${n}`)))
    expect(await session.read(0n)).toHaveLength(5_000)
    expect(await session.read(5_000n)).toHaveLength(1_000)
    await session.close()
  })

  test('recorded_at never goes back as the sequence rises, whatever the clock does', async () => {
    const session = await makeLog(database).open()
    await session.append([put('a')])
    await database.sql(byForce(`UPDATE transactions SET recorded_at = now() + interval '1 hour'`))
    await session.append([put('b')])
    const rows = await database.sql<{ went_back: boolean }>(
      'SELECT recorded_at < lag(recorded_at) OVER (ORDER BY sequence) AS went_back FROM transactions',
    )
    expect(rows.filter((row) => row.went_back)).toEqual([])
    await session.close()
  })

  test('writers that append at once share one gapless sequence', async () => {
    const sessions = await Promise.all(Array.from({ length: 8 }, () => makeLog(database).open()))
    await Promise.all(
      sessions.map(async (session, writer) => {
        for (let i = 0; i < 50; i++) await session.append([put(`${writer}-${i}`), put(`${writer}-${i}b`)])
      }),
    )
    const entries = await readAll(sessions[0] as LogSession)
    expect(entries.map((entry) => entry.sequence)).toEqual(Array.from({ length: 800 }, (_, i) => BigInt(i + 1)))
    await Promise.all(sessions.map((session) => session.close()))
  })

  test.each(['UPDATE transactions SET key = key', 'DELETE FROM transactions', 'TRUNCATE transactions'])(
    'the table refuses %s',
    async (statement) => {
      const session = await makeLog(database).open()
      await session.append([put('a')])
      await expect(database.sql(statement)).rejects.toThrow('append-only')
      await session.close()
    },
  )

  test('an entry of an unknown kind is never skipped', async () => {
    const session = await makeLog(database).open()
    await database.sql('ALTER TABLE transactions DROP CONSTRAINT known_event_type, DROP CONSTRAINT value_where_put')
    await database.sql(byForce(`INSERT INTO transactions VALUES (1, 7, 'k', NULL, NULL, now(), '')`))
    await expect(session.read(0n)).rejects.toThrow(Diverged)
    await session.close()
  })

  test('a server that would acknowledge before the commit is on disk is told not to', async () => {
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
