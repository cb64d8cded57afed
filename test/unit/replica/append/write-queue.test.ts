import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KvsError, NotOwner } from '../../../../kvs/core/errors.ts'
import { weight } from '../../../../kvs/core/operation/operation.ts'
import { makeWriteQueue } from '../../../../kvs/replica/append/write-queue.ts'
import { put as putWrite } from '../../../support/entries.ts'

const put = (key: string, size = 1) => putWrite(key, Buffer.alloc(size))
const roomy = { maxWrites: 100_000, maxBytes: 1e9, timeoutMs: 1_000, graceMs: 0 }
const digest = Buffer.from('00c0ffee00000000', 'hex')
/** A batch in the log, up to this sequence. */
const upTo = (sequence: bigint, replaced: boolean[] = []) => ({
  logId: 'cafe0123',
  end: { sequence, digest },
  replaced,
})
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'stored',
    (error) => error.code,
  )

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

test('what waits while a batch is under way forms the next one, each write with its own sequence', async () => {
  const queue = makeWriteQueue(roomy)
  const first = queue.add(put('a'))
  expect(queue.take()).toHaveLength(1)
  const others = [queue.add(put('b')), queue.add(put('c'))]
  queue.committed(upTo(7n, [true]))
  expect(await first).toEqual({ sequence: 7n, tag: 'cafe0123-7-00c0ffee', replaced: true })
  expect(queue.take().map((write) => write.key)).toEqual(['b', 'c'])
  queue.committed(upTo(9n, [false, true]))
  expect(await Promise.all(others)).toEqual([
    { sequence: 8n, tag: 'cafe0123-8-00c0ffee', replaced: false },
    { sequence: 9n, tag: 'cafe0123-9-00c0ffee', replaced: true },
  ])
  expect(queue.length).toBe(0)
})

test('a batch is bounded in writes and in bytes, but takes any single write', () => {
  const queue = makeWriteQueue(roomy)
  for (let i = 0; i < 1_500; i++) void queue.add(put(`k${i}`))
  expect(queue.take()).toHaveLength(1_000)
  queue.committed(upTo(1_000n))
  expect(queue.take()).toHaveLength(500)
  queue.committed(upTo(1_500n))
  for (let i = 0; i < 3; i++) void queue.add(put(`big${i}`, 5e6))
  expect(queue.take()).toHaveLength(1)
})

test('taken again before it has settled, a batch is the very same', () => {
  const queue = makeWriteQueue(roomy)
  void queue.add(put('a'))
  const batch = queue.take()
  void queue.add(put('b'))
  expect(queue.take()).toBe(batch)
})

test('past the bounds a write is refused at once, and there is room again when others have settled', async () => {
  const byCount = makeWriteQueue({ ...roomy, maxWrites: 1 })
  void byCount.add(put('a'))
  expect(await code(byCount.add(put('b')))).toBe('overloaded')
  byCount.take()
  expect(await code(byCount.add(put('b')))).toBe('overloaded')
  byCount.committed(upTo(1n))
  void byCount.add(put('b'))
  expect(byCount.length).toBe(1)

  const byBytes = makeWriteQueue({ ...roomy, maxBytes: 2 * weight(put('a')) })
  void byBytes.add(put('a'))
  void byBytes.add(put('b'))
  expect(await code(byBytes.add(put('c')))).toBe('overloaded')
})

test('after the timeout what waits is not stored and never will be, what is under way is undecided', async () => {
  const queue = makeWriteQueue(roomy)
  const underWay = code(queue.add(put('a')))
  const batch = queue.take()
  const waiting = code(queue.add(put('b')))
  vi.advanceTimersByTime(999)
  const late = code(queue.add(put('c')))
  vi.advanceTimersByTime(1)
  expect(await underWay).toBe('undecided')
  expect(await waiting).toBe('not_stored')
  // the batch still has to be resolved, and its answer comes too late for its client
  expect(queue.take()).toBe(batch)
  queue.committed(upTo(1n))
  expect(queue.take().map((write) => write.key)).toEqual(['c'])
  vi.advanceTimersByTime(1_000)
  expect(await late).toBe('undecided')
})

