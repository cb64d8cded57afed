import { expect, test } from 'vitest'
import { advanceCheckpoint } from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { makeMirror } from '../../../../kvs/replica/mirror.ts'
import { loadCheckpoint } from '../../../support/checkpoint.ts'
import { byForce, type Database, makeDatabase, makeLog, makeOlderLog } from '../../../support/database.ts'
import { connectTo } from './checkpointing.ts'

const time = Date.UTC(2026, 10, 21, 8, 19, 25, 482)

/** What a start finds of a key in the checkpoint, where there is one, and in the log. */
async function start(database: Database) {
  const session = await makeLog(database).open()
  const mirror = makeMirror()
  await mirror.requireSamePast(session)
  const { keys } = await mirror.replay(session)
  await session.close()
  const { tag, modifiedAt } = mirror.view.get('a') ?? {}
  return { keys, tag: tag?.slice(session.head.logId.length), modifiedAt }
}

/** Makes an older log with five entries, and its checkpoint. */
async function makeFolded(version: number): Promise<Database> {
  const database = await makeDatabase()
  await makeOlderLog(database, version)
  await database.sql(
    byForce(`INSERT INTO transactions
      (sequence, event_type, key, value, recorded_at, digest, write_number) VALUES
      (1, 2, 'a', '1', '2026-11-21 08:19:24Z', '12345678', NULL), (2, 2, 'b', '1', '2026-11-21 08:19:24Z', '12345678', 0),
      (3, 2, 'a', '2', '2026-11-21 08:19:25.482999Z', '\\x0102030405060708', NULL),
      (4, 1, 'b', NULL, '2026-11-21 08:19:25.482999Z', '\\x0102030405060708', NULL),
      (5, 2, 'c', convert_to(repeat('x', 3000), 'UTF8'), '2026-11-21 08:19:25.482999Z', '\\x0102030405060708', 0)`),
  )
  expect(await database.sql('SELECT outcome, reached FROM advance_checkpoint(10)')).toEqual([
    { outcome: 'begun', reached: '5' },
  ])
  return database
}

const tag = '-3-01020304'

test.each([
  [5, 'digests'],
  [6, 'times and deadlines'],
  [8, 'stamps'],
])('a checkpoint of schema version %i, from before it had %s, is made anew, with them', async (version) => {
  const database = await makeFolded(version)
  expect(await start(database)).toEqual({ keys: 0, tag, modifiedAt: time })
  const connection = await connectTo(database.target)
  expect(await advanceCheckpoint(connection, 10)).toMatchObject({ outcome: 'begun', reached: 5n })
  expect((await loadCheckpoint(database)).isWhole).toBe(true)
  expect(await start(database)).toEqual({ keys: 2, tag, modifiedAt: time })
  await connection.close()
})

test('a checkpoint from before it had earlier versions goes on', async () => {
  const database = await makeFolded(12)
  expect(await start(database)).toEqual({ keys: 2, tag, modifiedAt: time })
  await database.sql(
    byForce(`INSERT INTO transactions
      (sequence, event_type, key, value, recorded_at, digest, write_number, earlier_version) VALUES
      (6, 2, 'c', '3', now(), 'another1', NULL, 'cafe0123-1-00000000@1'), (7, 2, 'd', '4', now(), 'another1', 0, NULL)`),
  )
  const connection = await connectTo(database.target)
  expect(await advanceCheckpoint(connection, 10)).toMatchObject({ outcome: 'advanced', before: 5n, reached: 7n })
  expect((await loadCheckpoint(database)).isWhole).toBe(true)
  expect(await start(database)).toEqual({ keys: 3, tag, modifiedAt: time })
  await connection.close()
})
