import { beforeEach, describe, expect, test } from 'vitest'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { until } from '../../../support/until.ts'
import { readAll } from './read-all.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
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

  test('are superseded by what others commit after `seen`, even while the append waits for its turn', async () => {
    const session = await makeLog(database).open()
    await session.append([put('old', 'x')])
    const other = await makeLog(database).open()
    const blocker = await database.connect()
    // A lock alone: once a row has changed, those who wait for it are not let in by their turn.
    await blocker.query('BEGIN; SELECT FROM log_head FOR UPDATE')
    const first = other.append([put('theirs')])
    const waiting = async (n: number) => {
      const [row] = await database.sql<{ n: number }>(
        'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = ' +
          `'Lock'`,
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
