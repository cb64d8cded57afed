import { expect, test } from 'vitest'
import { Diverged, type LogSession } from '../../../kvs/log/log.ts'
import { type Mirror, makeMirror } from '../../../kvs/replica/mirror.ts'
import { entryOf, packed, put, remove, timeAt } from '../../support/entries.ts'
import { makePagedLog } from './paged-log.ts'

async function follow(log: ReturnType<typeof makePagedLog>) {
  const mirror = makeMirror()
  await mirror.requireSamePast(log.session())
  await mirror.replay(log.session())
  return mirror
}

test('replays, catches up page by page, and counts', async () => {
  const log = makePagedLog(put('a', '1'), put('b', '2'), remove('a'), put('c', '3'), put('b', '4'))
  const mirror = await follow(log)
  expect(mirror.view.size).toBe(2)
  expect(mirror.view.get('b')?.value.toString()).toBe('4')
  expect([mirror.replayed, mirror.total]).toEqual([5, 5])
  for (const key of ['c', 'd', 'e']) log.add(remove(key))
  await mirror.catchUp(log.session())
  expect(mirror.view.size).toBe(1)
  expect([mirror.replayed, mirror.total]).toEqual([8, 8])
})

test('it counts its sessions, from the moment at which each is there', async () => {
  const log = makePagedLog(put('a', '1'))
  const mirror = await follow(log)
  expect(mirror.sessions).toBe(1)
  const checking = mirror.requireSamePast(log.session())
  expect(mirror.sessions).toBe(2)
  await checking
})

test('a replay that is cut short goes on where it was', async () => {
  const log = makePagedLog(put('a', '1'), put('b', '2'), put('c', '3'))
  const mirror = makeMirror()
  await mirror.requireSamePast(log.session())
  const cut = log.session()
  const lost = new Error('connection lost')
  cut.replay = async (after, apply) => {
    for (const entry of log.entries.slice(Number(after), 2)) apply(packed(entry))
    throw lost
  }
  await expect(mirror.replay(cut)).rejects.toBe(lost)
  expect(mirror.view.position.sequence).toBe(2n)
  await mirror.replay(log.session())
  expect([mirror.view.size, mirror.replayed]).toEqual([3, 3])
})

test('a log that breaks off before its head is never taken for whole', async () => {
  const log = makePagedLog(put('a', '1'), put('b', '2'))
  log.head = 3n
  await expect(follow(log)).rejects.toThrow(new Diverged('the log breaks off at 2, but its head is at 3'))
})

test('an own batch is applied after what others had committed before it', async () => {
  const log = makePagedLog(put('a', '1'))
  const mirror = await follow(log)
  for (const value of ['old', 'older', 'theirs']) log.add(put('a', value))
  log.add(put('b', 'theirs'))
  log.add(put('d', 'theirs'))
  expect(await mirror.append(log.session(), [put('b', 'mine'), put('c', 'mine')])).toEqual({
    logId: 'cafe0123',
    end: { sequence: 8n, digest: Buffer.of(1), recordedAt: timeAt(8), stamp: timeAt(8) * 1_000 },
    replaced: [true, false],
  })
  const values = ['a', 'b', 'c'].map((key) => mirror.view.get(key)?.value.toString())
  expect(values).toEqual(['theirs', 'mine', 'mine'])
  expect(mirror.view.get('c')?.modifiedAt).toBe(timeAt(8))
})

test('an own write takes the place of no value that had ended when its batch was committed', async () => {
  const log = makePagedLog()
  const mirror = await follow(log)
  // Their entries have the sequences 1 and 2, and the batch ends in 4.
  log.add({ ...put('a', 'theirs'), deadline: timeAt(4) })
  log.add({ ...put('b', 'theirs'), deadline: timeAt(5) })
  expect(await mirror.append(log.session(), [put('a'), put('b')])).toMatchObject({ replaced: [false, true] })
})

test('a committed batch whose predecessors can’t be read is not shown before they are', async () => {
  const log = makePagedLog()
  const mirror = await follow(log)
  log.add(put('a', 'theirs'))
  const session = log.session()
  const unreadable = { ...session, read: () => Promise.reject(new Error('connection lost')) }
  await expect(mirror.append(unreadable, [put('b', 'mine')])).rejects.toThrow('connection lost')
  expect(mirror.view.size).toBe(0)
  await mirror.readThrough(session, 2n)
  expect(mirror.view.size).toBe(2)
})

test('who asks is told of what others have written, and not of the node’s own', async () => {
  const log = makePagedLog(put('a', 'theirs'))
  const told: string[] = []
  const mirror = makeMirror({ onOthers: (entry) => told.push(entry.write.key) })
  await mirror.requireSamePast(log.session())
  await mirror.catchUp(log.session())
  log.entries.push(entryOf(2n, put('b', 'mine'), { isOwn: true }))
  log.add(put('c', 'theirs'))
  await mirror.readThrough(log.session(), 3n)
  expect(told).toEqual(['a', 'c'])
})

test('another log under the same name is told apart', async () => {
  const log = makePagedLog(put('a', '1'))
  const mirror = await follow(log)
  log.logId = '00000000'
  await expect(mirror.requireSamePast(log.session())).rejects.toThrow(
    /cafe0123=1, and the log is another one now, 00000000/,
  )
})

/** What a reader between two pages sees: the position, and the values of two accounts. */
async function seenBetweenPages(log: ReturnType<typeof makePagedLog>, mirror: Mirror) {
  const seen: string[] = []
  const shown = (key: string) => mirror.view.get(key)?.value.toString()
  await mirror.catchUp(log.session(), async () => {
    seen.push(`${mirror.position?.split('=')[1]}: ${shown('a')}+${shown('b')}`)
  })
  return seen
}

