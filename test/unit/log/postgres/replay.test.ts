import { beforeEach, expect, test } from 'vitest'
import type { PackedEntry } from '../../../../kvs/core/entry.ts'
import { Diverged, type LogSession, Unavailable } from '../../../../kvs/log/log.ts'
import { makeView, OutOfOrder } from '../../../../kvs/view/view.ts'
import { byForce, type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put, remove } from '../../../support/entries.ts'
import { startProxy } from '../../../support/proxy.ts'
import { until } from '../../../support/until.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

/** Another session on the same log, whose head is what has been appended until now. */
const reopen = () => makeLog(database).open()

async function fill(): Promise<void> {
  const session = await makeLog(database).open()
  await session.append([
    put('plain', 'text', 'text/plain'),
    put('bytes', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))),
    put('empty', ''),
    put('é ☃ 😀', 'x', 'text/html; charset="é"'),
    put('gone', 'soon'),
    remove('gone'),
    put('large', Buffer.alloc(1024 * 1024, 'large'), 'a/b'),
  ])
  const spooled = [{ number: session.committed.number + 1n, superseded: true, write: put('plain', 'too late') }]
  await session.appendSpooled(spooled, session.head.sequence)
  await session.append([put('last', 'of all')])
  await session.close()
}

test('replay gives the view that reading page by page gives, down to the digest', async () => {
  await fill()
  const session = await reopen()
  const paged = makeView()
  for (const entry of await session.read(0n)) paged.apply(entry)
  const replayed = makeView()
  await session.replay(0n, replayed.applyPacked)
  expect(replayed.position).toEqual(paged.position)
  expect(replayed.size).toBe(paged.size)
  for (const key of ['plain', 'bytes', 'empty', 'é ☃ 😀', 'gone', 'large', 'last']) {
    expect(replayed.get(key), key).toEqual(paged.get(key))
  }
  expect(await session.holds(replayed.position)).toBe(true)
  await session.close()
})

test('it goes on after an entry, and ends at the head that its session has seen', async () => {
  await fill()
  const session = await reopen()
  const other = await reopen()
  await other.append([put('later')])
  const sequences: number[] = []
  await session.replay(6n, ({ sequence }) => void sequences.push(sequence))
  expect(sequences).toEqual([7, 8, 9])
  expect((await session.append([put('the session is still good')])).sequence).toBe(11n)
  await Promise.all([session.close(), other.close()])
})

test('what an entry is refused with comes out, and ends the session', async () => {
  await fill()
  const session = await reopen()
  const view = makeView()
  const skipping = (entry: PackedEntry) => entry.sequence !== 3 && view.applyPacked(entry)
  await expect(session.replay(0n, skipping)).rejects.toThrow(OutOfOrder)
  expect(view.position.sequence).toBe(2n)
  expect(await session.lost).toBeInstanceOf(Unavailable)
})

test('an entry of an unknown kind is never skipped', async () => {
  await fill()
  await database.sql('ALTER TABLE transactions DROP CONSTRAINT known_event_type, DROP CONSTRAINT value_where_put')
  await database.sql(byForce(`INSERT INTO transactions VALUES (10, 7, 'k', NULL, NULL, now(), 'd', false, NULL, 0)`))
  const session = await reopen()
  await expect(session.replay(0n, () => undefined)).rejects.toThrow(
    new Diverged('entry 10 of the log has the unknown event_type 7'),
  )
})

test.each(['cut', 'blackhole'] as const)('a connection that is lost in the middle is told (%s)', async (fault) => {
  await (await makeLog(database).open()).append(
    Array.from({ length: 300 }, (_, n) => put(`k${n}`, Buffer.alloc(9_000))),
  )
  const { host, port } = database.target
  const proxy = await startProxy(`${host}/.s.PGSQL.${port}`, { bytesPerSecond: 1_000_000 })
  const target = { ...database.target, host: '127.0.0.1', port: proxy.port }
  const session: LogSession = await makeLog({ ...database, target }, { timeoutMs: 300 }).open()
  let applied = 0
  const replay = session.replay(0n, () => applied++)
  const ended = expect(replay).rejects.toThrow(Unavailable)
  await until('some are applied', () => applied > 10)
  proxy[fault]()
  await ended
  expect(applied).toBeLessThan(300)
})
