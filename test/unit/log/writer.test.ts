import { expect, test } from 'vitest'
import { Diverged, NotAppended, RingUnseen, Unappendable, Unavailable, Undecided } from '../../../kvs/log/log.ts'
import { makeWriter } from '../../../kvs/log/writer.ts'
import type { Batch, Judgement, Landing, Registration, WriterStatements } from '../../../kvs/log/writer-port.ts'
import { decided } from '../../contract/log/batches.ts'
import { put } from '../../support/entries.ts'

const digest = Buffer.from('8 bytes!')
const pointAt = (sequence: bigint) => ({ sequence, digest })
const endAt = (sequence: bigint) => ({ sequence, digest, recordedAt: 1_000_000, stamp: 1_000_000_000 })

/** A log with one writer, whose answers the test chooses. */
function makeStatements(answers: Partial<WriterStatements> = {}) {
  const sent: (Batch & { landsUntil?: number })[] = []
  const registered: { session: string; replaced: string | undefined }[] = []
  const statements: WriterStatements = {
    readSession: async () => registered.at(-1)?.session,
    async register(_, session, replaced) {
      registered.push({ session, replaced })
      return registrationAt(0n)
    },
    async append(batch, _, landsUntil) {
      sent.push({ ...batch, landsUntil })
      return landedAt(batch.last)
    },
    async appendSpooled(batch) {
      sent.push(batch)
      return landedAt(batch.last)
    },
    async appendConditional(batch, writes) {
      sent.push(batch)
      const refused: Judgement = { outcome: 'refused', entry: undefined, current: undefined }
      return { judgements: writes.map(() => refused), end: endAt(0n) }
    },
    async appendForeign(batch) {
      sent.push(batch)
      return { outcome: 'landed', end: endAt(batch.last), serverSeconds: 1_000 }
    },
    async appendRing(batch) {
      sent.push(batch)
      return { outcome: 'landed', end: endAt(batch.last), serverSeconds: 1_000 }
    },
    async appendMoved(batch) {
      sent.push(batch)
      return { outcome: 'landed', end: endAt(batch.last), serverSeconds: 1_000 }
    },
    seeRing: async () => undefined,
    failureOf: () => 'unknown',
    ...answers,
  }
  return { statements, sent, registered }
}

function registrationAt(number: bigint, serverSeconds = 1_000): Registration {
  return { writerNumber: 7, committed: { number, end: pointAt(number) }, serverSeconds }
}

const landedAt = (sequence: bigint): Landing => ({ outcome: 'landed', end: endAt(sequence), serverSeconds: 1_000 })

const clock = { now: () => 0 } as Parameters<typeof makeWriter>[0]['clock'] & object
const make = () => {
  let session = 0
  return makeWriter({ id: 'w', timeoutMs: 5_000, clock, random: { fraction: () => 0, uuid: () => `s${++session}` } })
}

test('writes are numbered on from the last one in the log, and an append says until when it may land', async () => {
  const { statements, sent } = makeStatements()
  const writer = make()
  await writer.register(statements)
  await writer.append(statements, [put('a'), put('b')])
  await writer.append(statements, [put('c')], 9n)
  expect(sent).toEqual([
    { writerId: 'w', session: 's1', after: 0n, last: 2n, landsUntil: 1_004.998 },
    { writerId: 'w', session: 's1', after: 2n, last: 9n, landsUntil: 1_004.998 },
  ])
  expect(writer.committed).toEqual({ number: 9n, end: endAt(9n) })
})

test('a lost answer to an append says until when that may land, by this process’s clock; to others it need not', async () => {
  const lost = () => Promise.reject(new Error('connection lost'))
  const { statements } = makeStatements({ append: lost, appendSpooled: lost, appendConditional: lost })
  const writer = make()
  await writer.register(statements)
  const asked = decided(put('a'))
  const errors = [
    await writer.append(statements, [put('a')]).catch((error) => error),
    await writer.appendSpooled(statements, [{ number: 2n, superseded: false, write: put('a') }], 0n).catch((e) => e),
    await writer.appendConditional(statements, 'cafe0123', [asked], 0n).catch((error) => error),
  ]
  expect(errors.map((error) => [error.name, error.mayLandUntil])).toEqual([
    ['Undecided', 5_000],
    ['Undecided', undefined],
    ['Undecided', undefined],
  ])
})

test('each connection registers a session of its own, in the place of the one before', async () => {
  const { statements, registered } = makeStatements()
  const writer = make()
  await writer.register(statements)
  await writer.register(statements)
  expect(registered).toEqual([
    { session: 's1', replaced: undefined },
    { session: 's2', replaced: 's1' },
  ])
})

test('nothing is sent before the first registration', () => {
  const { statements } = makeStatements()
  expect(() => make().append(statements, [put('a')])).toThrow('before it was registered')
})

test('a batch whose answer was lost has landed, or not, as the next registration says', async () => {
  for (const [found, outcome] of [
    [1n, 'lost'],
    [2n, 'landed'],
  ] as const) {
    let isUp = true
    const { statements } = makeStatements({
      register: async () => registrationAt(found),
      async append(batch) {
        if (!isUp) throw new Error('connection lost')
        return landedAt(batch.last)
      },
    })
    const writer = make()
    await writer.register({ ...statements, register: async () => registrationAt(0n) })
    await writer.append(statements, [put('a')])
    isUp = false
    await expect(writer.append(statements, [put('b')])).rejects.toThrow(Undecided)
    expect(writer.committed.number).toBe(1n)
    await writer.register({ ...statements, readSession: async () => 's1' })
    expect(writer.committed.number, outcome).toBe(found)
  }
})