test('a batch that goes on in the next page is not shown before it is whole', async () => {
  const log = makePagedLog(put('a', '5'), put('b', '5'))
  const mirror = await follow(log)
  log.add(put('c'))
  log.addBatch(put('a', '4'), put('b', '6'))
  log.addBatch(put('a', '3'), put('c'), put('c'), put('c'), put('b', '7'))
  log.add(put('c'))
  expect(await seenBetweenPages(log, mirror)).toEqual(['3: 5+5', '5: 4+6', '5: 4+6', '5: 4+6', '11: 3+7'])
  expect([mirror.replayed, mirror.total]).toEqual([11, 11])
})

test('a batch at the end of what is read is shown with its last entry', async () => {
  const log = makePagedLog(put('a', '5'), put('b', '5'))
  const mirror = await follow(log)
  log.addBatch(put('a', '4'), put('c'), put('b', '6'))
  expect(await seenBetweenPages(log, mirror)).toEqual(['2: 5+5', '5: 4+6'])
  log.addBatch(put('a', '3'), put('b', '7'))
  log.addBatch(put('a', '2'), put('b', '8'))
  await mirror.readThrough(log.session(), 7n)
  expect(mirror.view.get('b')?.value.toString()).toBe('7')
  await mirror.tail(log.session())
  expect(mirror.view.get('b')?.value.toString()).toBe('8')
})

test('what was read of a batch before its session was lost is read again', async () => {
  const log = makePagedLog()
  const mirror = await follow(log)
  log.addBatch(put('a', '1'), put('b', '1'), put('c', '1'), put('d', '1'))
  const session = log.session()
  const lost = new Error('connection lost')
  const cut = { ...session, read: (after: bigint) => (after >= 2n ? Promise.reject(lost) : session.read(after)) }
  await expect(mirror.catchUp(cut)).rejects.toBe(lost)
  expect([mirror.view.size, mirror.replayed]).toEqual([0, 0])
  // The log may have lost what nobody was shown, and have gone on.
  log.entries.length = 0
  log.addBatch(put('a', '2'), put('b', '2'), put('c', '2'), put('d', '2'))
  await mirror.requireSamePast(session)
  await mirror.catchUp(session)
  expect([mirror.view.size, mirror.replayed, mirror.view.get('a')?.value.toString()]).toEqual([4, 4, '2'])
})

test('entries without a digest, which a log may have adopted, make no batch', async () => {
  const log = makePagedLog()
  const mirror = await follow(log)
  const digest = Buffer.alloc(0)
  for (const sequence of [1n, 2n, 3n, 4n, 5n]) log.entries.push(entryOf(sequence, put('a', `${sequence}`), { digest }))
  log.entries.push(entryOf(6n, put('b')))
  expect(await seenBetweenPages(log, mirror)).toEqual(['2: 2+undefined', '4: 4+undefined', '6: 5+v'])
})

test('an own expiry has the stamp of what it removes, and any other own write that of its batch', async () => {
  const log = makePagedLog(put('a', '1'), put('b', '2'))
  const mirror = makeMirror({ site: true })
  await mirror.requireSamePast(log.session())
  await mirror.replay(log.session())
  const stamps = ['a', 'b'].map((key) => mirror.view.rankOf(key)?.stamp)
  await mirror.append(log.session(), [{ kind: 'delete', key: 'a', deadline: 1 }, remove('b'), remove('c')])
  const end = timeAt(5) * 1_000
  expect(['a', 'b', 'c'].map((key) => mirror.view.rankOf(key)?.stamp)).toEqual([stamps[0], end, end])
  expect(mirror.view.rankOf('a')?.isExpiry).toBe(true)
})

test('a site shows all that it has, and during the replay what it had before', async () => {
  const log = makePagedLog(put('a', '1'))
  const taken = entryOf(2n, put('b'), { origin: { logId: 'b', sequence: 9n } })
  const mirror = makeMirror({ site: true })
  await mirror.requireSamePast(log.session())
  await mirror.replay(log.session())
  expect(mirror.position).toBe(`cafe0123=1,stamp=${timeAt(1) * 1_000}`)
  log.entries.push(taken)
  const told: (string | undefined)[] = []
  const session = log.session()
  const replay: LogSession['replay'] = (after, apply) =>
    session.replay(after, (entry) => {
      apply(entry)
      told.push(mirror.position)
    })
  await mirror.replay({ ...session, replay })
  expect(told).toEqual([`cafe0123=1,stamp=${timeAt(1) * 1_000}`])
  expect(mirror.position).toBe(`b=9,cafe0123=1,stamp=${timeAt(2) * 1_000}`)
})

test('the position is that of no half of a batch during the replay either', async () => {
  const log = makePagedLog()
  log.addBatch(put('a', '1'), put('b', '2'), put('c', '3'))
  const mirror = makeMirror()
  const session = log.session()
  await mirror.requireSamePast(session)
  const shown: (string | undefined)[] = [mirror.position]
  const replay =
    (until: number): LogSession['replay'] =>
    async (after, apply) => {
      for (const entry of log.entries.slice(Number(after), until)) {
        apply(packed(entry))
        shown.push(mirror.position)
      }
      if (until < log.entries.length) throw new Error('connection lost')
    }
  await expect(mirror.replay({ ...session, replay: replay(2) })).rejects.toThrow('connection lost')
  await mirror.requireSamePast(session)
  shown.push(mirror.position)
  await mirror.replay({ ...session, replay: replay(3) })
  expect(new Set(shown)).toEqual(new Set(['cafe0123=0']))
  expect(mirror.position).toBe('cafe0123=3')
})
