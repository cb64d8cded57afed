import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parsePosition } from '../../../kvs/core/position.ts'
import { systemRandom } from '../../../kvs/lib/random.ts'
import type { LogSession } from '../../../kvs/log/log.ts'
import { lockSlot } from '../../../kvs/slots/slot-lock.ts'
import { makeLog } from '../../support/database.ts'
import { put, remove } from '../../support/entries.ts'
import { countSpooled } from '../../support/slots.ts'
import { until } from '../../support/until.ts'
import { logOf, makeShared, positionOf, run, says } from './orphaned-slots.ts'

test('another writer’s entry wins over a spooled write that had not seen it, before and between its batches', async () => {
  const shared = await makeShared()
  const { database, session, leave } = shared
  await session.append([put('seen', 'before'), put('x', 'before')])
  const at = positionOf(session)
  await session.append([put('both', 'theirs')])
  const many = Array.from({ length: 1_500 }, (_, n) => put(`k${n}`))
  const writerId = await leave(
    2,
    [put('both', 'mine'), put('seen', 'mine'), ...many, put('seen', 'again'), put('late', 'mine')],
    at,
  )
  // A third writer gets in after each batch of the spool.
  const logOfSlot = (id: string) => {
    const log = makeLog(database, { writerId: id })
    return {
      ...log,
      open: async () => {
        const opened = await log.open()
        return {
          ...opened,
          get committed() {
            return opened.committed
          },
          appendSpooled: async (...values: Parameters<LogSession['appendSpooled']>) => {
            const end = await opened.appendSpooled(...values)
            await session.append([put('late', 'theirs')])
            return end
          },
        }
      },
    }
  }
  const { lines } = run(shared, { logOf: logOfSlot })
  await says(lines, /slot 2\): 1504 writes/)
  const log = await logOf(database)
  expect(log.filter(([key]) => !String(key).startsWith('k'))).toEqual([
    ['seen', 'before', false],
    ['x', 'before', false],
    ['both', 'theirs', false],
    ['both', 'mine', true],
    ['seen', 'mine', false],
    ['late', 'theirs', false],
    ['seen', 'again', false],
    ['late', 'mine', true],
    ['late', 'theirs', false],
  ])
  expect(log).toHaveLength(9 + 1_500)
  const [row] = await database.sql<{ last: string }>(
    'SELECT max(write_number) AS last FROM transactions JOIN writers ON writer = number WHERE id = $1',
    [writerId],
  )
  expect(row?.last).toBe('1504')
})

test('what had reached the log before its node was gone is not sent again', async () => {
  const shared = await makeShared()
  const writes = [put('a', '1'), put('a', '2'), put('a', '3')]
  const writerId = await shared.leave(2, writes, positionOf(shared.session))
  const own = await makeLog(shared.database, { writerId }).open()
  await own.append(writes.slice(0, 2), 2n) // and killed before it could tell its spool
  await own.close()
  const { lines } = run(shared)
  await says(lines, /slot 2\): 3 writes are in the log now/)
  expect(await logOf(shared.database)).toEqual([
    ['a', '1', false],
    ['a', '2', false],
    ['a', '3', false],
  ])
})

test('what a spooled write depends on lands with it', async () => {
  const shared = await makeShared()
  const text = 'beef4567=9,stamp=5'
  const writes = [put('a'), { ...put('b'), after: parsePosition(text) }, { ...remove('c'), after: parsePosition(text) }]
  await shared.leave(2, writes, positionOf(shared.session))
  await says(run(shared).lines, /slot 2\): 3 writes/)
  const rows = await shared.database.sql('SELECT key, dependency FROM transactions ORDER BY sequence')
  expect(rows).toEqual([
    { key: 'a', dependency: null },
    { key: 'b', dependency: text },
    { key: 'c', dependency: text },
  ])
})

test('a slot that a node holds is left to it, and so is this node’s own', async () => {
  const shared = await makeShared()
  const at = positionOf(shared.session)
  for (const slot of [1, 2, 3]) await shared.leave(slot, [put(`slot ${slot}`)], at)
  const held = lockSlot(shared.path(2), systemRandom)
  const { lines } = run(shared)
  await says(lines, /slot 3\): 1 writes/)
  expect(await logOf(shared.database)).toEqual([['slot 3', 'v', false]])
  held.release()
  await says(lines, /slot 2\): 1 writes/)
  expect(await logOf(shared.database)).toHaveLength(2)
  expect(await countSpooled(shared.path(1))).toBe(1)
})

