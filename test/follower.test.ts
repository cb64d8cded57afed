import { expect, test } from 'vitest'
import type { Entry, Position, Write } from '../kvs/entry.ts'
import { makeFollower } from '../kvs/follower.ts'
import { Diverged, type LogSession, Undecided } from '../kvs/log/log.ts'

const remove = (key: string): Write => ({ kind: 'delete', key })
const put = (key: string, value: string): Write => ({
  kind: 'put',
  key,
  value: Buffer.from(value),
  contentType: undefined,
})

/** A log in memory that pages by two, and whose next append can be made to lose its answer. */
function makeMemoryLog(...writes: Write[]) {
  const digest = Buffer.of(1)
  const entries: Entry[] = []
  const add = (write: Write) => entries.push({ sequence: BigInt(entries.length + 1), digest, write })
  writes.forEach(add)
  const log = {
    entries,
    add,
    logId: 'cafe0123',
    losesAnswer: false,
    head: undefined as bigint | undefined,
    session(): LogSession {
      const sequence = log.head ?? BigInt(entries.length)
      return {
        head: { logId: log.logId, sequence, entries: sequence, adoptedThrough: 0n },
        description: 'memory',
        lost: new Promise(() => undefined),
        holds: async ({ sequence }: Position) => sequence <= BigInt(entries.length),
        read: async (after) => entries.slice(Number(after), Number(after) + 2),
        async append(batch) {
          batch.forEach(add)
          if (log.losesAnswer) throw new Undecided('lost')
          return { sequence: BigInt(entries.length), digest }
        },
        close: async () => undefined,
      }
    },
  }
  return log
}

async function follow(log: ReturnType<typeof makeMemoryLog>) {
  const follower = makeFollower()
  await follower.requireSamePast(log.session())
  await follower.catchUp(log.session())
  return follower
}

test('catches up page by page, and counts', async () => {
  const follower = await follow(makeMemoryLog(put('a', '1'), put('b', '2'), remove('a'), put('c', '3'), put('b', '4')))
  expect(follower.view.size).toBe(2)
  expect(follower.view.get('b')?.value.toString()).toBe('4')
  expect([follower.replayed, follower.total]).toEqual([5, 5])
})

test('a log that breaks off before its head is never taken for whole', async () => {
  const log = makeMemoryLog(put('a', '1'), put('b', '2'))
  log.head = 3n
  await expect(follow(log)).rejects.toThrow(new Diverged('the log breaks off at 2, but its head is at 3'))
})

test('an own batch is applied after what others had committed before it', async () => {
  const log = makeMemoryLog(put('a', '1'))
  const follower = await follow(log)
  log.add(put('a', 'theirs'))
  log.add(put('b', 'theirs'))
  expect(await follower.append(log.session(), [put('b', 'mine'), put('c', 'mine')])).toBe(5n)
  const values = ['a', 'b', 'c'].map((key) => follower.view.get(key)?.value.toString())
  expect(values).toEqual(['theirs', 'mine', 'mine'])
})

test('a batch that had landed is applied once, also where catching up has read it already', async () => {
  const log = makeMemoryLog()
  const follower = await follow(log)
  const batch = [put('a', '1'), put('b', '2')]
  log.losesAnswer = true
  await expect(follower.append(log.session(), batch)).rejects.toThrow(Undecided)
  expect(follower.view.size).toBe(0) // not shown before it is known
  await follower.catchUp(log.session())
  const landed = { ...log.session(), append: async () => ({ sequence: 2n, digest: Buffer.of(1) }) }
  expect(await follower.append(landed, batch)).toBe(2n)
  expect([follower.view.size, follower.view.position.sequence]).toEqual([2, 2n])
})

test('a committed batch whose predecessors can’t be read is not sent again', async () => {
  const log = makeMemoryLog()
  const follower = await follow(log)
  log.add(put('a', 'theirs'))
  const session = log.session()
  const batch = [put('b', 'mine')]
  const unreadable = { ...session, read: () => Promise.reject(new Error('connection lost')) }
  await expect(follower.append(unreadable, batch)).rejects.toThrow('connection lost')
  const noMore = { ...session, append: () => Promise.reject(new Error('sent twice')) }
  expect(await follower.append(noMore, batch)).toBe(2n)
  expect(log.entries).toHaveLength(2)
})

test('another log under the same name is told apart', async () => {
  const log = makeMemoryLog(put('a', '1'))
  const follower = await follow(log)
  log.logId = '00000000'
  await expect(follower.requireSamePast(log.session())).rejects.toThrow(
    /cafe0123=1, and the log is another one now, 00000000/,
  )
})
