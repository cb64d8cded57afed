import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { ConditionFailed, KvsError } from '../../../kvs/core/errors.ts'
import { versionAt } from '../../../kvs/core/version.ts'
import type { ConditionalWrite } from '../../../kvs/kv/kv.ts'
import { type Decided, type LogSession, NotAppended, Undecided, type Verdict } from '../../../kvs/log/log.ts'
import { makeConditionalQueue } from '../../../kvs/replica/conditional-queue.ts'
import type { Mirror } from '../../../kvs/replica/mirror.ts'
import { put } from '../../support/entries.ts'

const limits = { maxWrites: 100, maxBytes: 1_000_000, timeoutMs: 10_000, graceMs: 0 }
const session = {} as LogSession

const versionOf = (sequence: bigint) => versionAt('cafe0123', { sequence, digest: Buffer.alloc(8, 1) })

/** A queue over a view of keys with the sequences of their values, and a log that says what it is told to. */
function makeQueue(values: Record<string, bigint> = {}, options = limits) {
  const rounds: (readonly Decided[])[] = []
  const queueOf = {
    rounds,
    values,
    /** Deadlines of the values. */
    deadlines: {} as Record<string, number>,
    now: 1_000,
    /** What the log says of a write; by default that it is as decided. */
    judge: (decided: Decided, place: number): Verdict | Error => {
      const { lands, current } = decided
      return {
        outcome: lands ? 'landed' : 'refused',
        version: lands ? versionOf(100n + BigInt(place)) : undefined,
        current,
      }
    },
  }
  const mirror = {
    view: {
      versionOf: (key: string) => {
        const sequence = queueOf.values[key]
        return sequence === undefined ? undefined : { ...versionOf(sequence), deadline: queueOf.deadlines[key] }
      },
    },
    async appendConditional(_: LogSession, batch: readonly Decided[]) {
      rounds.push(batch)
      return batch.map((decided, index) => {
        const verdict = queueOf.judge(decided, index)
        if (verdict instanceof Error) throw verdict
        return verdict
      })
    },
  } as unknown as Mirror
  const queue = makeConditionalQueue(
    mirror,
    () => queueOf.now,
    options,
    () => undefined,
  )
  return { ...queueOf, queueOf, queue, round: () => queue.appendNext(session, BigInt) }
}

const write = (key: string, rest: Partial<ConditionalWrite> = {}): ConditionalWrite => ({
  write: put(key),
  precondition: {},
  idempotencyKey: undefined,
  ...rest,
})
const ifMatch = (sequence: bigint) => ({ precondition: { ifMatch: [versionOf(sequence).tag] } })
const code = (answer: Promise<unknown>) =>
  answer.then(
    () => 'stored',
    (error: KvsError) => error.code,
  )
const keysOf = (round: readonly Decided[] | undefined) => round?.map(({ write }) => write.key)

test('one write to a key lands in a round; the next is decided with it in the view', async () => {
  const { queue, queueOf, rounds, round } = makeQueue({ a: 1n })
  const first = queue.add(write('a', ifMatch(1n)))
  const second = queue.add(write('a', ifMatch(1n)))
  const other = queue.add(write('b', { precondition: { ifNoneMatch: '*' } }))
  await round()
  expect(keysOf(rounds[0])).toEqual(['a', 'b'])
  expect(await first).toEqual({ ...versionOf(100n), replaced: true })
  expect(await other).toEqual({ ...versionOf(101n), replaced: false })
  queueOf.values.a = 100n
  const refused = expect(second).rejects.toEqual(new ConditionFailed(versionOf(100n).tag))
  await round()
  await refused
  expect(rounds[1]?.map(({ lands }) => lands)).toEqual([false])
  expect(queue.length).toBe(0)
})

test('many that are refused share a round, before one that lands and after it', async () => {
  const { queue, rounds, round } = makeQueue({ a: 5n })
  const refused = [queue.add(write('a', ifMatch(1n))), queue.add(write('a', ifMatch(2n)))].map(code)
  const lands = code(queue.add(write('a', ifMatch(5n))))
  await round()
  expect(keysOf(rounds[0])).toEqual(['a', 'a', 'a'])
  expect(await Promise.all([...refused, lands])).toEqual(['condition_failed', 'condition_failed', 'stored'])
})