test('a spool of another log, or one that can’t be read, is named once and left as it is', async () => {
  const shared = await makeShared()
  await shared.leave(2, [put('a', '1')], { ...positionOf(shared.session), logId: 'cafe0123' })
  await shared.leave(3, [put('a', '2')], positionOf(shared.session))
  writeFileSync(join(shared.path(3), 'spool.db'), 'no database at all')
  await shared.leave(4, [put('a', '3')], positionOf(shared.session))
  const { lines, stop } = run(shared)
  await says(lines, /slot 4\): 1 writes/)
  await shared.leave(4, [put('a', '4')], positionOf(shared.session), 2n)
  await until('it has looked again', () => lines.filter((line) => line.includes('slot 4')).length === 2)
  await stop()
  expect(lines.filter((line) => !line.includes('slot 4'))).toEqual([
    expect.stringMatching(
      /^the spool of a node that is gone \(slot 2\): left alone: the spool holds writes \(1\) for the log cafe0123, and this is the log /,
    ),
    expect.stringMatching(/\(slot 3\): left alone: the spool .*slots\/3\/spool.db can’t be read/),
  ])
  expect((await logOf(shared.database)).map(([, value]) => value)).toEqual(['3', '4'])
  expect(await countSpooled(shared.path(2))).toBe(1)
  const writers = await shared.database.sql('SELECT FROM writers')
  expect(writers).toHaveLength(2) // the session's and slot 4's: that of slot 2 belongs to another log
})

test('as long as this node does not serve, nothing is done', async () => {
  const shared = await makeShared()
  await shared.leave(2, [put('a', '1')], positionOf(shared.session))
  let asked = 0
  let isServing = false
  const { lines } = run(shared, { isServing: () => ++asked > 0 && isServing })
  await until('it has looked a few times', () => asked > 5)
  expect(await logOf(shared.database)).toEqual([])
  isServing = true
  await says(lines, /slot 2\): 1 writes/)
})

test('what the log refuses is said once, and tried again', async () => {
  const shared = await makeShared()
  await shared.leave(2, [put('a', '1')], positionOf(shared.session))
  await shared.database.sql(`ALTER TABLE transactions ADD CONSTRAINT no_a CHECK (key <> 'a')`)
  let opened = 0
  const { lines } = run(shared, {
    logOf(writerId) {
      opened++
      return makeLog(shared.database, { writerId })
    },
  })
  await until('it tries again', () => opened > 3)
  expect(lines).toEqual([expect.stringMatching(/slot 2\): not brought to the log yet: .*no_a/)])
  await shared.database.sql('ALTER TABLE transactions DROP CONSTRAINT no_a')
  await says(lines, /slot 2\): 1 writes/)
})

test('it stops at once, whatever is under way, and lets the slot go with all that is in it', async () => {
  const shared = await makeShared()
  await shared.leave(2, [put('a', '1')], positionOf(shared.session))
  const blocker = await shared.database.connect()
  await blocker.query('BEGIN; LOCK TABLE transactions IN EXCLUSIVE MODE')
  const { lines, stop } = run(shared)
  await until('it waits for the table', async () => {
    const waiting = await shared.database.sql(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
    return waiting.length > 0
  })
  const since = performance.now()
  await stop()
  expect(performance.now() - since).toBeLessThan(1_500)
  expect(lines).toEqual([])
  expect(await countSpooled(shared.path(2))).toBe(1)
  await blocker.query('COMMIT')
  await says(run(shared).lines, /slot 2\): 1 writes/)
  expect(await logOf(shared.database)).toEqual([['a', '1', false]])
})

test('a log that went back is said, and what was spooled comes last in it', async () => {
  const shared = await makeShared()
  await shared.session.append([put('a', 'theirs')])
  const lost = { logId: shared.logId, sequence: 9n, digest: Buffer.from('elsewhere') }
  await shared.leave(2, [put('a', 'mine')], lost)
  const { lines } = run(shared)
  await says(lines, /slot 2\): 1 writes/)
  expect(lines[0]).toMatch(/slot 2\): the log went back since writes were spooled/)
  expect(await logOf(shared.database)).toEqual([
    ['a', 'theirs', false],
    ['a', 'mine', false],
  ])
})
