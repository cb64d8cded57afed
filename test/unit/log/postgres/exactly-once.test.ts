import { beforeEach, describe, expect, test } from 'vitest'
import { Unavailable, Undecided } from '../../../../kvs/log/log.ts'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { until } from '../../../support/until.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

/** Holds a lock that blocks every append until it is let go. */
async function blockAppends(): Promise<{ letGo(): Promise<void>; waiting(): Promise<number> }> {
  const blocker = await database.connect()
  await blocker.query('BEGIN; LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE')
  return {
    letGo: async () => void (await blocker.query('ROLLBACK')),
    waiting: async () => {
      const rows = await database.sql<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%append_writes%'`,
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
      $$ BEGIN
        PERFORM set_config('client_connection_check_interval', '0', false);
        PERFORM pg_sleep(0.75);
        RETURN NULL;
      END $$`)
    await database.sql('CREATE TRIGGER take_long AFTER INSERT ON transactions EXECUTE FUNCTION take_long()')
    // The answer is no longer waited for; the statement itself runs on, and commits, as the server does not look for
    // its client.
    await expect(session.append([put('a'), put('b')])).rejects.toThrow(Undecided)
    const again = await log.open()
    const entries = await readAll(again)
    expect(again.committed).toEqual({ number: 2n, end: { sequence: 2n, digest: entries[1]?.digest } })
    expect(entries.map((entry) => entry.write.key)).toEqual(['a', 'b'])
    await again.close()
  })

  test('a batch whose turn comes when nobody waits for its answer is not stored, and never will be', async () => {
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
    await database.sql('CREATE TABLE hold AS SELECT true AS holds, false AS has_passed')
    // Without the check the server would end the statement as soon as it notices that its client is gone.
    await database.sql(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF (SELECT holds FROM hold) THEN
        PERFORM set_config('client_connection_check_interval', '0', false);
        PERFORM pg_advisory_lock(1);
        UPDATE hold SET has_passed = true;
      END IF;
      RETURN NULL; END $$`)
    await database.sql('CREATE TRIGGER hold BEFORE UPDATE ON writers EXECUTE FUNCTION hold()')
    await expect(log.open()).rejects.toThrow(Unavailable)
    await database.sql('UPDATE hold SET holds = false')
    const session = await log.open()
    await blocker.query('SELECT pg_advisory_unlock(1)')
    await until('it has landed', async () => (await database.sql('SELECT FROM hold WHERE has_passed')).length === 1)
    expect((await session.append([put('a')])).sequence).toBe(1n)
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
    expect(error.message).toContain('default_transaction_read_only=on')
  })
})
