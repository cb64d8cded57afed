import { beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../kvs/entry.ts'
import { Diverged, type LogSession, NotAppended, Refused, Unavailable, Undecided } from '../../kvs/log/log.ts'
import { type Database, makeDatabase, makeLog, migrations } from '../support/database.ts'
import { put, remove } from '../support/entries.ts'
import { until } from '../support/until.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

async function readAll(session: LogSession): Promise<Entry[]> {
  const entries: Entry[] = []
  for (;;) {
    const page = await session.read(entries.at(-1)?.sequence ?? 0n)
    if (page.length === 0) return entries
    entries.push(...page)
  }
}

/** Holds a lock that blocks every append until it is let go. */
async function blockAppends(): Promise<{ letGo(): Promise<void>; waiting(): Promise<number> }> {
  const blocker = await database.connect()
  await blocker.query('BEGIN; LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE')
  return {
    letGo: async () => void (await blocker.query('ROLLBACK')),
    waiting: async () => {
      const rows = await database.sql<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%claim%'`,
      )
      return rows[0]?.n ?? 0
    },
  }
}

async function terminateNodes(): Promise<void> {
  await database.sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'kvs'`,
  )
}

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
    await database.sql(`UPDATE log_head SET recorded_at = now() + interval '1 hour'`)
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
    await database.sql(`INSERT INTO transactions VALUES (1, 7, 'k', NULL, NULL, now(), '')`)
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

describe('exactly once', () => {
  test('a batch whose connection is lost before the commit is known, at the next, never to land', async () => {
    const log = makeLog(database)
    const session = await log.open()
    await session.append([put('before')])
    const blocked = await blockAppends()
    const lost = expect(session.append([put('a'), put('b')])).rejects.toThrow(Undecided)
    await until('the append waits', async () => (await blocked.waiting()) === 1)
    await terminateNodes()
    await lost
    await session.lost
    await blocked.letGo()

    const again = await log.open()
    expect(again.committed).toMatchObject({ number: 1n, end: { sequence: 1n } })
    expect((await again.append([put('c')])).sequence).toBe(2n)
    expect((await readAll(again)).map((entry) => entry.write.key)).toEqual(['before', 'c'])
    await again.close()
  })

  test('a batch that was committed before its answer was lost is found at the next connection', async () => {
    const log = makeLog(database, { timeoutMs: 500 })
    const session = await log.open()
    await database.sql(`CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.75); RETURN NULL; END $$`)
    await database.sql('CREATE TRIGGER take_long AFTER INSERT ON transactions EXECUTE FUNCTION take_long()')
    // The answer is no longer waited for; the statement itself runs on, and commits before the server looks for its client.
    await expect(session.append([put('a'), put('b')])).rejects.toThrow(Undecided)
    const again = await log.open()
    const entries = await readAll(again)
    expect(again.committed).toEqual({ number: 2n, end: { sequence: 2n, digest: entries[1]?.digest } })
    expect(entries.map((entry) => entry.write.key)).toEqual(['a', 'b'])
    await again.close()
  })

  test('a batch that comes to its turn when its answer is no longer waited for is not there, and never will be', async () => {
    const log = makeLog(database, { timeoutMs: 500 })
    const session = await log.open()
    const blocked = await blockAppends()
    await expect(session.append([put('a'), put('b')])).rejects.toThrow(Undecided)
    await blocked.letGo()
    const again = await log.open() // waits for the statement, which holds the writer's row
    expect(again.committed).toMatchObject({ number: 0n, end: { sequence: 0n } })
    expect((await again.append([put('c')])).sequence).toBe(1n)
    expect((await readAll(again)).map((entry) => entry.write.key)).toEqual(['c'])
    await again.close()
  })

  test('a registration that was given up on, and comes after the next one, takes nothing over', async () => {
    const log = makeLog(database, { timeoutMs: 500 })
    await log.open().then((session) => session.close())
    const blocker = await database.connect()
    await blocker.query('SELECT pg_advisory_lock(1)')
    await database.sql('CREATE TABLE hold AS SELECT true AS holds')
    await database.sql(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF (SELECT holds FROM hold) THEN PERFORM pg_advisory_lock(1); END IF; RETURN NULL; END $$`)
    await database.sql('CREATE TRIGGER hold BEFORE UPDATE ON writers EXECUTE FUNCTION hold()')
    await expect(log.open()).rejects.toThrow(Unavailable)
    await database.sql('UPDATE hold SET holds = false')
    const session = await log.open()
    await blocker.query('SELECT pg_advisory_unlock(1)')
    await until('it has come to its end', async () => {
      const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
        AND query LIKE 'UPDATE writers SET session%'`
      return (await database.sql(waiting)).length === 0
    })
    expect((await session.append([put('a')])).sequence).toBe(1n)
    await session.close()
  })

  test('a session knows which entries are its own node’s', async () => {
    const log = makeLog(database)
    const session = await log.open()
    await session.append([put('mine')])
    const other = await makeLog(database).open()
    await other.append([put('theirs')])
    expect((await readAll(session)).map((entry) => entry.isOwn)).toEqual([true, false])
    await session.close()
    const again = await log.open()
    expect((await readAll(again)).map((entry) => entry.isOwn)).toEqual([true, false])
    await Promise.all([again.close(), other.close()])
  })

  test('an error that Postgres answers is known not to be appended, and the session goes on', async () => {
    const session = await makeLog(database).open()
    await database.sql(`ALTER TABLE transactions ADD CONSTRAINT no_b CHECK (key <> 'b')`)
    const error = await session.append([put('a'), put('b')]).catch((error) => error)
    expect(error).toBeInstanceOf(NotAppended)
    expect(error.logIsDown).toBe(false)
    expect((await session.append([put('c')])).sequence).toBe(1n)
    await session.close()
  })

  test('a read-only server counts as down', async () => {
    const session = await makeLog(database).open()
    await database.sql(`ALTER DATABASE ${database.target.database} SET default_transaction_read_only = on`)
    await session.close()
    const error = await makeLog(database)
      .open()
      .catch((error) => error)
    expect(error).toBeInstanceOf(Unavailable)
    expect(error.message).toContain('read only')
  })

  test('a process that appends under a copied identity is refused, and so is the one it was copied from', async () => {
    const writerId = crypto.randomUUID()
    const first = await makeLog(database, { writerId }).open()
    await first.append([put('a')])
    const second = await makeLog(database, { writerId }).open()
    await second.append([put('b')])
    await expect(first.append([put('c')])).rejects.toThrow(Diverged)
    expect((await readAll(second)).map((entry) => entry.write.key)).toEqual(['a', 'b'])
    await Promise.all([first.close(), second.close()])
  })
})

describe('spooled writes', () => {
  const spooled = (number: bigint, key: string, superseded = false) => ({
    number,
    superseded,
    write: put(key, `${number}`),
  })

  test('have the numbers they were accepted under, gaps included', async () => {
    const log = makeLog(database)
    const session = await log.open()
    await session.append([put('a')])
    expect((await session.appendSpooled([spooled(5n, 'a'), spooled(6n, 'b')], 1n)).sequence).toBe(3n)
    expect(session.committed.number).toBe(6n)
    expect((await session.append([put('c')])).sequence).toBe(4n)
    expect(session.committed.number).toBe(7n)
    await session.close()
    expect((await log.open()).committed.number).toBe(7n)
  })

  test('are there as superseded where told so, and have no effect on who reads them', async () => {
    const session = await makeLog(database).open()
    await session.appendSpooled([spooled(1n, 'a', true), spooled(2n, 'b')], 0n)
    expect((await readAll(session)).map((entry) => [entry.write.key, entry.superseded])).toEqual([
      ['a', true],
      ['b', false],
    ])
    await session.close()
  })

  test('are superseded by what others commit after the last look, even while the append waits for its turn', async () => {
    const session = await makeLog(database).open()
    await session.append([put('old', 'x')])
    const other = await makeLog(database).open()
    const blocker = await database.connect()
    // A lock alone: once a row has changed, those who wait for it are not let in by their turn.
    await blocker.query('BEGIN; SELECT FROM log_head FOR UPDATE')
    const first = other.append([put('theirs')])
    const waiting = async (n: number) => {
      const [row] = await database.sql<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
      return row?.n === n
    }
    await until('the other one waits', () => waiting(1))
    const mine = session.appendSpooled([spooled(2n, 'theirs'), spooled(3n, 'mine'), spooled(4n, 'old')], 1n)
    await until('both wait', () => waiting(2))
    await blocker.query('COMMIT')
    await Promise.all([first, mine])
    expect((await readAll(session)).map((entry) => [entry.write.key, entry.superseded])).toEqual([
      ['old', false],
      ['theirs', false],
      ['theirs', true],
      ['mine', false],
      ['old', false],
    ])
    await Promise.all([session.close(), other.close()])
  })
})

describe('a log that went back', () => {
  test('and was written on by the same node has another digest, whatever the numbers', async () => {
    const writerId = crypto.randomUUID()
    const session = await makeLog(database, { writerId }).open()
    await session.append([put('a')])
    await database.sql('CREATE TABLE head AS TABLE log_head')
    await database.sql('CREATE TABLE writer AS TABLE writers')
    const lost = await session.append([put('b')])
    await session.close()
    await database.sql(
      'ALTER TABLE transactions DISABLE TRIGGER append_only; DELETE FROM transactions WHERE sequence = 2',
    )
    await database.sql('UPDATE log_head SET sequence = head.sequence, digest = head.digest FROM head')
    await database.sql(
      'UPDATE writers SET last_write = writer.last_write, last_digest = writer.last_digest FROM writer',
    )
    const again = await makeLog(database, { writerId }).open()
    expect((await again.append([put('b')])).sequence).toBe(2n)
    expect(await again.holds(lost)).toBe(false)
    await again.close()
  })

  test('is told from one that went on', async () => {
    const session = await makeLog(database).open()
    const first = await session.append([put('a')])
    const second = await session.append([put('b')])
    expect(await session.holds(first)).toBe(true)
    expect(await session.holds(second)).toBe(true)
    expect(await session.holds({ sequence: 3n, digest: second.digest })).toBe(false)
    expect(await session.holds({ sequence: 2n, digest: first.digest })).toBe(false)
    await session.close()
  })

  test('and lost batches it had acknowledged is named at the next connection', async () => {
    const log = makeLog(database)
    const session = await log.open()
    await session.append([put('a')])
    await session.append([put('b')])
    await session.close()
    await database.sql('UPDATE writers SET last_write = last_write - 1')
    await expect(log.open()).rejects.toThrow(/went back: it lacks the last writes of this node \(numbers 2 to 2\)/)
    await database.sql('DELETE FROM writers')
    await expect(log.open()).rejects.toThrow(/went back.*knows nothing/)
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
