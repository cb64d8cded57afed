import { beforeEach, describe, expect, test } from 'vitest'
import { advanceCheckpoint, readCheckpoint } from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { decidedTogether } from '../../../contract/log/batches.ts'
import { fillLog, loadCheckpoint } from '../../../support/checkpoint.ts'
import { byForce, makeLog } from '../../../support/database.ts'
import { pointOf, put, remove } from '../../../support/entries.ts'
import { until } from '../../../support/until.ts'
import { advanceToEnd, connection, connectTo, database, expectWhole, openLog, session } from './checkpointing.ts'

beforeEach(openLog)

describe('the checkpoint', () => {
  test('holds what real appends have written, and nothing that is superseded', async () => {
    await session.append([put('a', '1'), put('b', '1', 'text/x'), remove('a'), put('c', '')])
    await session.appendSpooled([{ number: 9n, superseded: true, write: remove('b') }], 4n)
    await advanceToEnd(2)
    expect((await loadCheckpoint(database)).entries).toMatchObject([
      { key: 'b', content_type: 'text/x' },
      { key: 'c', value: Buffer.of() },
    ])
  })

  test('is none before the first step, and none of an empty log', async () => {
    expect(await readCheckpoint(connection)).toBeUndefined()
    expect(await advanceCheckpoint(connection, 10)).toMatchObject({ outcome: 'begun', reached: 0n, behind: 0n })
    expect(await readCheckpoint(connection)).toBeUndefined()
  })

  test('is read as a position in the log, with what its rows must come to', async () => {
    const end = await session.append([put('a'), put('b')])
    await advanceCheckpoint(connection, 10)
    const checkpoint = await readCheckpoint(connection)
    expect(checkpoint).toMatchObject({ ...pointOf(end), keys: 2 })
    const sum = (await loadCheckpoint(database)).entries.reduce((sum, { hash }) => sum ^ BigInt(hash), 0n)
    expect(checkpoint?.checksum.readBigInt64BE()).toBe(sum)
    expect(await session.holds(end)).toBe(true)
  })

  test('ends where a batch ends, with any step', async () => {
    await session.append([put('a'), put('b'), put('c')])
    await session.append([put('d')])
    const transaction = decidedTogether(Array.from({ length: 10 }, (_, n) => put(`t${n}`)))
    await session.appendConditional([transaction, transaction], 0n)
    const ends = async (most: number) => {
      await database.sql('DELETE FROM checkpoint')
      const reached: bigint[] = []
      while (reached.at(-1) !== 24n) reached.push((await advanceCheckpoint(connection, most)).reached)
      expect(await expectWhole()).toBe(24n)
      return reached
    }
    expect(await ends(1)).toEqual([3n, 4n, 24n])
    expect(await ends(2)).toEqual([3n, 24n])
    expect(await ends(4)).toEqual([4n, 24n])
    expect(await ends(100)).toEqual([24n])
  })

  test('takes an adopted log, with its gaps and with keys of any length', async () => {
    await database.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    await database.sql(
      'CREATE TABLE transactions (sequence BIGSERIAL PRIMARY KEY, event_type SMALLINT, key TEXT, value TEXT)',
    )
    const long = Array.from({ length: 5_000 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7_919) % 20_000))).join('')
    const rows = [
      [3, 2, 'a', 'Test+Pair+1'],
      [4, 2, 'b', '2'],
      [900_000, 1, 'b', ''],
      [900_002, 2, long, 'x'],
    ]
    for (const row of rows) await database.sql('INSERT INTO transactions VALUES ($1, $2, $3, $4)', row)
    const adopted = await makeLog(database).open()
    for (const most of [1, 3, 10]) {
      await database.sql('DELETE FROM checkpoint')
      await advanceToEnd(most)
    }
    await adopted.append([put('c'), remove('a')])
    await advanceToEnd(1)
    expect((await loadCheckpoint(database)).entries.map(({ key }) => key)).toEqual([long, 'c'])
    await adopted.close()
  })

  test('is not brought past a gap in the log, or past an entry of an unknown kind', async () => {
    await session.append([put('a'), put('b'), put('c')])
    await database.sql('ALTER TABLE transactions DISABLE TRIGGER append_only')
    await database.sql('DELETE FROM transactions WHERE sequence = 2')
    await expect(advanceCheckpoint(connection, 10)).rejects.toThrow('the log lacks entries after 0')
    await database.sql('ALTER TABLE transactions DROP CONSTRAINT known_event_type, DROP CONSTRAINT value_where_put')
    await database.sql(byForce(`INSERT INTO transactions VALUES (2, 7, 'k', NULL, NULL, now(), 'd')`))
    await expect(advanceCheckpoint(connection, 10)).rejects.toThrow('the log has entries of an unknown kind after 0')
    await database.sql(`UPDATE transactions SET event_type = 1 WHERE sequence = 2`)
    await advanceCheckpoint(connection, 10)
    await database.sql(byForce(`INSERT INTO transactions VALUES (5, 1, 'x', NULL, NULL, now(), 'd', false, NULL, 0)`))
    await expect(advanceCheckpoint(connection, 10)).rejects.toThrow('the log lacks entries after 3')
  })

  test('a step that is cut short leaves it as it was', async () => {
    await fillLog(database, 1_000, 50)
    await advanceCheckpoint(connection, 500)
    const before = await loadCheckpoint(database)
    const client = await database.connect()
    await client.query('BEGIN')
    await client.query('SELECT advance_checkpoint(500)')
    await client.query('ROLLBACK')
    await client.query('BEGIN')
    await client.query('SELECT advance_checkpoint(500)')
    const [{ pid } = {}] = (await client.query('SELECT pg_backend_pid() AS pid')).rows
    await database.sql('SELECT pg_terminate_backend($1)', [pid])
    await until('it has ended', async () => {
      const rows = await database.sql('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])
      return rows.length === 0
    })
    expect(await loadCheckpoint(database)).toEqual(before)
    await advanceToEnd(300)
  })
})

