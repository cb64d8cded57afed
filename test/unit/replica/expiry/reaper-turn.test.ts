import { expect, test } from 'vitest'
import { makeReaperTurn, patience } from '../../../../kvs/replica/expiry/reaper-turn.ts'

/** Chance that is always the same. */
const chance = (fraction: number) => ({ fraction: () => fraction, uuid: () => '' })
const halfway = (patience.least + patience.most) / 2

test('the turn comes to a node when nobody has appended for a while, and stays', () => {
  const turn = makeReaperTurn(chance(0.5))
  expect([turn.isOwn(1_000), turn.isOwn(1_000 + halfway - 1), turn.isOwn(1_000 + halfway)]).toEqual([
    false,
    false,
    true,
  ])
  turn.noteIdle()
  expect(turn.isOwn(1_000_000)).toBe(true)
})

test('each entry of another node begins the wait anew, and takes the turn away', () => {
  const turn = makeReaperTurn(chance(0))
  turn.isOwn(0)
  turn.noteOthers(patience.least - 1)
  expect(turn.isOwn(2 * patience.least - 2)).toBe(false)
  expect(turn.isOwn(2 * patience.least - 1)).toBe(true)
  turn.noteOthers(10_000)
  expect([turn.isOwn(10_000), turn.isOwn(10_000 + patience.least)]).toEqual([false, true])
})

test('the wait begins with the first lapsed key after there was none', () => {
  const turn = makeReaperTurn(chance(0))
  turn.noteOthers(0)
  turn.noteIdle()
  expect([turn.isOwn(60_000), turn.isOwn(60_000 + patience.least)]).toEqual([false, true])
})

test('nodes do not begin together', () => {
  const [one, other] = [makeReaperTurn(chance(0)), makeReaperTurn(chance(0.9))]
  for (const turn of [one, other]) turn.isOwn(0)
  expect([one.isOwn(patience.least), other.isOwn(patience.least)]).toEqual([true, false])
  expect(other.isOwn(patience.most)).toBe(true)
})
