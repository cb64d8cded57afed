import { expect, test } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { makeCopyAnswers } from '../../../../kvs/sites/copies/copy-answer.ts'
import { makeOwnSite, settle } from '../fixtures.ts'
import { makeManualClock } from '../manual-clock.ts'

function makeAnswering() {
  const time = makeManualClock()
  const own = makeOwnSite()
  const state = { seen: 3n, isRemoved: false, stamp: 30 as number | undefined }
  const lastOf = (log: string) =>
    log === 'there' ? { sequence: state.seen, stamp: state.stamp } : { sequence: 0n, stamp: undefined }
  const site = { ...own.site, lastOf }
  const answer = makeCopyAnswers({ site, isRemoved: () => state.isRemoved, clock: time.clock })
  return { time, own, state, ask: (sequence: bigint, log = 'there') => answer({ log, sequence }) }
}

test('what the view has is answered at once, with the log that answers', async () => {
  const { ask, time } = makeAnswering()
  expect(await ask(2n)).toEqual({ holder: 'here', sequence: 3n, stamp: 30 })
  expect(time.waiting).toBe(0)
})

test('what it lacks is waited for, for a second', async () => {
  const { ask, own, state, time } = makeAnswering()
  const first = ask(5n)
  state.seen = 4n
  own.advance(4)
  await settle()
  expect(own.listeners).toBe(1)
  Object.assign(state, { seen: 6n, stamp: 60 })
  own.advance(6)
  expect(await first).toEqual({ holder: 'here', sequence: 6n, stamp: 60 })
  const unknown = ask(1n, 'elsewhere')
  await time.pass(1_010)
  expect(await unknown).toEqual({ holder: 'here', sequence: 0n, stamp: undefined })
  expect([own.listeners, time.waiting]).toEqual([0, 0])
})

test('a site that was taken out does not count, nor does one that was meanwhile, nor a node without a view', async () => {
  const { ask, own, state, time } = makeAnswering()
  const waiting = expect(ask(5n)).rejects.toMatchObject({ code: 'removed' })
  state.isRemoved = true
  await time.pass(1_010)
  await waiting
  await expect(ask(1n)).rejects.toMatchObject({ code: 'removed' })
  own.refuse(new KvsError('not_ready'))
  await expect(ask(1n)).rejects.toMatchObject({ code: 'not_ready' })
})