test.each([
  ['it lacks acknowledged writes', registrationAt(0n), 'numbers 1 to 1'],
  ['it has writes that were never sent', registrationAt(2n), 'copy of another'],
])('a log is no continuation where %s', async (_, registration, words) => {
  const { statements } = makeStatements()
  const writer = make()
  await writer.register(statements)
  await writer.append(statements, [put('a')])
  const error = await writer.register({ ...statements, register: async () => registration }).catch((error) => error)
  expect(error).toBeInstanceOf(Diverged)
  expect(error.message).toContain(words)
  expect(writer.committed.number).toBe(1n)
})

test('a log that does not know a writer which was registered went back', async () => {
  const { statements } = makeStatements()
  const writer = make()
  await writer.register(statements)
  const forgetful = { ...statements, readSession: async () => undefined }
  await expect(writer.register(forgetful)).rejects.toThrow(Diverged)
})

test.each([
  ['unknown', Undecided, undefined],
  ['refused', NotAppended, false],
  ['down', NotAppended, true],
  ['broken', Unappendable, undefined],
] as const)('a failure of the class "%s" is told as what it means', async (failure, kind, logIsDown) => {
  const cause = new Error('no')
  const { statements } = makeStatements({ append: () => Promise.reject(cause), failureOf: () => failure })
  const writer = make()
  await writer.register(statements)
  const error = await writer.append(statements, [put('a')]).catch((error) => error)
  expect(error).toBeInstanceOf(kind)
  expect(error.cause).toBe(cause)
  expect(error.logIsDown).toBe(logIsDown)
  expect(writer.committed.number).toBe(0n)
})

test.each([
  ['late', Undecided],
  ['fenced', Unappendable],
] as const)('a batch that is %s is not in the log', async (outcome, kind) => {
  const { statements } = makeStatements({ append: async () => ({ outcome, serverSeconds: 1_000 }) })
  const writer = make()
  await writer.register(statements)
  await expect(writer.append(statements, [put('a')])).rejects.toThrow(kind)
  expect(writer.committed.number).toBe(0n)
})

test('of conditional writes, only those that land advance the numbers', async () => {
  const judge = (judgements: Judgement[]) => async () => ({ judgements, end: endAt(5n) })
  const { statements } = makeStatements()
  const writer = make()
  await writer.register(statements)
  const current = { sequence: 3n, tag: 'the node’s own' }
  const asked = decided(put('a'), { current })
  const refused = judge([{ outcome: 'refused', entry: undefined, current: undefined }])
  const { verdicts } = await writer.appendConditional({ ...statements, appendConditional: refused }, 'id', [asked], 4n)
  expect(verdicts).toEqual([{ outcome: 'refused', entry: undefined, current }])
  expect(writer.committed.number).toBe(0n)
  const landed = judge([{ outcome: 'landed', entry: pointAt(5n), current: undefined }])
  await writer.appendConditional({ ...statements, appendConditional: landed }, 'id', [asked], 4n)
  expect(writer.committed).toEqual({ number: 1n, end: endAt(5n) })
  const answered = judge([{ outcome: 'answered', entry: pointAt(2n), current: undefined }])
  const again = await writer.appendConditional({ ...statements, appendConditional: answered }, 'id', [asked], 5n)
  expect(again.verdicts[0]).toMatchObject({ outcome: 'answered', entry: { sequence: 2n }, current: undefined })
  const fenced = { ...statements, appendConditional: async () => undefined }
  await expect(writer.appendConditional(fenced, 'id', [asked], 5n)).rejects.toThrow(Unappendable)
})

test('an entry on the ring takes the next number, where it lands', async () => {
  const { statements, sent } = makeStatements()
  const writer = make()
  await writer.register(statements)
  expect(await writer.appendRing(statements, 'one', 0n, [])).toEqual(endAt(1n))
  const overtaken = { ...statements, appendRing: async () => ({ outcome: 'overtaken', serverSeconds: 1_001 }) as const }
  expect(await writer.appendRing(overtaken, 'other', 0n, [])).toBeUndefined()
  expect(writer.committed).toEqual({ number: 1n, end: endAt(1n) })
  await writer.appendRing(statements, 'other', 1n, [])
  expect(sent.map(({ after, last }) => [after, last])).toEqual([
    [0n, 1n],
    [1n, 2n],
  ])
})

test('an entry on the ring whose writer was replaced may be tried again, and one whose answer was lost may be there', async () => {
  const { statements } = makeStatements()
  const writer = make()
  await writer.register(statements)
  const fenced = { ...statements, appendRing: async () => ({ outcome: 'fenced', serverSeconds: 1_000 }) as const }
  await expect(writer.appendRing(fenced, 'one', 0n, [])).rejects.toThrow(Unavailable)
  const lost = { ...statements, appendRing: () => Promise.reject(new Error('connection lost')) }
  await expect(writer.appendRing(lost, 'one', 0n, [])).rejects.toThrow(Undecided)
})

test('an append before an entry on the ring was told of is not there, and is sent again under its number', async () => {
  const { statements, sent } = makeStatements()
  const unseen = { append: () => Promise.reject(new Error('entry 3')), failureOf: () => 'unseen' as const }
  const seen: unknown[] = []
  const seeRing = async (...told: unknown[]) => void seen.push(told)
  const writer = make()
  await writer.register(statements)
  const append = writer.append({ ...statements, ...unseen }, [put('a')])
  await expect(append).rejects.toThrow(new RingUnseen(new Error('entry 3')))
  expect(writer.committed.number).toBe(0n)
  await writer.seeRing({ ...statements, seeRing }, 3n)
  expect(seen).toEqual([['w', 's1', 3n]])
  await writer.append(statements, [put('a')])
  expect(sent).toMatchObject([{ after: 0n, last: 1n }])
})
