import { expect, test } from 'vitest'
import type { Entry } from '../../../kvs/core/entry.ts'
import type { LogSession } from '../../../kvs/log/log.ts'
import { makePositionFollower } from '../../../kvs/slots/position-follower.ts'
import { entryOf, put } from '../../support/entries.ts'

const start = { logId: 'cafe0123', sequence: 2n, digest: Buffer.of(2) }

/** A session on these entries that pages by two. */
function sessionOn(entries: readonly Entry[], adoptedThrough = 0n) {
  const head = { logId: start.logId, sequence: 9n, entries: 9n, adoptedThrough }
  const read: LogSession['read'] = async (after) => entries.filter(({ sequence }) => sequence > after).slice(0, 2)
  return { head, read } as LogSession
}

test('follows the log from where it starts, and tells of what others have written with effect', async () => {
  const told: bigint[] = []
  const follower = makePositionFollower(start, ({ sequence }) => told.push(sequence))
  const entries = [
    entryOf(3n, put('a')),
    entryOf(4n, put('b'), { isOwn: true }),
    entryOf(5n, put('c'), { superseded: true }),
    entryOf(6n, put('d')),
    entryOf(7n, put('e')),
  ]
  await follower.readThrough(sessionOn(entries), 5n)
  expect([follower.logId, follower.view.position.sequence, told]).toEqual([start.logId, 6n, [3n, 6n]])
  await follower.readThrough(sessionOn(entries), 6n)
  expect(follower.view.position).toEqual({ sequence: 6n, digest: Buffer.of(6) })
})

test('never passes over an entry, but where a textbook log has gaps', async () => {
  const entries = [entryOf(3n, put('a')), entryOf(5n, put('b'))]
  const follower = makePositionFollower(start, () => undefined)
  await expect(follower.readThrough(sessionOn(entries), 5n)).rejects.toThrow('entry 5 of the log came after entry 3')
  const adopted = makePositionFollower(start, () => undefined)
  await adopted.readThrough(sessionOn(entries, 5n), 5n)
  expect(adopted.view.position.sequence).toBe(5n)
  await expect(adopted.readThrough(sessionOn(entries), 6n)).rejects.toThrow('the log breaks off before 6')
})
