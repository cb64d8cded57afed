import { expect, onTestFinished, test } from 'vitest'
import type { PostgresTarget } from '../../../../kvs/config/postgres-target.ts'
import type { CheckpointPace } from '../../../../kvs/log/checkpoint-schedule.ts'
import { makeCheckpointer } from '../../../../kvs/log/postgres/checkpointer.ts'
import { fillLog, foldLog, inOrder, loadCheckpoint } from '../../../support/checkpoint.ts'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { until } from '../../../support/until.ts'

const quick: Partial<CheckpointPace> = {
  pollEveryMs: 20,
  movingLag: 500,
  quietLag: 10,
  step: 100,
  movingShare: 1,
  quietShare: 1,
}

async function makeLogged(entries: number) {
  const database = await makeDatabase()
  await (await makeLog(database).open()).close()
  await fillLog(database, entries, 70)
  return database
}

function run(target: PostgresTarget, pace = quick, timeoutMs = 5_000, position?: () => string) {
  const warnings: string[] = []
  const stopping = new AbortController()
  const warn = (message: string) => void warnings.push(message)
  const checkpointer = makeCheckpointer({ target, timeoutMs, warn, pace, ...(position && { position }) })
  const ended = checkpointer.run(stopping.signal)
  const stop = () => {
    stopping.abort()
    return ended
  }
  onTestFinished(stop)
  return { warnings, stop }
}

async function reaches(database: Database, sequence: bigint): Promise<void> {
  await until(`the checkpoint is at ${sequence}`, async () => {
    const [row] = await database.sql<{ sequence: string }>('SELECT sequence FROM checkpoint')
    return row !== undefined && BigInt(row.sequence) >= sequence
  })
}

async function expectWhole(database: Database): Promise<void> {
  const { sequence, isWhole, entries } = await loadCheckpoint(database)
  expect(isWhole).toBe(true)
  expect(inOrder(entries)).toEqual(await foldLog(database, sequence))
}

const working = (database: Database) =>
  database.sql<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kvs checkpoint'`,
  )

test('a quiet log’s checkpoint is brought to its end', async () => {
  const database = await makeLogged(1_234)
  const { warnings } = run(database.target)
  await reaches(database, 1_234n)
  await fillLog(database, 11, 1)
  await reaches(database, 1_245n)
  await expectWhole(database)
  expect(warnings).toEqual([])
})

test('an idle node’s checkpointer asks nothing once all is done, until the node has applied more', async () => {
  const database = await makeLogged(1_234)
  let position = 'at 1234'
  let looks = 0
  const pace = { ...quick, pollEveryMs: 5, sizeEveryMs: 0 }
  run(database.target, pace, 5_000, () => {
    looks++
    return position
  })
  const lastQuery = async () => {
    const [row] = await database.sql<{ pid: number; at: string }>(
      `SELECT pid, query_start::text AS at FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'kvs checkpoint'`,
    )
    return row && `${row.pid} ${row.at}`
  }
  const rests = () =>
    until('it asks nothing while it looks fifty times', async () => {
      const [before, from] = [await lastQuery(), looks]
      await until('it has looked', () => looks > from + 100) // twice each time
      return before !== undefined && (await lastQuery()) === before
    })
  await reaches(database, 1_234n)
  await rests()
  await fillLog(database, 11, 1)
  position = 'at 1245'
  await reaches(database, 1_245n)
  await rests()
  // A connection that is lost meanwhile is made anew.
  const [before] = await working(database)
  await database.sql(`SELECT pg_terminate_backend(${before?.pid})`)
  await until('there is another', async () => ![undefined, before?.pid].includes((await working(database))[0]?.pid))
  await rests()
})

test('a moving log’s is kept within its bound', async () => {
  const database = await makeLogged(0)
  run(database.target, { ...quick, quietLag: Number.POSITIVE_INFINITY })
  for (let i = 0; i < 60; i++) await fillLog(database, 50, 50)
  await reaches(database, 2_500n)
  await expectWhole(database)
})

test('several nodes share the work without getting in one another’s way', async () => {
  const database = await makeLogged(5_000)
  const nodes = [1, 2, 3].map(() => run(database.target))
  for (let i = 0; i < 20; i++) await fillLog(database, 100, 30)
  await reaches(database, 7_000n)
  await expectWhole(database)
  expect(nodes.flatMap(({ warnings }) => warnings)).toEqual([])
})

test('it goes on after its connection is lost, and says nothing: the log’s own tells', async () => {
  const database = await makeLogged(300)
  const { warnings } = run(database.target)
  await reaches(database, 300n)
  for (const { pid } of await working(database)) await database.sql('SELECT pg_terminate_backend($1)', [pid])
  await fillLog(database, 300, 70)
  await reaches(database, 600n)
  expect(warnings).toEqual([])
})

test('what stands in its way is told once, and it tries again', async () => {
  const database = await makeLogged(300)
  await database.sql('ALTER TABLE checkpoint RENAME TO elsewhere')
  const { warnings } = run(database.target)
  await until('it has told', () => warnings.length > 0)
  await database.sql('ALTER TABLE elsewhere RENAME TO checkpoint')
  await reaches(database, 300n)
  expect(warnings).toEqual([
    expect.stringMatching(
      /^the checkpoint is not brought forward, and starts take longer: .*"checkpoint" does not exist/,
    ),
  ])
})

test('a step that takes too long is tried again, and told where a smaller one can’t help', async () => {
  const database = await makeLogged(2_000)
  const blocker = await database.connect()
  await blocker.query('BEGIN; LOCK TABLE checkpoint_entries IN ACCESS EXCLUSIVE MODE')
  const { warnings } = run(database.target, { ...quick, leastStep: 100 }, 200)
  await until('it has told', () => warnings.length > 0)
  await blocker.query('ROLLBACK')
  await reaches(database, 2_000n)
  await expectWhole(database)
  expect(warnings).toEqual([expect.stringMatching(/does not answer \(Query read timeout\)/)])
})

test('it stops at once, a step under way or not, and leaves no connection', async () => {
  const database = await makeLogged(100)
  const blocker = await database.connect()
  await blocker.query('BEGIN; LOCK TABLE checkpoint_entries IN ACCESS EXCLUSIVE MODE')
  const { stop } = run(database.target)
  await until('a step waits', async () => {
    const waits = await database.sql(
      `SELECT FROM pg_stat_activity WHERE application_name = 'kvs checkpoint' AND wait_event_type = 'Lock'
       AND datname = current_database()`,
    )
    return waits.length > 0
  })
  const since = performance.now()
  await stop()
  expect(performance.now() - since).toBeLessThan(1_000)
  await blocker.query('ROLLBACK')
  await until('its connection is gone', async () => (await working(database)).length === 0)
})
