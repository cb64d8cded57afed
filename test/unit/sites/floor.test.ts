import { expect, test } from 'vitest'
import { raiseFloor } from '../../../kvs/sites/floor.ts'
import type { Intake } from '../../../kvs/sites/intake.ts'
import type { MemberSet } from '../../../kvs/sites/member-set.ts'
import type { Lead, Peer } from '../../../kvs/sites/peer.ts'
import { makeOwnSite } from './fixtures.ts'
import { makeManualClock } from './manual-clock.ts'

const lookMs = 1_000

/** A lead with one member, whose promise grows with each look, and a log that has noted `forgotten`. */
function makeRaising(forgotten: number) {
  const time = makeManualClock()
  const own = makeOwnSite()
  const state = { promise: 0 }
  const intake = { isRecalling: false, oldOnes: 0 }
  const target = {
    logId: 'here',
    forgotten,
    async forget(through: number) {
      target.forgotten = through
    },
  }
  const begin = () =>
    raiseFloor(
      {
        set: { isRemoved: false, others: () => ['p'] } as unknown as MemberSet,
        peerAt: () => ({ promised: { log: 'there', stamp: state.promise } }) as Peer,
        ...{ site: own.site, clock: time.clock, everyMs: lookMs },
      },
      { target, intake: intake as unknown as Intake, followed: new Map() } as unknown as Lead,
    )
  return { time, own, state, intake, target, begin }
}

test('a log that lost what it had noted last does not have a view take back what it has forgotten', async () => {
  const { time, own, state, begin } = makeRaising(40)
  own.deletes.forget(100)
  const end = begin()
  expect(own.deletes.forgotten).toBe(100)
  state.promise = 70
  await time.pass(lookMs + 10)
  expect(own.deletes.forgotten).toBe(100)
  state.promise = 120
  await time.pass(lookMs)
  expect(own.deletes.forgotten).toBe(120)
  end()
})

test('where old entries come in again and again, deletes are forgotten less and less often', async () => {
  const { time, state, intake, target, begin } = makeRaising(0)
  const end = begin()
  const rests: number[] = []
  for (let round = 0; round < 9; round++) {
    intake.oldOnes++
    const before = target.forgotten
    let looks = 0
    for (; target.forgotten === before && looks < 3_000; looks++) {
      state.promise += 1
      await time.pass(lookMs, lookMs)
    }
    rests.push(looks)
  }
  expect(rests.slice(0, 4)).toEqual([11, 21, 41, 81])
  expect(Math.max(...rests)).toBe(1_441)
  // A long calm is as the first time.
  for (let look = 0; look < 1_500; look++) await time.pass(lookMs, lookMs)
  intake.oldOnes++
  const before = target.forgotten
  state.promise += 1
  await time.pass(11 * lookMs, lookMs)
  expect(target.forgotten).toBeGreaterThan(before)
  end()
})