test('what was overtaken is decided on anew, before what came later', async () => {
  const { queue, queueOf, rounds, round } = makeQueue({ a: 1n })
  queueOf.judge = ({ current }) => ({ outcome: 'overtaken', version: undefined, current })
  const answer = code(queue.add(write('a', ifMatch(1n))))
  await round()
  const later = code(queue.add(write('b')))
  expect(queue.length).toBe(2)
  queueOf.values.a = 7n
  queueOf.judge = ({ lands, current }) => ({
    outcome: lands ? 'landed' : 'refused',
    version: lands ? versionOf(9n) : undefined,
    current,
  })
  await round()
  expect(keysOf(rounds[1])).toEqual(['a', 'b'])
  expect(await Promise.all([answer, later])).toEqual(['condition_failed', 'stored'])
})

test('equal requests under one idempotency key are told by the same hash, and are never in one round', async () => {
  const { queue, queueOf, rounds, round } = makeQueue()
  const asked = { idempotencyKey: 'k' }
  const answers = [queue.add(write('a', asked)), queue.add(write('a', asked)), queue.add(write('b', asked))].map(code)
  await round()
  queueOf.judge = ({ idempotency }) => {
    const isSame = rounds[0]?.[0]?.idempotency?.request.equals(idempotency?.request ?? Buffer.alloc(0))
    return {
      outcome: isSame ? 'answered' : 'reused',
      version: isSame ? versionOf(100n) : undefined,
      current: undefined,
    }
  }
  await round()
  await round()
  expect(rounds.map(keysOf)).toEqual([['a'], ['a'], ['b']])
  expect(await Promise.all(answers)).toEqual(['stored', 'stored', 'idempotency_key_reused'])
})

test('who asks again after an upgrade, under a tag of the older version, is told by the hash that this had', async () => {
  const { queue, rounds, round } = makeQueue({ a: 1n })
  const asked = { precondition: { ifMatch: ['1'], ifNoneMatch: undefined }, idempotencyKey: 'k' }
  const answer = code(queue.add(write('a', asked)))
  await round()
  const hashed = createHash('sha256').update('3:put1:a17:{"ifMatch":["1"]}0:1:v').digest()
  expect(rounds[0]?.[0]?.idempotency?.request).toEqual(hashed)
  expect(await answer).toBe('condition_failed')
})

test.each([
  ['a lost answer', new Undecided('lost'), 'undecided'],
  ['a connection lost before the view had it', new Error('lost'), 'undecided'],
  ['a log that takes no writes', new NotAppended('full', true, undefined), 'log_down'],
  ['a log that refuses the batch', new NotAppended('no right', false, undefined), 'not_stored'],
])('%s is told as it is, and the write is not tried again', async (_, error, expected) => {
  const { queue, queueOf, round } = makeQueue()
  queueOf.judge = () => error
  const answer = code(queue.add(write('a')))
  await expect(round()).rejects.toBe(error)
  expect(await answer).toBe(expected)
  expect(queue.length).toBe(0)
})

test('past the bounds a write is refused at once, and what it weighs is given back', async () => {
  const { queue, round } = makeQueue({}, { ...limits, maxWrites: 2 })
  const answers = ['a', 'b', 'c'].map((key) => code(queue.add(write(key))))
  await round()
  expect(await Promise.all(answers)).toEqual(['stored', 'stored', 'overloaded'])
  const small = makeQueue({}, { ...limits, maxBytes: 100 })
  for (let n = 0; n < 3; n++) {
    const answer = code(small.queue.add(write('a')))
    expect(await code(small.queue.add(write('b')))).toBe('overloaded')
    await small.round()
    expect(await answer).toBe('stored')
  }
})

