import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { slotOf } from '../../../../kvs/core/ring/key-slot.ts'
import { allSlots } from '../../../../kvs/core/ring/slot-ranges.ts'
import type { Operation } from '../../../../kvs/core/transaction.ts'
import type { AnswerService, AskedAnswers } from '../../../../kvs/kv/index.ts'
import type { KeyMover } from '../../../../kvs/log/index.ts'
import { makeMemoryLog, makeMemoryRingLog, makeMemoryServer } from '../../../../kvs/log/memory/index.ts'
import { type ConditionalQueue, makeConditionalQueue } from '../../../../kvs/replica/decisions/conditional-queue.ts'
import { makeMirror } from '../../../../kvs/replica/mirror.ts'
import { takeAnswers } from '../../../../kvs/ring/handover/taking-answers.ts'
import { put, remove } from '../../../support/entries.ts'

const asked: AskedAnswers = { ringId: 'beef', version: 3, slots: allSlots, after: 0n }
const limits = { maxWrites: 100, maxBytes: 1_000_000, timeoutMs: 10_000, graceMs: 0 }

/** A member: a log whose first entry is on the ring, and a node that decides on requests by it. */
async function makeMember() {
  const server = makeMemoryServer()
  const ringLog = makeMemoryRingLog({ server, name: randomUUID() })
  const log = makeMemoryLog({ server, writerId: randomUUID() })
  await (await log.open()).close()
  await ringLog.append('what it owns', 0n, [])
  const session = await log.open()
  const mirror = makeMirror()
  await mirror.requireSamePast(session)
  await mirror.replay(session)
  const queue = makeConditionalQueue(mirror, log.now, limits, () => undefined)
  return {
    ...{ server, ringLog, session, mirror },
    /** Answers each after the one before, as its client is told it. */
    async answer(requests: readonly Request[]): Promise<readonly unknown[]> {
      const answers: unknown[] = []
      for (const request of requests) {
        const answer = request(queue).catch((error) => ({ ...error, message: error.message }))
        await queue.appendNext(session, (writes) => session.committed.number + BigInt(writes))
        answers.push(await answer)
      }
      return answers
    },
    answers: {
      async movedAnswers({ slots, after }) {
        const reader = await ringLog.openReader()
        return reader.readAnswers(slots, after).finally(reader.close)
      },
    } satisfies AnswerService,
    async openMover(): Promise<KeyMover> {
      const mover = await ringLog.openMover()
      if (mover === undefined) throw new Error('another node moves keys')
      return mover
    },
  }
}

type Request = (queue: Pick<ConditionalQueue, 'add' | 'transact'>) => Promise<unknown>

const writing =
  (idempotencyKey: string, write: ReturnType<typeof put> | ReturnType<typeof remove>, precondition = {}): Request =>
  (queue) =>
    queue.add({ write, precondition, idempotencyKey })

const transacting =
  (idempotencyKey: string, ...operations: Operation[]): Request =>
  (queue) =>
    queue.transact({ conditions: [], operations, idempotencyKey })

const refused: Request = (queue) =>
  queue.transact({
    conditions: [
      { key: 'a', precondition: { ifNoneMatch: '*' } },
      { key: 'nothing', precondition: { ifMatch: '*' } },
    ],
    operations: [put('d')],
    idempotencyKey: 'conditions',
  })

const requests: readonly Request[] = [
  writing('created', put('a')),
  writing('replaced', put('a', '2')),
  writing('absent', remove('b')),
  writing('there', put('a'), { ifNoneMatch: '*' }),
  writing('not there', put('b'), { ifMatch: '*' }),
  transacting('together', put('n', '7'), { kind: 'add', key: 'n', by: 35n }, remove('a')),
  transacting('no number', put('x', 'x'), { kind: 'add', key: 'x', by: 1n }),
  writing('again', put('a')),
  refused,
]

test('a request that is repeated at the member that has taken its answer is told the very same, and does nothing', async () => {
  const [giver, taker] = [await makeMember(), await makeMember()]
  const first = await giver.answer(requests)
  await giver.session.append([put('a', 'later')])
  expect(await giver.answer(requests)).toEqual(first)

  const mover = await taker.openMover()
  expect(await takeAnswers(giver.answers, mover, asked, 1n)).toBe(BigInt(requests.length))
  const before = await taker.session.askHead()
  expect(await taker.answer(requests)).toEqual(first)
  expect(await taker.session.askHead()).toEqual(before)
  expect(await taker.answer([writing('created', put('a', 'another'))])).toMatchObject([
    { code: 'idempotency_key_reused' },
  ])

  const third = await makeMember()
  await takeAnswers(taker.answers, await third.openMover(), asked, 1n)
  expect(await third.answer(requests)).toEqual(first)
})

test('answers of other slots stay where they are', async () => {
  const [giver, taker] = [await makeMember(), await makeMember()]
  await giver.answer([writing('k1', put('a')), writing('k2', put('b'))])
  const slots = [{ from: slotOf('b'), through: slotOf('b') }]
  await takeAnswers(giver.answers, await taker.openMover(), { ...asked, slots }, 1n)
  const { answers } = await taker.answers.movedAnswers(asked)
  expect(answers.map(({ key }) => key)).toEqual(['k2'])
})

test('it is gone on from where it was, and a key that is in use here keeps its own answer', async () => {
  const [giver, taker] = [await makeMember(), await makeMember()]
  const own = await taker.answer([writing('k1', put('mine'))])
  await giver.answer([writing('k1', put('a')), writing('k2', put('b'))])
  const mover = await taker.openMover()
  const at = await takeAnswers(giver.answers, mover, asked, 1n)
  const later = await giver.answer([writing('k3', put('c'))])
  const pages: bigint[] = []
  const noted: AnswerService = {
    movedAnswers(part) {
      pages.push(part.after)
      return giver.answers.movedAnswers(part)
    },
  }
  expect(await takeAnswers(noted, mover, { ...asked, after: at ?? 0n }, 1n)).toBe(3n)
  expect(pages).toEqual([2n])
  expect(await taker.answer([writing('k1', put('mine')), writing('k3', put('c'))])).toEqual([...own, ...later])
  expect(await taker.answer([writing('k1', put('a'))])).toMatchObject([{ code: 'idempotency_key_reused' }])
})

test('nothing is kept once the taker’s log has a newer entry on the ring', async () => {
  const [giver, taker] = [await makeMember(), await makeMember()]
  await giver.answer([writing('k1', put('a'))])
  const mover = await taker.openMover()
  await taker.ringLog.append('newer', 1n, [])
  expect(await takeAnswers(giver.answers, mover, asked, 1n)).toBeUndefined()
  expect((await taker.answers.movedAnswers(asked)).answers).toEqual([])
})

test('it ends with what there was when it began, although others are answered there all the time', async () => {
  const [giver, taker] = [await makeMember(), await makeMember()]
  await giver.answer([writing('k1', put('a')), writing('k2', put('b'))])
  let pages = 0
  const busy: AnswerService = {
    async movedAnswers(part) {
      if (++pages > 10) throw new Error('it does not end')
      const page = await giver.answers.movedAnswers(part)
      await giver.answer([writing(`more ${pages}`, put('c'))])
      return page
    },
  }
  const mover = await taker.openMover()
  expect(await takeAnswers(busy, mover, asked, 1n)).toBe(2n)
  expect(await takeAnswers(busy, mover, { ...asked, after: 2n }, 1n)).toBe(3n)
})
