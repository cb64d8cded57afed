import { beforeEach, expect, test } from 'vitest'
import { advanceCheckpoint, readCheckpoint } from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { forgetDeletes, readForgotten } from '../../../../kvs/log/postgres/forgotten-deletes.ts'
import { loadCheckpoint } from '../../../support/checkpoint.ts'
import { byForce } from '../../../support/database.ts'
import { put, remove } from '../../../support/entries.ts'
import { connection, database, openLog, session } from './checkpointing.ts'

beforeEach(openLog)

/** Deletes so many keys, in batches of 10, and returns the stamp of each batch. */
async function deleteKeys(count: number): Promise<number[]> {
  const stamps: number[] = []
  for (let at = 0; at < count; at += 10) {
    const { stamp } = await session.append(Array.from({ length: 10 }, (_, index) => remove(`key ${at + index}`)))
    stamps.push(stamp)
  }
  return stamps
}

async function tombstones(): Promise<number> {
  const { isWhole, entries } = await loadCheckpoint(database)
  expect(isWhole).toBe(true)
  return entries.filter(({ lives }) => !lives).length
}

const highestStamp = async () => Number((await session.append([remove('last')])).stamp)

test('forgotten deletes leave a checkpoint a few at each step, and it is whole after each', async () => {
  const stamps = await deleteKeys(100)
  await session.append([put('key 0'), put('key 55')])
  await advanceCheckpoint(connection, 1_000, true)
  expect(await tombstones()).toBe(98)
  await forgetDeletes(connection, stamps[7] ?? 0)
  const counts: number[] = []
  for (let step = 0; step < 20; step++) {
    if (step === 2) await session.append([remove('key 1'), put('key 2'), remove('key 95')])
    await advanceCheckpoint(connection, 7, true)
    counts.push(await tombstones())
  }
  expect(counts[0]).toBeGreaterThan(90)
  expect(counts.at(-1)).toBe(21)
  const { entries } = await loadCheckpoint(database)
  const left = entries.filter(({ lives }) => !lives).map(({ key }) => key)
  expect(left.toSorted()).toEqual(['key 1', ...Array.from({ length: 20 }, (_, index) => `key ${80 + index}`)])
})

test('a log whose head was made anew does without a checkpoint that lacks deletes, until there is one that has them', async () => {
  await deleteKeys(10)
  await forgetDeletes(connection, await highestStamp())
  await advanceCheckpoint(connection, 1_000, true)
  expect([await tombstones(), (await readCheckpoint(connection, true)) !== undefined]).toEqual([0, true])
  await database.sql(byForce('UPDATE log_head SET forgotten_stamp = 0'))
  expect(await readForgotten(connection)).toBe(0)
  expect(await readCheckpoint(connection, true)).toBeUndefined()
  expect(await readCheckpoint(connection)).toBeDefined()
  expect(await advanceCheckpoint(connection, 1_000, true)).toMatchObject({ outcome: 'begun' })
  expect([await tombstones(), (await readCheckpoint(connection, true)) !== undefined]).toEqual([11, true])
})

test('a look at the stamp, and raising it to what it is, change no row', async () => {
  const version = async () => (await database.sql<{ xmin: string }>('SELECT ctid::text AS xmin FROM log_head'))[0]?.xmin
  expect(await forgetDeletes(connection, 7)).toBe(7)
  const before = await version()
  expect([await forgetDeletes(connection, 7), await forgetDeletes(connection, 3)]).toEqual([7, 7])
  expect(await version()).toBe(before)
})

test('the checkpoint of a log that is no site’s is left alone', async () => {
  await deleteKeys(10)
  await session.append([put('a')])
  await forgetDeletes(connection, await highestStamp())
  await advanceCheckpoint(connection, 1_000)
  const [row] = await database.sql<{ swept: string | null }>('SELECT swept FROM checkpoint')
  expect([row?.swept, await tombstones()]).toEqual([null, 0])
})
