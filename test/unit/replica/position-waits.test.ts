import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KvsError } from '../../../kvs/core/errors.ts'
import { makeWaits } from '../../../kvs/replica/position-waits.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

const outcome = (wait: Promise<void>) =>
  wait.then(
    () => 'reached',
    (error) => error.code,
  )

test('who waits for a sequence is let go once it is applied, and not before', async () => {
  const waits = makeWaits(1_000, () => undefined)
  const done: string[] = []
  void waits.reach(3n).then(() => done.push('3'))
  void waits.reach(5n).then(() => done.push('5'))
  waits.advanced(2n)
  await Promise.resolve()
  expect(done).toEqual([])
  waits.advanced(4n)
  await vi.waitFor(() => expect(done).toEqual(['3']))
  waits.advanced(5n)
  await vi.waitFor(() => expect(done).toEqual(['3', '5']))
})

test('a question to the log serves all who waited when it was put, and nobody who came later', async () => {
  const waits = makeWaits(1_000, () => undefined)
  const early = [outcome(waits.reachHead()), outcome(waits.reachHead())]
  expect(waits.isAsked).toBe(true)
  const answered = waits.question()
  const late = outcome(waits.reachHead())
  answered(7n)
  waits.advanced(7n)
  expect(await Promise.all(early)).toEqual(['reached', 'reached'])
  expect(waits.isAsked).toBe(true)
  waits.question()(7n)
  waits.advanced(7n)
  expect(await late).toBe('reached')
  expect(waits.isAsked).toBe(false)
})

test('who waits for too long, or for a log that is down, is told so', async () => {
  let waiting = 0
  const waits = makeWaits(1_000, () => waiting++)
  const position = outcome(waits.reach(9n))
  const head = outcome(waits.reachHead())
  const slow = outcome(waits.reachHead())
  expect(waiting).toBe(3)
  waits.question()(9n)
  vi.advanceTimersByTime(1_000)
  expect(await Promise.all([position, head, slow])).toEqual(['behind', 'log_down', 'log_down'])
  const stays = outcome(waits.reach(9n))
  const goes = outcome(waits.reachHead())
  waits.logIsDown('it was killed')
  expect(await goes).toBe('log_down')
  waits.advanced(9n)
  expect(await stays).toBe('reached')
  expect(vi.getTimerCount()).toBe(0)
})

test('who waits for a position of a log that is down is told both', async () => {
  const waits = makeWaits(1_000, () => undefined)
  const message = (wait: Promise<void>) => wait.catch((error) => error.message)
  waits.logIsDown('it was killed')
  const down = message(waits.reach(9n))
  vi.advanceTimersByTime(1_000)
  expect(await down).toBe(
    'this node has not applied KVS-Min-Position, and the log is down; nothing was done: it was killed',
  )
  waits.logIsUp()
  const up = message(waits.reach(9n))
  vi.advanceTimersByTime(1_000)
  expect(await up).toBe('this node has not applied KVS-Min-Position yet; nothing was done')
})

test('at a stop all who wait are let go', async () => {
  const waits = makeWaits(1_000, () => undefined)
  const waiting = [outcome(waits.reach(9n)), outcome(waits.reachHead())]
  waits.abandon(new KvsError('draining'))
  expect(await Promise.all(waiting)).toEqual(['draining', 'draining'])
  expect(vi.getTimerCount()).toBe(0)
})
