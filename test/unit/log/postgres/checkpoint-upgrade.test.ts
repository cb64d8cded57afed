import { expect, test } from 'vitest'
import { advanceCheckpoint } from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { makeMirror } from '../../../../kvs/replica/mirror.ts'
import { loadCheckpoint } from '../../../support/checkpoint.ts'
import { type Database, makeDatabase, makeLog, migrations } from '../../../support/database.ts'
import { put, remove } from '../../../support/entries.ts'
import { connectTo } from './checkpointing.ts'

/** The tag of a key's value in a view that is built from the checkpoint, where there is one, and the log. */
async function start(database: Database) {
  const session = await makeLog(database).open()
  const mirror = makeMirror()
  await mirror.requireSamePast(session)
  const { keys } = await mirror.replay(session)
  await session.close()
  return { keys, tag: mirror.view.get('a')?.tag }
}

test('a checkpoint from before it had digests is made anew, with them', async () => {
  const database = await makeDatabase()
  const older = await makeLog(database, { migrations: migrations.filter(({ version }) => version < 6) }).open()
  await older.append([put('a', '1'), put('b', '1')])
  const { digest } = await older.append([put('a', '2'), remove('b'), put('c', 'x'.repeat(3_000))])
  const connection = await connectTo(database.target)
  expect(await advanceCheckpoint(connection, 10)).toMatchObject({ outcome: 'begun', reached: 5n })

  const tag = `${older.head.logId}-3-${digest.toString('hex', 0, 4)}`
  expect(await start(database)).toEqual({ keys: 0, tag })
  expect(await advanceCheckpoint(connection, 10)).toMatchObject({ outcome: 'begun', reached: 5n })
  expect((await loadCheckpoint(database)).isWhole).toBe(true)
  expect(await start(database)).toEqual({ keys: 2, tag })
  await older.close()
  await connection.close()
})
