import { expect, test } from 'vitest'
import { spooled } from '../../../contract/log/batches.ts'
import { makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { until } from '../../../support/until.ts'

test('spooled writes are superseded by what others commit while the append waits for its turn', async () => {
  const database = await makeDatabase()
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
