import { expect, test, vi } from 'vitest'
import { NotOwner } from '../../../kvs/core/errors.ts'
import type { KeyRange } from '../../../kvs/core/key-range.ts'
import { makeMemoryRingLog } from '../../../kvs/log/memory/index.ts'
import { askedWrite } from '../../../kvs/replica/decisions/asked-write.ts'
import { takeRound } from '../../../kvs/replica/decisions/conditional-round.ts'
import { makeView } from '../../../kvs/view/index.ts'
import { entryOf, put } from '../../support/entries.ts'
import { makeFencedLog, makeGuard } from './fenced-log.ts'
import { startReplica } from './scripted-log.ts'
import { makeWorld, quiet } from './virtual-nodes.ts'

const everything: readonly KeyRange[] = [{ from: Buffer.of(), to: undefined }]

/** A node of a log that holds copies. */
async function makeMember() {
  const log = makeFencedLog()
  const ring = makeGuard()
  const store = await startReplica(log, undefined, { ring })
  const keys = async (limit: number | undefined) => {
    const list = await store.listKeys({ ranges: everything, limit, delimiter: undefined })
    const taken = list.take(100).map(String)
    list.close()
    return taken
  }
  const values = async () => {
    const { items } = await store.listValues({ ranges: everything, limit: 100, maxBytes: 1e6 })
    return items.map(({ key }) => key)
  }
  const shown = async () => {
    const { count } = await store.countKeys(everything)
    return [await keys(100), await keys(undefined), await values(), count]
  }
  return { log, ring, store, shown }
}

test('lists and counts leave copies out, whenever they come, and show them once the log owns them', async () => {
  const { log, ring, shown } = await makeMember()
  const applied = (count: number) => expect.poll(() => ring.notes.length).toBe(count)
  log.add(put('a'))
  log.add(put('copy'))
  log.addRing('copy late')
  await applied(1)
  expect(await shown()).toEqual([['a'], ['a'], ['a'], 1])
  log.add(put('late'))
  log.add(put('b'))
  await expect.poll(shown).toEqual([['a', 'b'], ['a', 'b'], ['a', 'b'], 2])
  log.addRing('a')
  await applied(2)
  const owned = ['b', 'copy', 'late']
  expect(await shown()).toEqual([owned, owned, owned, 3])
})

test('what the log holds of a key is there for its ring, whoever owns it', async () => {
  const { log, ring, store } = await makeMember()
  log.add({ ...put('copy'), deadline: 1 })
  log.addRing('copy')
  await expect.poll(() => ring.notes.length).toBe(1)
  expect(() => store.get('copy')).toThrow(NotOwner)
  expect(store.followed.heldValue('copy')).toMatchObject({ value: Buffer.from('v'), deadline: 1 })
  expect(store.followed.heldValue('none')).toBeUndefined()
})

test('a condition on a moved value is held against its earlier tag, and rests on its entry in this log', () => {
  const view = makeView({ logId: 'cafe0123' })
  const earlier = { tag: 'beef4567-12-ff00aa01', modifiedAt: 5 }
  view.apply(entryOf(1n, put('a'), { earlier }))
  const decidedIf = (tag: string) => {
    const asked = askedWrite({ write: put('a'), precondition: { ifMatch: [tag] }, idempotencyKey: undefined })
    return takeRound([{ asked, request: undefined, part: undefined }], view, 0).decided
  }
  const current = { sequence: 1n, tag: earlier.tag }
  expect(decidedIf(earlier.tag)).toMatchObject([{ writes: [put('a')], reads: ['a'], current }])
  expect(decidedIf('cafe0123-1-01000000')).toMatchObject([{ writes: [], current }])
})

test('copies that lapse do not keep the node from recording what has ended, nor from going on', async () => {
  const world = makeWorld()
  const warn = vi.fn()
  const ring = makeGuard()
  const node = await world.start({ ring, logger: { info: quiet, warn, error: warn } })
  const copies = Array.from({ length: 300 }, (_, n) => `copy ${n}`.replace(' ', '-'))
  const put = (key: string) => node.put(key, 1_000)
  for (const key of copies) await put(key)
  await put('own')
  const ringLog = makeMemoryRingLog({ server: world.server, name: 'ring' })
  const append = (round: number) =>
    world.settled(ringLog.append(`${round} ${copies.join(' ')}`, BigInt(world.server.entries.length), []))
  let isSent = false
  node.delay = ({ kind }) => {
    isSent ||= kind === 'append-conditional'
    return kind === 'append-conditional' ? 300 : 1
  }
  await world.until(() => isSent)
  await append(1) // before the expiries: they are refused, and rejected since their keys are copies
  node.delay = () => 1
  await append(2)
  await world.until(() => node.store.measures().view.keys === 0)
  const ended = world.expiries().map(({ key }) => key)
  expect(ended.toSorted()).toEqual([...copies, 'own'].toSorted())
  expect([node.store.status().state, node.store.followed.session()]).toEqual(['serving', 1])
  expect(warn).not.toHaveBeenCalled()
})