test('a batch that is known not to be in the log waits again, without those that were answered', async () => {
  const queue = makeWriteQueue(roomy)
  const early = code(queue.add(put('a')))
  vi.advanceTimersByTime(500)
  void queue.add(put('b'))
  queue.take()
  vi.advanceTimersByTime(500)
  void queue.add(put('c'))
  queue.putBack()
  expect(await early).toBe('undecided')
  expect(queue.take().map((write) => write.key)).toEqual(['b', 'c'])
  expect(queue.length).toBe(2)
})

test('abandoned, everything is answered', async () => {
  const queue = makeWriteQueue(roomy)
  const underWay = code(queue.add(put('a')))
  queue.take()
  const waiting = code(queue.add(put('b')))
  queue.abandon(new KvsError('draining'))
  expect([await underWay, await waiting]).toEqual(['undecided', 'draining'])
  expect(queue.length).toBe(0)
})

test('filled settles with the next write, or when woken', async () => {
  const queue = makeWriteQueue(roomy)
  const filled = queue.filled()
  void queue.add(put('a'))
  await filled
  await queue.filled()
  queue.take()
  queue.committed(upTo(1n))
  const woken = queue.filled()
  queue.wake()
  await woken
})

test('a batch in the spool is answered as such, and what was given up on stays so', async () => {
  const queue = makeWriteQueue(roomy)
  const stored = queue.add(put('a'))
  queue.take()
  queue.spooled()
  expect(await stored).toBe('spooled')
  const failed = code(queue.add(put('b')))
  queue.take()
  queue.failed(new KvsError('spool_full'))
  expect(await failed).toBe('spool_full')
  expect(queue.length).toBe(0)
})

test('with a grace, what is under way is waited for that much longer', async () => {
  const queue = makeWriteQueue({ ...roomy, graceMs: 500 })
  const first = code(queue.add(put('a')))
  queue.take()
  vi.advanceTimersByTime(500)
  const waiting = code(queue.add(put('b')))
  vi.advanceTimersByTime(999)
  let answered = false
  void first.then(() => {
    answered = true
  })
  await Promise.resolve()
  expect(answered).toBe(false)
  vi.advanceTimersByTime(1)
  expect([await first, await waiting]).toEqual(['undecided', 'not_stored'])
})

test('a write that waits is answered in time, though the timer is set for one under way that may take longer', async () => {
  const queue = makeWriteQueue({ ...roomy, graceMs: 2_000 })
  void code(queue.add(put('a')))
  queue.take()
  vi.advanceTimersByTime(1_200)
  const waiting = code(queue.add(put('b')))
  vi.advanceTimersByTime(1_000)
  expect(await waiting).toBe('not_stored')
})

/** Takes batches as a log does that refuses what holds a guilty key, until nothing waits. */
function appendAll(queue: ReturnType<typeof makeWriteQueue>, isGuilty: (key: string) => boolean) {
  const landed: string[] = []
  let statements = 0
  while (queue.length > 0) {
    const keys = queue.take().map(({ key }) => key)
    statements++
    if (keys.some(isGuilty)) queue.refused(new KvsError('not_stored'))
    else {
      landed.push(...keys)
      queue.committed(upTo(BigInt(landed.length)))
    }
  }
  return { landed, statements }
}

