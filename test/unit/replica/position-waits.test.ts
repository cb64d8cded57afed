import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KvsError } from '../../../kvs/core/errors.ts'
import { type Position, parsePosition, sequenceIn } from '../../../kvs/core/position.ts'
import { makePositionWaits, type PositionWaitsOptions } from '../../../kvs/replica/position-waits.ts'
import { hasSeen } from '../../../kvs/replica/view-position.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

/** Waits for up to a second, on a log that is up unless said otherwise. */
function makeWaits(options: Partial<PositionWaitsOptions> = {}) {
  let seen = at('a=0')
  const waits = makePositionWaits({
    ...{ timeoutMs: 1_000, onWait: () => undefined, whyDown: () => undefined },
    hasSeen: (position) => hasSeen(seen, position),
    ...options,
  })
  const see = (text: string) => {
    seen = at(text)
    waits.advance(sequenceIn(seen, 'a'))
  }
  return Object.assign(waits, { see })
}

const at = (text: string): Position => parsePosition(text) ?? expect.fail(text)

const outcome = (wait: Promise<void>) =>
  wait.then(
    () => 'reached',
    (error) => error.code,
  )

test('who waits for a position is let go once it is there, and not before', async () => {
  const waits = makeWaits()
  const done: string[] = []
  void waits.untilSeen(at('a=3')).then(() => done.push('3'))
  void waits.untilSeen(at('a=5')).then(() => done.push('5'))
  waits.see('a=2')
  await Promise.resolve()
  expect(done).toEqual([])
  waits.see('a=4')
  await vi.waitFor(() => expect(done).toEqual(['3']))
  waits.see('a=5')
  await vi.waitFor(() => expect(done).toEqual(['3', '5']))
})

test('who waits for a position of several logs waits for each of them', async () => {
  const waits = makeWaits()
  const done: string[] = []
  void waits.untilSeen(at('a=2,b=7,c=1,d=0')).then(() => done.push('all'))
  for (const text of ['a=9,b=6,c=9', 'a=9,b=7', 'a=1,b=7,c=1']) {
    waits.see(text)
    await Promise.resolve()
    expect(done).toEqual([])
  }
  waits.see('a=2,b=7,c=1')
  await vi.waitFor(() => expect(done).toEqual(['all']))
  expect(vi.getTimerCount()).toBe(0)
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
  const position = outcome(waits.untilSeen(at('a=9')))
  const head = outcome(waits.untilHeadApplied())
  const slow = outcome(waits.untilHeadApplied())
  expect(waiting).toBe(3)
  waits.beginQuestion()(9n)
  vi.advanceTimersByTime(1_000)
  expect(await Promise.all([position, head, slow])).toEqual(['behind', 'log_down', 'log_down'])
  const stays = outcome(waits.untilSeen(at('a=9')))
  const goes = outcome(waits.untilHeadApplied())
  waits.rejectHeadWaits('it was killed')
  expect(await goes).toBe('log_down')
  waits.see('a=9')
  expect(await stays).toBe('reached')
  expect(vi.getTimerCount()).toBe(0)
})

test('who waits for a position of a log that is down is told both', async () => {
  let reason: string | undefined = 'it was killed'
  const waits = makeWaits({ whyDown: () => reason })
  const message = (wait: Promise<void>) => wait.catch((error) => error.message)
  const down = message(waits.untilSeen(at('a=9')))
  vi.advanceTimersByTime(1_000)
  expect(await down).toBe(
    'this node has not applied KVS-Min-Position, and the log is down; nothing was done: it was killed',
  )
  reason = undefined
  const up = message(waits.untilSeen(at('a=9')))
  vi.advanceTimersByTime(1_000)
  expect(await up).toBe('this node has not applied KVS-Min-Position yet; nothing was done')
})

test('at a stop all who wait are let go', async () => {
  const waits = makeWaits()
  const waiting = [outcome(waits.untilSeen(at('a=9'))), outcome(waits.untilHeadApplied())]
  waits.abandon(new KvsError('draining'))
  expect(await Promise.all(waiting)).toEqual(['draining', 'draining'])
  expect(vi.getTimerCount()).toBe(0)
})