describe('several at once', () => {
  test('take turns: who comes second returns at once', async () => {
    await fillLog(database, 100, 10)
    const client = await database.connect()
    await client.query('BEGIN')
    await client.query('SELECT advance_checkpoint(10)')
    expect((await advanceCheckpoint(connection, 10)).outcome).toBe('busy')
    await client.query('COMMIT')
    expect(await advanceCheckpoint(connection, 10)).toEqual({
      outcome: 'advanced',
      before: 10n,
      reached: 20n,
      behind: 80n,
    })
  })

  test('come to what one alone comes to, with appends beside them', async () => {
    const others = await Promise.all([1, 2, 3].map(() => connectTo(database.target)))
    let isOver = false
    const appends = (async () => {
      for (let i = 0; i < 100; i++) await session.append([put(`k${i % 17}`, `${i}`), remove(`k${i % 5}`)])
      isOver = true
    })()
    await Promise.all(
      others.map(async (other) => {
        while (!isOver) await advanceCheckpoint(other, 7)
      }),
    )
    await appends
    await advanceToEnd(50)
    await Promise.all(others.map((other) => other.close()))
  })

  test('an append waits for no step, and a step for no append', async () => {
    await session.append([put('a'), put('b'), put('c')])
    await advanceCheckpoint(connection, 1)
    const client = await database.connect()
    for (const restart of ['', 'DELETE FROM checkpoint']) {
      await client.query(`BEGIN; ${restart}`)
      await client.query('SELECT advance_checkpoint(10)')
      const [{ pid } = {}] = (await client.query('SELECT pg_backend_pid() AS pid')).rows
      await session.append([put('d')]) // would time out
      const locks = await database.sql<{ name: string; mode: string }>(
        `SELECT DISTINCT relation::regclass::text AS name, mode FROM pg_locks
         WHERE pid = $1 AND relation::regclass::text ~ '^(transactions|log_head|writers)'`,
        [pid],
      )
      expect(new Set(locks.map(({ mode }) => mode))).toEqual(new Set(['AccessShareLock']))
      await client.query('ROLLBACK')
    }

    await client.query("BEGIN; SELECT FROM log_head FOR UPDATE; SET LOCAL kvs.changes = 'on'")
    await client.query(
      `INSERT INTO transactions SELECT sequence + 1, 1, 'x', NULL, NULL, now(), 'd', false, NULL, 0 FROM end_of_log`,
    )
    expect(await advanceCheckpoint(connection, 10)).toMatchObject({ reached: 5n, behind: 0n })
    await client.query('ROLLBACK')
  })
})
