import { expect, test } from 'vitest'
import { Diverged, type LogSession, type RingChangeEntry } from '../../../kvs/log/index.ts'
import { makeMirror } from '../../../kvs/replica/mirror.ts'
import { makeRingNews } from '../../../kvs/replica/ring-news.ts'
import { entryOf, put } from '../../support/entries.ts'
import { makePagedLog } from './paged-log.ts'

const headOf = (ring?: RingChangeEntry) => ({ logId: 'cafe', sequence: 9n, entries: 9n, adoptedThrough: 0n, ring })
const change = (sequence: bigint) => entryOf(sequence, { kind: 'ring', key: `ring ${sequence}` })
const texts = (notes: readonly RingChangeEntry[]) => notes.map(({ text }) => text)

function makeNews() {
  const notes: RingChangeEntry[] = []
  const told: bigint[] = []
  const session = { seeRing: async (through: bigint) => void told.push(through) } as unknown as LogSession
  return { news: makeRingNews((entry) => void notes.push(entry)), notes, told, session }
}

test('entries are noted in order, and none that is older than one that is known', () => {
  const { news, notes } = makeNews()
  news.begin(headOf({ sequence: 3n, text: 'ring 3' }))
  for (const sequence of [1n, 3n, 5n]) news.apply(change(sequence))
  news.apply(entryOf(6n, put('a')))
  expect(texts(notes)).toEqual(['ring 3', 'ring 5'])
})

test('a session has told of what its head has; what comes later is told of once', async () => {
  const { news, told, session } = makeNews()
  news.begin(headOf({ sequence: 3n, text: 'ring 3' }))
  expect(news.isUntold).toBe(false)
  news.apply(change(5n))
  news.apply(change(6n))
  expect(news.isUntold).toBe(true)
  await news.tell(session)
  expect([news.isUntold, told]).toEqual([false, [6n]])
})

test('what was not told of yet is not untold in the next session, which knows it', () => {
  const { news } = makeNews()
  news.begin(headOf())
  news.apply(change(5n))
  news.begin(headOf({ sequence: 5n, text: 'ring 5' }))
  expect(news.isUntold).toBe(false)
})

test('after a log has lost its tail unread, its new entries are noted', () => {
  const { news, notes } = makeNews()
  news.begin(headOf({ sequence: 7n, text: 'lost' }))
  news.begin(headOf())
  expect(news.isUntold).toBe(false)
  news.apply(change(6n))
  expect(texts(notes)).toEqual(['lost', 'ring 6'])
})

test('what the node can’t go by is a divergence', () => {
  const cause = new Error('no ring')
  const news = makeRingNews(() => {
    throw cause
  })
  expect(() => news.apply(change(5n))).toThrow(Diverged)
  expect(() => news.begin(headOf({ sequence: 5n, text: '?' }))).toThrow(
    'entry 5 of the log, which is on the ring: no ring',
  )
})

test('a mirror notes the newest entry before it replays, and none on the way there', async () => {
  const notes: RingChangeEntry[] = []
  const log = makePagedLog({ kind: 'ring', key: 'ring 1' }, put('a'), { kind: 'ring', key: 'ring 3' }, put('b'))
  const mirror = makeMirror({ onRing: (entry) => void notes.push(entry) })
  const session = log.session()
  await mirror.requireSamePast({ ...session, head: { ...session.head, ring: { sequence: 3n, text: 'ring 3' } } })
  expect(texts(notes)).toEqual(['ring 3'])
  await mirror.replay(session)
  expect([mirror.view.size, mirror.ring.isUntold]).toEqual([2, false])
  log.add({ kind: 'ring', key: 'ring 5' })
  await mirror.tail(log.session())
  expect([texts(notes), mirror.ring.isUntold]).toEqual([['ring 3', 'ring 5'], true])
})
