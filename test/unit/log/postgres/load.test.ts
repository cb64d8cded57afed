import { beforeEach, expect, test } from 'vitest'
import { makeMirror } from '../../../../kvs/replica/mirror.ts'
import { makeView } from '../../../../kvs/view/view.ts'
import { makeSeededRandom } from '../../../../tools/lab/seeded-random.ts'
import { appendTo, fillLog, type Logged } from '../../../support/checkpoint.ts'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put, remove } from '../../../support/entries.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
  await (await makeLog(database).open()).close()
})

const advance = (most: number) => database.sql('SELECT advance_checkpoint($1)', [most])

/** A view built as a node builds it at its start, and what it was built from. */
async function replay() {
  const warnings: string[] = []
  const session = await makeLog(database, { warn: (message) => warnings.push(message) }).open()
  const mirror = makeMirror()
  await mirror.requireSamePast(session)
  const from = await mirror.replay(session)
  expect(await session.holds(mirror.view.position)).toBe(true)
  await session.close()
  return { mirror, view: mirror.view, from, warnings }
}

/** The same from the log alone. */
async function fold() {
  const session = await makeLog(database).open()
  const view = makeView({ logId: session.head.logId, gapsUpTo: session.head.adoptedThrough })
  await session.replay(0n, view.applyPacked)
  await session.close()
  return view
}

const keys = Array.from({ length: 40 }, (_, n) => `key ${n} ${'é'.repeat(n % 3)}`)

async function expectTheSame(view: Awaited<ReturnType<typeof fold>>): Promise<void> {
  const folded = await fold()
  expect(view.position).toEqual(folded.position)
  expect(view.size).toBe(folded.size)
  for (const key of keys) expect(view.get(key), key).toEqual(folded.get(key))
}

test.each([1, 2, 3])('checkpoint and log together give the view that the log alone gives (seed %i)', async (seed) => {
  const random = makeSeededRandom(seed, 'load')
  const sizes = [0, 10, 1_999, 2_001, 40_000]
  for (let round = 0; round < 12; round++) {
    const entries: Logged[] = Array.from({ length: random.integer(1, 60) }, () => {
      const key = random.pick(keys)
      const value = Buffer.alloc(random.pick(sizes), String(random.next()))
      const type = random.pick([undefined, 'text/html', 'é'.repeat(200)])
      return { superseded: random.chance(0.1), write: random.chance(0.3) ? remove(key) : put(key, value, type) }
    })
    await appendTo(database, entries)
    if (random.chance(0.7)) await advance(random.integer(1, 100))
    const { view, warnings } = await replay()
    expect(warnings).toEqual([])
    await expectTheSame(view)
  }
})

test('a start reads the live keys and the entries after them, and counts both', async () => {
  await fillLog(database, 1_000, 30)
  await advance(900)
  const { mirror, from, view } = await replay()
  expect(from).toEqual({ keys: 30, entries: 100 })
  expect([mirror.replayed, mirror.total]).toEqual([130, 130])
  expect(view.position.sequence).toBe(1_000n)
})

test.each([
  ['a key is lost', `DELETE FROM checkpoint_entries WHERE key = 'key 3'`],
  ['a value is another', `UPDATE checkpoint_entries SET value = 'x' WHERE key = 'key 3'`],
  ['a value is gone', `UPDATE checkpoint_entries SET value = NULL, sequence = -1 WHERE key = 'key 3'`],
  ['a key is added', `INSERT INTO checkpoint_entries VALUES (3, 'new', 'x', NULL, '', now(), NULL, true)`],
  ['it is said to be newer', 'UPDATE checkpoint SET sequence = 100, digest = (SELECT digest FROM end_of_log)'],
  ['it is emptied', 'TRUNCATE checkpoint_entries'],
])('a checkpoint that is broken is told of, ignored, and made anew: %s', async (_, sql) => {
  await fillLog(database, 100, 30)
  await advance(90)
  await database.sql(sql)
  const broken = await replay()
  expect(broken.from).toEqual({ keys: 0, entries: 100 })
  expect(broken.warnings).toEqual([expect.stringMatching(/^the checkpoint at (90|100) is broken; /)])
  await expectTheSame(broken.view)
  await advance(100)
  const whole = await replay()
  expect(whole.from).toEqual({ keys: 30, entries: 0 })
  await expectTheSame(whole.view)
})

test('one that is of another past is passed over', async () => {
  await fillLog(database, 100, 30)
  await advance(90)
  await database.sql(`UPDATE checkpoint SET digest = '\\x00'`)
  const { from, warnings } = await replay()
  expect([from, warnings]).toEqual([{ keys: 0, entries: 100 }, []])
})

test.each([
  ['its table is gone', 'DROP TABLE checkpoint_entries'],
  [
    'it breaks off while it is read',
    'ALTER TABLE checkpoint_entries ALTER sequence TYPE numeric; UPDATE checkpoint_entries SET sequence = 10 ^ 30 ' +
      `WHERE key = 'key 7'`,
  ],
])('one that Postgres can’t read is told of and passed over: %s', async (_, sql) => {
  await fillLog(database, 100, 30)
  await advance(90)
  await database.sql(sql)
  const { from, view, warnings } = await replay()
  expect(from).toEqual({ keys: 0, entries: 100 })
  expect(warnings).toEqual([expect.stringMatching(/^the checkpoint can’t be read \(.+\); replaying the log/)])
  await expectTheSame(view)
})
