import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KvsError } from '../../../kvs/core/errors.ts'
import { makePositionWaits, type PositionWaitsOptions } from '../../../kvs/replica/position-waits.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

/** Waits for up to a second, on a log that is up unless said otherwise. */
const makeWaits = (options: Partial<PositionWaitsOptions> = {}) =>
  makePositionWaits({ timeoutMs: 1_000, onWait: () => undefined, whyDown: () => undefined, ...options })

const outcome = (wait: Promise<void>) =>
  wait.then(
    () => 'reached',
    (error) => error.code,
  )

test('who waits for a sequence is let go once it is applied, and not before', async () => {
  const waits = makeWaits()
  const done: string[] = []
  void waits.untilApplied(3n).then(() => done.push('3'))
  void waits.untilApplied(5n).then(() => done.push('5'))
  waits.advance(2n)
  await Promise.resolve()
  expect(done).toEqual([])
  waits.advance(4n)
  await vi.waitFor(() => expect(done).toEqual(['3']))
  waits.advance(5n)
  await vi.waitFor(() => expect(done).toEqual(['3', '5']))
})

test('a question to the log serves all who waited when it was put, and nobody who came later', async () => {
  const waits = makeWaits()
  const early = [outcome(waits.untilHeadApplied()), outcome(waits.untilHeadApplied())]
  expect(waits.needsHead).toBe(true)
  const answered = waits.beginQuestion()
  const late = outcome(waits.untilHeadApplied())
  answered(7n)
  waits.advance(7n)
  expect(await Promise.all(early)).toEqual(['reached', 'reached'])
  expect(waits.needsHead).toBe(true)
  waits.beginQuestion()(7n)
  waits.advance(7n)
  expect(await late).toBe('reached')
  expect(waits.needsHead).toBe(false)
})

test('who waits for too long, or for a log that is down, is told so', async () => {
  let waiting = 0
  const waits = makeWaits({ onWait: () => waiting++ })
  const position = outcome(waits.untilApplied(9n))
  const head = outcome(waits.untilHeadApplied())
  const slow = outcome(waits.untilHeadApplied())
  expect(waiting).toBe(3)
  waits.beginQuestion()(9n)
  vi.advanceTimersByTime(1_000)
  expect(await Promise.all([position, head, slow])).toEqual(['behind', 'log_down', 'log_down'])
  const stays = outcome(waits.untilApplied(9n))
  const goes = outcome(waits.untilHeadApplied())
  waits.rejectHeadWaits('it was killed')
  expect(await goes).toBe('log_down')
  waits.advance(9n)
  expect(await stays).toBe('reached')
  expect(vi.getTimerCount()).toBe(0)
})

test('who waits for a position of a log that is down is told both', async () => {
  let reason: string | undefined = 'it was killed'
  const waits = makeWaits({ whyDown: () => reason })
  const message = (wait: Promise<void>) => wait.catch((error) => error.message)
  const down = message(waits.untilApplied(9n))
  vi.advanceTimersByTime(1_000)
  expect(await down).toBe(
    'this node has not applied KVS-Min-Position, and the log is down; nothing was done: it was killed',
  )
  reason = undefined
  const up = message(waits.untilApplied(9n))
  vi.advanceTimersByTime(1_000)
  expect(await up).toBe('this node has not applied KVS-Min-Position yet; nothing was done')
})

test('at a stop all who wait are let go', async () => {
  const waits = makeWaits()
  const waiting = [outcome(waits.untilApplied(9n)), outcome(waits.untilHeadApplied())]
  waits.abandon(new KvsError('draining'))
  expect(await Promise.all(waiting)).toEqual(['draining', 'draining'])
  expect(vi.getTimerCount()).toBe(0)
})
