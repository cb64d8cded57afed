import { expect, test } from 'vitest'
import { raiseFloor } from '../../../kvs/sites/floor.ts'
import { makeIntake } from '../../../kvs/sites/intake.ts'
import type { MemberSet } from '../../../kvs/sites/member-set.ts'
import type { Peer } from '../../../kvs/sites/peer.ts'
import { remove } from '../../support/entries.ts'
import { foreign, makeImport, makeOwnSite, put, settle } from './fixtures.ts'
import { makeManualClock } from './manual-clock.ts'

const floor = 50_000

/** A site that has forgotten its deletes through the floor. Its view has the log through 10. */
function makeForgetful() {
  const log = makeImport()
  const view = makeOwnSite({ known: { stamp: 9_000, isExpiry: false, origin: 'z' } })
  const ending = new AbortController()
  const told: string[] = []
  log.others(10)
  view.advance(10)
  void log.target.forget(floor)
  view.deletes.forget(floor)
  log.deletes.push({ key: 'gone', stamp: 8_000, isExpiry: false, origin: 'z' })
  const intake = makeIntake(log.target, view.site, ending.signal, (message) => told.push(message))
  const flags = () => log.appended.flatMap(({ entries }) => entries.map(({ superseded }) => superseded))
  return { ...{ log, view, ending, intake, told, flags } }
}

test('an old put of a key that the view knows nothing of has the deletes be read, once, and loses to a newer one', async () => {
  const { log, view, intake, told, flags } = makeForgetful()
  await intake.add([foreign('a', 7, { write: put('gone') }), foreign('a', 8, { write: put('new') })])
  expect([flags(), log.reads]).toEqual([
    [true, false],
    [
      [0n, 10n],
      [5n, 10n],
    ],
  ])
  expect([view.deletes.forgotten, told.length]).toEqual([0, 2])
  await intake.add([foreign('a', 9, { write: put('other') })])
  await intake.add([foreign('b', 6, { write: put('gone') })])
  expect([flags(), log.reads.length, intake.oldOnes]).toEqual([[true, false, false, true], 2, 2])
})

test('nothing is read for what is later, known, a delete, or has no effect anyway', async () => {
  const { log, intake, flags } = makeForgetful()
  await intake.add([
    foreign('a', 7, { write: put('known') }),
    foreign('a', 8, { write: remove('gone') }),
    foreign('a', 9, { write: { ...remove('gone'), deadline: 5 } }),
    foreign('a', 10, { write: put('gone'), superseded: true }),
    foreign('a', 51, { write: put('gone') }),
  ])
  expect([flags(), log.reads, intake.oldOnes]).toEqual([[true, false, false, true, false], [], 0])
})

test('it waits until the view has what other sites have written before, and takes nothing over meanwhile', async () => {
  const { log, view, intake, flags } = makeForgetful()
  log.others(1)
  const adding = intake.add([foreign('a', 7, { write: put('gone') })])
  const later = intake.add([foreign('b', 90)])
  await settle()
  expect([log.reads, flags(), intake.isRecalling, intake.awaited]).toEqual([[], [], true, 11n])
  view.advance(11)
  await Promise.all([adding, later])
  expect([log.reads[0], flags(), intake.isRecalling]).toEqual([[0n, 11n], [true, false], false])
})

test('where the log can’t be read, nothing is appended, and the deletes count as forgotten', async () => {
  const { log, view, intake } = makeForgetful()
  log.target.readDeletes = () => Promise.reject(new Error('the connection is lost'))
  await expect(intake.add([foreign('a', 7, { write: put('gone') })])).rejects.toThrow('the connection is lost')
  expect([log.appended, view.deletes.forgotten]).toEqual([[], floor])
})

test('the floor rises with what members promise, and stands still for ten looks after old entries', async () => {
  const { log, view, intake } = makeForgetful()
  const time = makeManualClock()
  let promise = 70_000
  const set = { isRemoved: false, others: () => ['a'] } as unknown as MemberSet
  const peerAt = () => ({ promised: { log: 'a', stamp: promise } }) as Peer
  const lead = { target: log.target, intake, followed: new Map() }
  const end = raiseFloor({ set, peerAt, site: view.site, clock: time.clock, everyMs: 100 }, lead)
  await time.pass(100)
  expect([log.target.forgotten, view.deletes.forgotten]).toEqual([70_000, 70_000])
  promise = 80_000
  await intake.add([foreign('a', 7, { write: put('gone') })])
  expect(view.deletes.forgotten).toBe(0)
  await time.pass(1_000)
  expect([log.target.forgotten, view.deletes.forgotten]).toEqual([70_000, 0])
  await time.pass(100)
  expect([log.target.forgotten, view.deletes.forgotten]).toEqual([80_000, 80_000])
  promise = 90_000
  view.deletes.highestStamp = 85_000
  await time.pass(100)
  expect(log.target.forgotten).toBe(85_000)
  view.deletes.count = 0
  view.deletes.highestStamp = 90_000
  await time.pass(100)
  expect(log.target.forgotten).toBe(85_000)
  end()
  expect(time.waiting).toBe(0)
})