test('what has waited for too long is not done, and nothing is asked for its sake', async () => {
  const { queue, rounds, round } = makeQueue({}, { ...limits, timeoutMs: 0 })
  const answer = code(queue.add(write('a')))
  expect(await round()).toBeUndefined()
  expect([await answer, rounds]).toEqual(['not_stored', []])
})

test('what waits while the log goes down is told so', async () => {
  const { queue } = makeQueue()
  const answer = code(queue.add(write('a')))
  queue.abandon(new KvsError('log_down'))
  expect([await answer, queue.length]).toEqual(['log_down', 0])
})

test('of a round that the log refuses for one write in it, all others land', async () => {
  const { queue, queueOf, rounds, round } = makeQueue()
  const { judge } = queueOf
  const refusal = new NotAppended('a constraint', false, undefined)
  queueOf.judge = (decided, place) => (decided.write.key === 'k5' ? refusal : judge(decided, place))
  const answers = Array.from({ length: 8 }, (_, n) => code(queue.add(write(`k${n}`))))
  while (queue.length > 0) await round().catch((error) => expect(error).toBe(refusal))
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 8 }, (_, n) => (n === 5 ? 'not_stored' : 'stored')))
  expect(rounds.map((one) => keysOf(one)?.join(' '))).toEqual([
    'k0 k1 k2 k3 k4 k5 k6 k7',
    'k0 k1 k2 k3',
    'k4 k5 k6 k7',
    'k4 k5',
    'k4',
    'k5',
    'k6 k7',
  ])
  expect(queue.bytes).toBe(0)
})

test('a key counts as absent from its deadline on', async () => {
  const { queue, queueOf, rounds, round } = makeQueue({ a: 1n, b: 2n, c: 3n })
  queueOf.deadlines = { a: 999, b: 1_000, c: 1_001 }
  const answers = ['a', 'b', 'c'].map((key) => queue.add(write(key, { precondition: { ifNoneMatch: '*' } })))
  const settled = Promise.allSettled(answers)
  await round()
  expect(rounds[0]?.map(({ lands, current }) => [lands, current?.sequence])).toEqual([
    [true, undefined],
    [true, undefined],
    [false, 3n],
  ])
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  expect(await answers[0]).toMatchObject({ replaced: false })
  const late = expect(queue.add(write('a', ifMatch(1n)))).rejects.toEqual(new ConditionFailed(undefined))
  await round()
  await late
})

test('the expiry of a key is decided by the very entry that lapsed, whatever is shown of it', async () => {
  const { queue, queueOf, rounds, round } = makeQueue({ a: 1n, b: 2n })
  queueOf.deadlines = { a: 999, b: 999 }
  const expiry = (key: string) => ({ write: { kind: 'delete', key, deadline: 999 } as const, ...ifMatch(1n) })
  const expired = queue.add(write('a', expiry('a')))
  const renewed = expect(queue.add(write('b', expiry('b')))).rejects.toMatchObject({ code: 'condition_failed' })
  await round()
  expect(rounds[0]?.map(({ lands }) => lands)).toEqual([true, false])
  await expired
  await renewed
})

test('under an idempotency key, a repetition is told by what was asked and not by the deadline', async () => {
  const { queue, rounds, round } = makeQueue()
  const requestOf = async (asked: string | undefined, deadline: number | undefined) => {
    const stored = queue.add({
      ...write('a', { asked, idempotencyKey: 'key' }),
      write: { kind: 'put', key: 'a', value: Buffer.from('v'), contentType: undefined, deadline },
    })
    await round()
    await stored
    return rounds.at(-1)?.[0]?.idempotency?.request.toString('hex')
  }
  const first = await requestOf('ttl=300000', 1_000)
  expect(await requestOf('ttl=300000', 2_000)).toBe(first)
  expect(await requestOf('ttl=300001', 1_000)).not.toBe(first)
  expect(await requestOf(undefined, undefined)).not.toBe(first)
  // The log keeps such hashes, so that they never change.
  const known = '2607e060'
  expect((await requestOf(undefined, undefined))?.slice(0, 8)).toBe(known)
})
