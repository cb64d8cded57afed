import { expect, test } from 'vitest'
import { Diverged, type LogSession, type RingChangeEntry } from '../../../kvs/log/index.ts'
import { makeMirror } from '../../../kvs/replica/mirror.ts'
import { makeRingNews, type RingTaker } from '../../../kvs/replica/ring-news.ts'
import { entryOf, put } from '../../support/entries.ts'
import { makePagedLog } from './paged-log.ts'

const headOf = (ring?: RingChangeEntry) => ({ logId: 'cafe', sequence: 9n, entries: 9n, adoptedThrough: 0n, ring })
const change = (sequence: bigint) => entryOf(sequence, { kind: 'ring', key: `ring ${sequence}` })
const texts = (notes: readonly RingChangeEntry[]) => notes.map(({ text }) => text)

/** Keeps what it is told, with a mark before what was only foreseen. */
function makeTaker() {
  const notes: RingChangeEntry[] = []
  const taker: RingTaker = {
    note: (entry) => void notes.push(entry),
    foresee: (entry) => void notes.push({ sequence: 0n, text: `? ${entry?.text ?? 'nothing'}` }),
  }
  return { taker, notes }
}

function makeNews() {
  const { taker, notes } = makeTaker()
  const told: bigint[] = []
  const session = { seeRing: async (through: bigint) => void told.push(through) } as unknown as LogSession
  return { news: makeRingNews(taker), notes, told, session }
}

test('entries are noted in order, and none that is older than one that is known', () => {
  const { news, notes } = makeNews()
  news.begin(headOf({ sequence: 3n, text: 'ring 3' }), 9n)
  for (const sequence of [1n, 3n, 5n]) news.apply(change(sequence))
  news.apply(entryOf(6n, put('a')))
  expect(texts(notes)).toEqual(['ring 3', 'ring 5'])
})

test('a session has told of what its head has; what comes later is told of once', async () => {
  const { news, told, session } = makeNews()
  news.begin(headOf({ sequence: 3n, text: 'ring 3' }), 9n)
  expect(news.isUntold).toBe(false)
  news.apply(change(5n))
  news.apply(change(6n))
  expect(news.isUntold).toBe(true)
  await news.tell(session)
  expect([news.isUntold, told]).toEqual([false, [6n]])
})

test('what was not told of yet is not untold in the next session, which knows it', () => {
  const { news } = makeNews()
  news.begin(headOf(), 9n)
  news.apply(change(5n))
  news.begin(headOf({ sequence: 5n, text: 'ring 5' }), 9n)
  expect(news.isUntold).toBe(false)
})

test('after a log has lost its tail unread, its new entries are noted', () => {
  const { news, notes } = makeNews()
  news.begin(headOf({ sequence: 7n, text: 'lost' }), 9n)
  news.begin(headOf(), 9n)
  expect(news.isUntold).toBe(false)
  news.apply(change(6n))
  expect(texts(notes)).toEqual(['lost', 'ring 6'])
})

test('what the head has and the node has not is foreseen, and noted once all is applied', () => {
  const { news, notes } = makeNews()
  news.begin(headOf({ sequence: 7n, text: 'ring 7' }), 6n)
  expect([texts(notes), news.isUntold]).toEqual([['? ring 7'], false])
  news.apply(change(5n))
  news.apply(change(7n))
  news.caughtUp()
  news.caughtUp()
  expect([texts(notes), news.isUntold]).toEqual([['? ring 7', 'ring 7'], false])
})

test('what was foreseen and is not in the log any more is taken back', () => {
  const { news, notes } = makeNews()
  news.begin(headOf({ sequence: 7n, text: 'lost' }), 6n)
  news.begin(headOf(), 6n)
  news.caughtUp()
  expect(texts(notes)).toEqual(['? lost', '? nothing'])
})

test('what the node can’t go by is a divergence', () => {
  const cause = new Error('no ring')
  const fail = () => {
    throw cause
  }
  const news = makeRingNews({ note: fail, foresee: fail })
  expect(() => news.apply(change(5n))).toThrow(Diverged)
  for (const applied of [4n, 5n]) {
    expect(() => news.begin(headOf({ sequence: 5n, text: '?' }), applied)).toThrow(
      'entry 5 of the log, which is on the ring: no ring',
    )
  }
})

test('a mirror foresees the newest entry before it replays, and notes it then, and none on the way there', async () => {
  const { taker, notes } = makeTaker()
  const log = makePagedLog({ kind: 'ring', key: 'ring 1' }, put('a'), { kind: 'ring', key: 'ring 3' }, put('b'))
  const mirror = makeMirror({ ring: taker })
  const session = log.session()
  await mirror.requireSamePast({ ...session, head: { ...session.head, ring: { sequence: 3n, text: 'ring 3' } } })
  expect(texts(notes)).toEqual(['? ring 3'])
  await mirror.replay(session)
  expect(texts(notes)).toEqual(['? ring 3', 'ring 3'])
  expect([mirror.view.size, mirror.ring.isUntold]).toEqual([2, false])
  log.add({ kind: 'ring', key: 'ring 5' })
  await mirror.tail(log.session())
  expect([texts(notes), mirror.ring.isUntold]).toEqual([['? ring 3', 'ring 3', 'ring 5'], true])
})
