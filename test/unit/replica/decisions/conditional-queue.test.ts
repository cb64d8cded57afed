import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { ConditionFailed, KvsError, NotOwner } from '../../../../kvs/core/errors.ts'
import { formatPosition, type Position, parsePosition, positionAt } from '../../../../kvs/core/position.ts'
import { ConditionsFailed, type Operation } from '../../../../kvs/core/transaction.ts'
import { versionAt } from '../../../../kvs/core/version.ts'
import type { AskedTransaction, ConditionalWrite } from '../../../../kvs/kv/kv.ts'
import {
  type Decided,
  type LogSession,
  NotAppended,
  RingUnseen,
  Undecided,
  type Verdict,
} from '../../../../kvs/log/log.ts'
import { makeConditionalQueue } from '../../../../kvs/replica/decisions/conditional-queue.ts'
import { hashOfTransaction } from '../../../../kvs/replica/decisions/request-hash.ts'
import type { Mirror } from '../../../../kvs/replica/mirror.ts'
import { put } from '../../../support/entries.ts'

const limits = { maxWrites: 100, maxBytes: 1_000_000, timeoutMs: 10_000, graceMs: 0 }
const session = {} as LogSession

const logId = 'cafe0123'
const pointAt = (sequence: bigint) => ({ sequence, digest: Buffer.alloc(8, 1) })
const versionOf = (sequence: bigint) => versionAt(logId, pointAt(sequence))

