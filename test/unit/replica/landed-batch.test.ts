import { expect, test } from 'vitest'
import type { ForeignEntry, LogPoint } from '../../../kvs/core/entry.ts'
import type { LogSession } from '../../../kvs/log/index.ts'
import { makeMirror } from '../../../kvs/replica/mirror.ts'
import { put, remove } from '../../support/entries.ts'
import { makePagedLog } from './paged-log.ts'

const digest = Buffer.of(9)
const origin = { logId: 'elsewhere', sequence: 5n }

/** A mirror of a log with one entry, and a batch of two that has landed there after another sequence. */
async function makeFollowing({ after = 1n, isThere = true } = {}) {
  const log = makePagedLog(put('a', 'of before'))
  const heard: string[] = []
  const mirror = makeMirror({ onOthers: ({ write }) => heard.push(write.key) })
  await mirror.requireSamePast(log.session())
  await mirror.replay(log.session())
  let reads = 0
  const session = (): LogSession => {
    const opened = log.session()
    return {
      ...opened,
      holds: async (point) => (point === end ? isThere : opened.holds(point)),
      read(...range) {
        reads++
        return opened.read(...range)
      },
    }
  }
  const entries: ForeignEntry[] = [
    { origin: { ...origin, sequence: 4n }, stamp: 7_000, superseded: true, write: remove('a') },
    { origin, stamp: 8_000, superseded: false, write: put('b', 'taken over') },
  ]
  log.addBatch(...entries.map(({ write }) => write))
  const comesAfter = ({ sequence }: LogPoint) => sequence === after
  const end = { sequence: after + 2n, digest, recordedAt: 1_000, stamp: 8_000, comesAfter }
  mirror.noteLanded({ entries, end })
  return {
    ...{ log, mirror, heard, session },
    get reads() {
      return reads
    },
  }
}

test('what was taken over last is applied without being read, where it comes next', async () => {
  const following = await makeFollowing()
  const { mirror, session, heard } = following
  const applied = mirror.applied.follow(1n)
  await mirror.readThrough(session(), 3n)
  expect(following.reads).toBe(0)
  expect([mirror.view.get('a')?.value.toString(), mirror.view.get('b')?.value.toString()]).toEqual([
    'of before',
    'taken over',
  ])
  expect(mirror.view.position).toEqual({ sequence: 3n, digest })
  expect(mirror.view.get('b')?.modifiedAt).toBe(1_000)
  expect(mirror.view.lastOf('elsewhere')).toEqual({ sequence: 5n, stamp: 8_000 })
  expect(heard).toEqual(['b'])
  expect(applied.take(1n, 3n)).toMatchObject([
    { sequence: 2n, origin: { sequence: 4n }, superseded: true, isOwn: false },
    { sequence: 3n, origin, superseded: false, write: { key: 'b' } },
  ])
})

test('it is applied once; what comes after it is read', async () => {
  const following = await makeFollowing()
  const { log, mirror, session } = following
  log.add(put('b', 'of later'))
  await mirror.readThrough(session(), 4n)
  expect([following.reads, mirror.view.get('b')?.value.toString(), mirror.view.position.sequence]).toEqual([
    ...[1, 'of later', 4n],
  ])
})

test('an own append applies it first', async () => {
  const following = await makeFollowing()
  const { mirror, session } = following
  await mirror.append(session(), [put('b', 'mine')])
  expect([following.reads, mirror.view.get('b')?.value.toString()]).toEqual([0, 'mine'])
})

test.each([
  ['does not come after what the view has', { after: 2n }, () => undefined],
  ['is not in the log of the session', { isThere: false }, () => undefined],
  [
    'was taken over before a new session began',
    {},
    async ({ log, mirror }: Awaited<ReturnType<typeof makeFollowing>>) => mirror.requireSamePast(log.session()),
  ],
])('the log is read where the batch %s', async (_what, options, prepare) => {
  const following = await makeFollowing(options)
  await prepare(following)
  await following.mirror.readThrough(following.session(), 3n)
  expect(following.reads).toBeGreaterThan(0)
  expect(following.mirror.view.get('a')).toBeUndefined()
})