test.each([
  ['one guilty write', 1_000, (n: number) => n === 617, 21],
  ['the last one', 1_000, (n: number) => n === 999, 21],
  ['two that are far apart', 1_000, (n: number) => n === 3 || n === 800, 41],
  ['nothing but guilty writes', 100, () => true, 200],
])('of a refused batch with %s, all but the guilty land, in their order', async (_, count, isGuilty, most) => {
  const queue = makeWriteQueue(roomy)
  const answers = Array.from({ length: count }, (_, n) => code(queue.add(put(`${n}`))))
  const { landed, statements } = appendAll(queue, (key) => isGuilty(Number(key)))
  const all = Array.from({ length: count }, (_, n) => n)
  expect(landed).toEqual(all.filter((n) => !isGuilty(n)).map(String))
  expect(await Promise.all(answers)).toEqual(all.map((n) => (isGuilty(n) ? 'not_stored' : 'stored')))
  expect(statements).toBeLessThanOrEqual(most)
  expect(queue.bytes).toBe(0)
})

test('what comes in while a refused batch is tried in halves waits behind it', async () => {
  const queue = makeWriteQueue(roomy)
  for (const key of ['a', 'b', 'c']) void code(queue.add(put(key)))
  queue.take()
  queue.refused(new KvsError('not_stored'))
  void queue.add(put('d'))
  const batches = []
  while (queue.length > 0) {
    batches.push(queue.take().map(({ key }) => key))
    queue.committed(upTo(BigInt(batches.length)))
  }
  expect(batches).toEqual([['a', 'b'], ['c'], ['d']])
})

test('a write of a refused batch that has waited for too long is told that it is not stored', async () => {
  const queue = makeWriteQueue({ ...roomy, graceMs: 5_000 })
  const answers = [code(queue.add(put('a'))), code(queue.add(put('b')))]
  queue.take()
  vi.advanceTimersByTime(1_001)
  queue.refused(new KvsError('not_stored'))
  vi.advanceTimersByTime(1)
  expect(await Promise.all(answers)).toEqual(['not_stored', 'not_stored'])
  expect([queue.length, queue.bytes]).toEqual([0, 0])
})

const unless =
  (...keys: string[]) =>
  (key: string) =>
    keys.includes(key) ? undefined : new NotOwner('ring=2')

test('what waits and is refused is rejected at once, and gives its room back', async () => {
  const queue = makeWriteQueue({ ...roomy, maxWrites: 2 })
  const writes = [code(queue.add(put('a'))), code(queue.add(put('b', 1_000)))]
  queue.rejectWhere(unless('a'))
  expect(await writes[1]).toBe('not_owner')
  expect([queue.length, queue.bytes]).toEqual([1, weight(put('a'))])
  void queue.add(put('a'))
  expect(queue.take().map(({ key }) => key)).toEqual(['a', 'a'])
  queue.committed(upTo(2n))
  expect([await writes[0], queue.bytes]).toEqual(['stored', 0])
})

test('a batch under way is settled by the log, whatever is refused meanwhile', async () => {
  const queue = makeWriteQueue(roomy)
  const writes = ['a', 'b'].map((key) => queue.add(put(key)))
  queue.take()
  queue.rejectWhere(unless())
  queue.leaveInDoubt({ last: 2n, mayLandUntil: undefined })
  queue.rejectWhere(unless())
  queue.committed(upTo(2n))
  expect((await Promise.all(writes)).map((stored) => stored !== 'spooled' && stored.sequence)).toEqual([1n, 2n])
})

test('where it is not in the log, what is refused of it is rejected instead of waiting again', async () => {
  const queue = makeWriteQueue(roomy)
  const writes = ['a', 'b'].map((key) => code(queue.add(put(key))))
  queue.take()
  queue.rejectWhere(unless('b'))
  queue.putBack()
  expect(await writes[0]).toBe('not_owner')
  expect([queue.take().map(({ key }) => key), queue.bytes]).toEqual([['b'], weight(put('b'))])
  queue.committed(upTo(1n))
  // The next batch is not held to what was said during this one.
  const later = code(queue.add(put('a')))
  queue.take()
  queue.putBack()
  queue.take()
  queue.committed(upTo(2n))
  expect(await later).toBe('stored')
})