/** A queue over a view of keys with the sequences of their values, and a log that says what it is told to. */
function makeQueue(values: Record<string, bigint> = {}, options = limits) {
  const rounds: (readonly Decided[])[] = []
  const numbers: number[] = []
  const queueOf = {
    rounds,
    values,
    /** Values of keys, where they are looked at. */
    texts: {} as Record<string, string>,
    /** Deadlines of the values. */
    deadlines: {} as Record<string, number>,
    /** What keys depend on that is not there yet. */
    dependencies: new Map<string, Position>(),
    now: 1_000,
    /** What the log says of a decision; by default that it holds. */
    judge: ({ writes, current }: Decided, place: number): Verdict | Error => {
      const lands = writes.length > 0
      return {
        outcome: lands ? 'landed' : 'refused',
        entry: lands ? pointAt(100n + BigInt(place)) : undefined,
        current,
      }
    },
  }
  const mirror = {
    logId,
    view: {
      get unmet() {
        return queueOf.dependencies.size
      },
      dependencyOf: (key: string) => queueOf.dependencies.get(key),
      versionOf: (key: string) => {
        const sequence = queueOf.values[key]
        return sequence === undefined ? undefined : { ...versionOf(sequence), deadline: queueOf.deadlines[key] }
      },
      get: (key: string) => {
        const text = queueOf.texts[key]
        if (text === undefined) return undefined
        return { value: Buffer.from(text), contentType: 'text/x', tag: undefined, deadline: queueOf.deadlines[key] }
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
  const assign = (writes: number) => {
    numbers.push(writes)
    return BigInt(writes)
  }
  return { ...queueOf, queueOf, numbers, queue, round: () => queue.appendNext(session, assign) }
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
const keysOf = (round: readonly Decided[] | undefined) => round?.map(({ reads }) => reads.join('+'))
const lands = ({ writes }: Decided) => writes.length > 0

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
  expect(rounds[1]?.map(lands)).toEqual([false])
  expect(queue.length).toBe(0)
})

test('many that are refused share a round, before one that lands and after it', async () => {
  const { queue, rounds, round } = makeQueue({ a: 5n })
  const refused = [queue.add(write('a', ifMatch(1n))), queue.add(write('a', ifMatch(2n)))].map(code)
  const last = code(queue.add(write('a', ifMatch(5n))))
  await round()
  expect(keysOf(rounds[0])).toEqual(['a', 'a', 'a'])
  expect(await Promise.all([...refused, last])).toEqual(['condition_failed', 'condition_failed', 'stored'])
})

test('what was overtaken is decided on anew, before what came later', async () => {
  const { queue, queueOf, rounds, round } = makeQueue({ a: 1n })
  const { judge } = queueOf
  queueOf.judge = ({ current }) => ({ outcome: 'overtaken', entry: undefined, current })
  const answer = code(queue.add(write('a', ifMatch(1n))))
  await round()
  const later = code(queue.add(write('b')))
  expect(queue.length).toBe(2)
  queueOf.values.a = 7n
  queueOf.judge = judge
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
      entry: isSame ? pointAt(100n) : undefined,
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
  queueOf.judge = (decided, place) => (decided.writes[0]?.key === 'k5' ? refusal : judge(decided, place))
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

const add = (key: string, by = 1n): Operation => ({ kind: 'add', key, by })
const transaction = (operations: readonly Operation[], rest: Partial<AskedTransaction> = {}): AskedTransaction => ({
  conditions: [],
  operations,
  idempotencyKey: undefined,
  ...rest,
})
const unless = (key: string) => ({ key, precondition: { ifNoneMatch: '*' as const } })

test('a transaction comes to its writes together, and rests on what it has looked at', async () => {
  const { queue, rounds, numbers, round, texts } = makeQueue({ a: 1n })
  texts.n = '41'
  const conditions = [{ key: 'a', precondition: { ifMatch: [versionOf(1n).tag] } }, unless('b')]
  const operations = [put('c', 'x'), add('n'), { kind: 'delete' as const, key: 'a' }]
  const answer = queue.transact(transaction(operations, { conditions }))
  await round()
  expect(rounds).toEqual([
    [
      {
        writes: [put('c', 'x'), put('n', '42', 'text/x'), { kind: 'delete', key: 'a' }],
        reads: ['a', 'b', 'n'],
        ...{ builtOn: [], current: undefined, idempotency: undefined },
      },
    ],
  ])
  expect(numbers).toEqual([3])
  expect(await answer).toEqual({
    position: 'cafe0123=102',
    entries: [versionOf(100n), { ...versionOf(101n), value: '42' }, versionOf(102n)],
  })
  expect(queue.bytes).toBe(0)
})

test('what is decided depends on what the keys that it rests on depend on', async () => {
  const { queue, queueOf, rounds, round, texts } = makeQueue({ a: 1n, b: 2n })
  Object.assign(texts, { n: '1', m: '1' })
  queueOf.dependencies.set('a', positionAt('there', 3n))
  queueOf.dependencies.set('n', positionAt('there', 5n))
  const after = positionAt('other', 1n)
  const conditions = [{ key: 'a', precondition: { ifMatch: '*' as const } }]
  const asked = [
    transaction([put('c'), add('m')], { conditions }),
    transaction([add('n')], { after }),
    transaction([add('n')]),
    transaction([put('a')]),
    transaction([put('d'), put('e')], { after }),
  ]
  const answers = asked.map((one) => queue.transact(one))
  void queue.add(write('b'))
  await round()
  const both = { sequences: new Map([...positionAt('there', 5n).sequences, ...after.sequences]), stamp: 0 }
  expect(rounds[0]?.map(({ writes }) => writes.map((one) => one.after))).toEqual([
    [positionAt('there', 3n), positionAt('there', 3n)],
    [both],
    [both],
    [undefined],
    [after, after],
    [undefined],
  ])
  expect((await Promise.all(answers)).map(({ position }) => position)).toEqual([
    ...['cafe0123=101', 'cafe0123=101,other=1', 'cafe0123=102', 'cafe0123=103', 'cafe0123=105,other=1'],
  ])
})

test('a write depends on no more than an entry can carry', async () => {
  const { queue, queueOf, rounds, round, texts } = makeQueue({ a: 1n })
  Object.assign(texts, { n: '1' })
  const many = (name: string): Position => ({
    sequences: new Map(Array.from({ length: 60 }, (_, at) => [`${name}${at}`, 1n])),
    stamp: 0,
  })
  queueOf.dependencies.set('n', many('x'))
  void queue.transact(transaction([add('n')], { after: many('y') }))
  await round()
  const after = rounds[0]?.[0]?.writes[0]?.after
  expect(after && parsePosition(formatPosition(after))).toEqual(after)
  expect(after?.sequences.size).toBe(60)
})

test('each operation sees what those before it have done', async () => {
  const { queue, rounds, round, texts } = makeQueue()
  texts.n = 'no number'
  const operations = [put('n', '5'), add('n'), add('n', 2n), { kind: 'delete' as const, key: 'n' }, add('n')]
  const answer = queue.transact(transaction(operations))
  await round()
  expect(rounds[0]?.[0]?.writes.map((one) => (one.kind === 'put' ? `${one.value}` : one.kind))).toEqual([
    ...['5', '6', '8', 'delete', '1'],
  ])
  expect(rounds[0]?.[0]?.reads).toEqual([])
  expect((await answer).entries.map(({ value }) => value)).toEqual([undefined, '6', '8', undefined, '1'])
})

test('many counts of one key share a round, each of what the one before it will have written', async () => {
  const { queue, rounds, round, texts } = makeQueue()
  texts.n = '10'
  const answers = Array.from({ length: 5 }, () => queue.transact(transaction([add('n')])))
  await round()
  expect(rounds).toHaveLength(1)
  expect(rounds[0]?.map(({ writes: [one] }) => one?.kind === 'put' && `${one.value}`)).toEqual([
    ...['11', '12', '13', '14', '15'],
  ])
  expect(rounds[0]?.map(({ builtOn }) => builtOn)).toEqual([[], [0], [1], [2], [3]])
  expect(keysOf(rounds[0])).toEqual(['n', '', '', '', ''])
  expect((await Promise.all(answers)).map(({ entries }) => entries[0]?.value)).toEqual(['11', '12', '13', '14', '15'])
})

test('a counter keeps its deadline, and begins anew once that has passed', async () => {
  const { queue, queueOf, rounds, round, texts } = makeQueue()
  Object.assign(texts, { n: '10', m: '10' })
  Object.assign(queueOf.deadlines, { n: 1_001, m: 1_000 })
  const over = { ...put('o', '7'), deadline: 1_000 }
  const asked = [
    transaction([add('n'), add('m')]),
    transaction([add('n'), add('m')]),
    transaction([over, add('o')]),
    transaction([over]),
    transaction([add('o')]),
  ]
  const answers = asked.map((one) => queue.transact(one))
  await round()
  expect((await Promise.all(answers)).map(({ entries }) => entries.map(({ value }) => value))).toEqual([
    ['11', '1'],
    ['12', '2'],
    [undefined, '1'],
    [undefined],
    ['1'],
  ])
  const deadlines = rounds[0]?.slice(0, 2).map(({ writes }) => writes.map(({ deadline }) => deadline))
  expect(deadlines).toEqual(Array(2).fill([1_001, undefined]))
})

test('a count builds on a write of its round, and on a delete as well', async () => {
  const { queue, rounds, round, texts } = makeQueue()
  texts.m = '10'
  void queue.transact(transaction([put('n', '7'), { kind: 'delete', key: 'm' }]))
  const answer = queue.transact(transaction([add('n'), add('m'), add('o')]))
  await round()
  expect(rounds[0]?.[1]).toMatchObject({ builtOn: [0], reads: ['o'] })
  expect((await answer).entries.map(({ value }) => value)).toEqual(['8', '1', '1'])
})

test('a version of a key that the round writes is waited for, and what comes later is not', async () => {
  const { queue, queueOf, rounds, round } = makeQueue()
  const answers = [
    queue.transact(transaction([put('a', '1'), put('b')])),
    queue.transact(transaction([put('c')], { conditions: [unless('a')] })),
    queue.add(write('b')),
    queue.transact(transaction([add('a')])),
  ].map(code)
  await round()
  expect(rounds[0]?.map(({ writes }) => writes.map(({ key }) => key).join())).toEqual(['a,b', 'a'])
  Object.assign(queueOf.values, { a: 100n, b: 101n })
  await round()
  expect(rounds[1]?.map(({ reads }) => reads.join())).toEqual(['a', 'b'])
  expect(await Promise.all(answers)).toEqual(['stored', 'condition_failed', 'stored', 'stored'])
})

test('conditions that do not hold are told with the tags of their keys, all as of one moment', async () => {
  const { queue, rounds, round } = makeQueue({ a: 1n, b: 2n })
  const conditions = [unless('a'), unless('c'), { key: 'd', precondition: { ifMatch: ['x'] } }, unless('b')]
  const answer = queue.transact(transaction([put('e')], { conditions }))
  const failed = [
    { index: 0, key: 'a', tag: versionOf(1n).tag },
    { index: 2, key: 'd', tag: undefined },
    { index: 3, key: 'b', tag: versionOf(2n).tag },
  ]
  const refused = expect(answer).rejects.toEqual(new ConditionsFailed(failed))
  await round()
  await refused
  expect(rounds[0]?.[0]).toMatchObject({ writes: [], reads: ['a', 'c', 'd', 'b'] })
})

test('what can’t be counted is refused with its place, as of what the log confirms', async () => {
  const { queue, queueOf, rounds, round, texts } = makeQueue()
  Object.assign(texts, { n: 'seven', m: `${2n ** 63n - 1n}` })
  const { judge } = queueOf
  queueOf.judge = ({ current }) => ({ outcome: 'overtaken', entry: undefined, current })
  const answers = [queue.transact(transaction([put('a'), add('n')])), queue.transact(transaction([add('m')]))]
  await round()
  queueOf.judge = judge
  texts.m = '1'
  const refused = expect(answers[0]).rejects.toMatchObject({ code: 'not_a_number', index: 1 })
  await round()
  await refused
  expect((await answers[1])?.entries[0]?.value).toBe('2')
  expect(rounds[0]?.map(({ writes, reads }) => [writes.length, reads])).toEqual([
    [0, ['n']],
    [0, ['m']],
  ])
})

test('a batch has no more writes than it may, and a transaction is never torn', async () => {
  const { queue, rounds, round } = makeQueue()
  const many = (count: number, key: string) => transaction(Array.from({ length: count }, (_, n) => put(`${key}${n}`)))
  const answers = [many(600, 'a'), many(600, 'b'), many(1, 'c'), many(1_000, 'd')].map((one) => queue.transact(one))
  while (queue.length > 0) await round()
  await Promise.all(answers)
  expect(rounds.map((one) => one.map(({ writes }) => writes.length))).toEqual([[600], [600, 1], [1_000]])
})

test('an answer that was given before is given again as it was', async () => {
  const { queue, queueOf, rounds, round, texts } = makeQueue({ a: 5n })
  texts.n = '1'
  const { judge } = queueOf
  const asked = [
    transaction([put('b'), add('n')], { idempotencyKey: 'k1' }),
    transaction([put('b')], { conditions: [unless('c'), unless('a')], idempotencyKey: 'k2' }),
    transaction([put('b'), add('m')], { idempotencyKey: 'k3' }),
  ]
  texts.m = 'no number'
  const ask = () => Promise.allSettled(asked.map((one) => queue.transact(one)))
  const first = ask()
  await round()
  const notes = rounds[0]?.map(({ idempotency }) => idempotency?.note)
  const hashes = rounds[0]?.map(({ idempotency }) => idempotency?.request)
  Object.assign(queueOf.values, { a: undefined, c: 7n })
  Object.assign(texts, { n: '8', m: '9' })
  queueOf.judge = (_decided, place) => {
    const first = judge(rounds[0]?.[place] as Decided, place)
    return first instanceof Error ? first : { ...first, outcome: 'answered', note: notes?.[place] }
  }
  const again = ask()
  await round()
  expect(rounds[1]?.map(({ idempotency }) => idempotency?.request)).toEqual(hashes)
  expect(await again).toEqual(await first)
  expect((await first).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  queueOf.judge = () => ({ outcome: 'reused', entry: undefined, current: undefined })
  const reused = Promise.all(asked.map((one) => code(queue.transact(one))))
  await round()
  expect(await reused).toEqual(Array(3).fill('idempotency_key_reused'))
})

test.each([
  ['another operation', transaction([put('b')])],
  ['another order', transaction([add('n'), put('a')])],
  ['another number', transaction([put('a'), add('n', 2n)])],
  ['another kind', transaction([put('a'), { kind: 'max', key: 'n', by: 1n }])],
  ['another condition', transaction([put('a'), add('n')], { conditions: [unless('a')] })],
  ['parts that run into each other', transaction([put('a', 'v3addn'), add('1')])],
])('%s makes another request under an idempotency key', (_, other) => {
  const one = hashOfTransaction(transaction([put('a'), add('n')]))
  expect(hashOfTransaction(transaction([put('a'), add('n')]))).toEqual(one)
  expect(hashOfTransaction(other)).not.toEqual(one)
})

test('a key counts as absent from its deadline on', async () => {
  const { queue, queueOf, rounds, round } = makeQueue({ a: 1n, b: 2n, c: 3n })
  queueOf.deadlines = { a: 999, b: 1_000, c: 1_001 }
  const answers = ['a', 'b', 'c'].map((key) => queue.add(write(key, { precondition: { ifNoneMatch: '*' } })))
  const settled = Promise.allSettled(answers)
  await round()
  expect(rounds[0]?.map((one) => [lands(one), one.current?.sequence])).toEqual([
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
  expect(rounds[0]?.map(lands)).toEqual([true, false])
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

const without = (unowned: string) => (key: string) => (key === unowned ? new NotOwner('ring=2') : undefined)
const transactionOf = (condition: string, operation: string): AskedTransaction => ({
  conditions: [{ key: condition, precondition: {} }],
  operations: [put(operation)],
  idempotencyKey: undefined,
})

test('what waits is rejected where one of its keys is refused, and gives its room back', async () => {
  const { queue, rounds, round } = makeQueue()
  const refused = [
    queue.add(write('x')),
    queue.transact(transactionOf('x', 'a')),
    queue.transact(transactionOf('a', 'x')),
  ].map(code)
  const kept = code(queue.add(write('a')))
  queue.rejectWhere(without('x'))
  expect(await Promise.all(refused)).toEqual(['not_owner', 'not_owner', 'not_owner'])
  await round()
  expect([await kept, keysOf(rounds[0]), queue.bytes]).toEqual(['stored', ['a'], 0])
})

test('a round that meets an entry on the ring waits again, to be decided anew', async () => {
  const { queue, queueOf, rounds, round } = makeQueue({ a: 1n })
  queueOf.judge = () => new RingUnseen(new Error('unseen'))
  const first = code(queue.add(write('a', ifMatch(1n))))
  await expect(round()).rejects.toBeInstanceOf(RingUnseen)
  expect(queue.length).toBe(1)
  queueOf.values.a = 2n
  queueOf.judge = ({ current }) => ({ outcome: 'refused', entry: undefined, current })
  await round()
  expect([await first, rounds.length, queue.bytes]).toEqual(['condition_failed', 2, 0])
})

test('what is refused while its round is under way is rejected only where it would wait again', async () => {
  const { queue, queueOf, round } = makeQueue()
  const both = ['x', 'y'].map((key) => code(queue.add(write(key))))
  queueOf.judge = (_, place) => {
    queue.rejectWhere(without(place === 0 ? 'x' : 'y'))
    const outcome = place === 0 ? 'landed' : 'overtaken'
    return { outcome, entry: place === 0 ? pointAt(100n) : undefined, current: undefined }
  }
  await round()
  expect(await Promise.all(both)).toEqual(['stored', 'not_owner'])
  const next = code(queue.add(write('y')))
  queueOf.judge = () => ({ outcome: 'overtaken', entry: undefined, current: undefined })
  await round()
  expect(queue.length).toBe(1)
  queue.abandon(new KvsError('draining'))
  expect(await next).toBe('draining')
})
