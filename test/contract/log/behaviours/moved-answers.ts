import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { answersPageLimits, type MovedAnswer } from '../../../../kvs/core/moved-answer.ts'
import { slotOf } from '../../../../kvs/core/ring/key-slot.ts'
import { allSlots, type SlotRanges } from '../../../../kvs/core/ring/slot-ranges.ts'
import { type Decided, type KeyMover, type LogSession, Unavailable, type Verdict } from '../../../../kvs/log/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { decided, decidedTogether, under, versionIn } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeMovedAnswers(makeServer: MakeLogServer): void {
  let server: LogServer
  let session: LogSession
  beforeEach(async () => {
    server = await makeServer()
    session = await server.makeLog().open()
  })

  /** Another log, whose first entry is on the ring, with what keeps answers in it. */
  async function makeTaker(): Promise<{ session: LogSession; mover: KeyMover; server: LogServer }> {
    const taker = await makeServer()
    await taker.makeLog().open()
    await taker.makeRingLog().append('what it owns', 0n, [])
    return { server: taker, session: await taker.makeLog().open(), mover: await openMover(taker) }
  }

  async function answersIn(log: LogServer, slots: SlotRanges = allSlots, after = 0n) {
    const reader = await log.makeRingLog().openReader()
    const page = await reader.readAnswers(slots, after)
    await reader.close()
    return page
  }

  /** Appends by what the session has seen. */
  async function judge(log: LogSession, ...decisions: Decided[]): Promise<readonly Verdict[]> {
    return (await log.appendConditional(decisions, (await log.askHead()).sequence)).verdicts
  }

  const onlySlot = (key: string): SlotRanges => [{ from: slotOf(key), through: slotOf(key) }]

  describe('answers that move', () => {
    const requests = [
      decided(put('landed'), { idempotency: under('k-landed') }),
      decided(put('a', 'replaced'), { idempotency: under('k-replaced'), current: { sequence: 1n, tag: '' } }),
      decided(put('b'), { lands: false, idempotency: under('k-refused') }),
      decided(put('c'), {
        lands: false,
        idempotency: under('k-refused-for-value'),
        current: { sequence: 2n, tag: '' },
      }),
      decidedTogether([put('d'), remove('e')], { idempotency: under('k-together', 'r', '{"values":["é",null]}') }),
      decidedTogether([], { reads: ['f', 'g'], idempotency: under('k-failed', 'r', '{"failed":[]}') }),
    ]

    test('answer a repetition in the other log with the very same entries, tags and notes', async () => {
      await session.append([put('a'), put('c')])
      await judge(session, ...requests)
      const asBefore = await judge(session, ...requests)
      expect(asBefore.map(({ outcome }) => outcome)).toEqual(requests.map(() => 'answered'))

      const taker = await makeTaker()
      const { answers } = await answersIn(server)
      expect(await taker.mover.keepAnswers(answers, 1n)).toBe(true)
      const repeated = await judge(taker.session, ...requests)
      const { logId } = session.head
      expect(repeated.map(withoutSequence)).toEqual(asBefore.map((one) => withoutSequence({ ...one, origin: logId })))
      expect(repeated[1]?.current?.tag).toBe((await versionIn(session, 1n)).tag)
      expect((await taker.session.askHead()).sequence).toBe(1n)
    })

    test('stay as they are when they move again', async () => {
      await session.append([put('a'), put('c')])
      await judge(session, ...requests)
      const { answers } = await answersIn(server)
      const [first, second] = [await makeTaker(), await makeTaker()]
      await first.mover.keepAnswers(answers, 1n)
      const again = await answersIn(first.server)
      expect(again.answers).toEqual(answers)
      await second.mover.keepAnswers(again.answers, 1n)
      expect((await judge(second.session, ...requests)).map(withoutSequence)).toEqual(
        (await judge(first.session, ...requests)).map(withoutSequence),
      )
    })

    test('tell another request under the same key that it was used', async () => {
      await judge(session, decided(put('a'), { idempotency: under('k') }))
      const taker = await makeTaker()
      await taker.mover.keepAnswers((await answersIn(server)).answers, 1n)
      const [other] = await judge(taker.session, decided(put('a'), { idempotency: under('k', 'another') }))
      expect(other?.outcome).toBe('reused')
    })

    test('have the tag that a value had before it came to their log', async () => {
      const taker = await makeTaker()
      const earlier = { tag: `${session.head.logId}-7-0badcafe`, modifiedAt: 1_000 }
      const end = await taker.mover.append([{ write: put('a'), earlier }], 1n)
      const current = { sequence: end?.sequence ?? 0n, tag: earlier.tag }
      const refused = decided(put('a'), { lands: false, current, idempotency: under('k') })
      await judge(taker.session, refused)
      expect(await judge(taker.session, refused)).toMatchObject([
        { outcome: 'answered', current: { tag: earlier.tag } },
      ])
      expect((await answersIn(taker.server)).answers).toMatchObject([{ key: 'k', currentTag: earlier.tag }])
    })
  })

  describe('answers are read', () => {
    test('with the slot of the first key that they rest on, or else that they write', async () => {
      await judge(
        session,
        decided(put('a'), { idempotency: under('k1') }),
        decidedTogether([put('b'), put('a')], { reads: ['route/c', 'a'], idempotency: under('k2') }),
        decidedTogether([put('d'), put('a')], { idempotency: under('k3') }),
        decidedTogether([], { reads: ['e'], idempotency: under('k4') }),
        decidedTogether([put('e')]),
      )
      const { answers } = await answersIn(server)
      expect(answers.map(({ key, slot }) => [key, slot])).toEqual([
        ['k1', slotOf('a')],
        ['k2', slotOf('c')],
        ['k3', slotOf('d')],
        ['k4', slotOf('e')],
      ])
    })

    test('of the slots that are asked for, after a number, and no others; each page says how far it goes', async () => {
      const keys = ['a', 'b', 'a', 'c']
      for (const [index, key] of keys.entries()) {
        await judge(session, decided(put(key), { idempotency: under(`k${index}`) }))
      }
      const first = await answersIn(server, onlySlot('a'))
      expect(first.answers.map(({ key }) => key)).toEqual(['k0', 'k2'])
      const rest = await answersIn(server, onlySlot('a'), first.through)
      expect(rest).toEqual({ answers: [], through: first.through, isLast: true })
      const others = await answersIn(server, [...onlySlot('b'), ...onlySlot('c')].toSorted(byStart))
      expect(others.answers.map(({ key }) => key)).toEqual(['k1', 'k3'])
      await judge(session, decided(put('a'), { idempotency: under('k4') }))
      const later = await answersIn(server, onlySlot('a'), first.through)
      expect(later.answers.map(({ key }) => key)).toEqual(['k4'])
      expect(later.through).toBeGreaterThan(first.through)
      expect(await answersIn(server, [], first.through)).toEqual({ answers: [], through: later.through, isLast: true })
    })

    test('in pages that are bounded in count and bytes', async () => {
      const taker = await makeTaker()
      const note = 'x'.repeat(answersPageLimits.bytes / 2)
      const many = Array.from({ length: answersPageLimits.answers + 1 }, (_, index) => made(`k${index}`))
      const large = ['l1', 'l2', 'l3'].map((key) => made(key, { note }))
      await taker.mover.keepAnswers([...many, ...large], 1n)
      const pages: string[][] = []
      for (let after = 0n; ; ) {
        const { answers, through, isLast } = await answersIn(taker.server, allSlots, after)
        pages.push(answers.map(({ key }) => key))
        if (isLast) break
        after = through
      }
      expect(pages.map(({ length }) => length)).toEqual([answersPageLimits.answers, 3, 1])
      expect(pages.flat()).toEqual([...many, ...large].map(({ key }) => key))
    })
  })

  describe('answers are kept', () => {
    test('where their idempotency key has none yet, and use up no place otherwise', async () => {
      const taker = await makeTaker()
      await judge(taker.session, decided(put('a'), { idempotency: under('k1', 'own') }))
      const answers = [made('k1'), made('k2')]
      for (let times = 0; times < 3; times++) expect(await taker.mover.keepAnswers(answers, 1n)).toBe(true)
      const page = await answersIn(taker.server)
      expect(page.answers.map(({ key, request }) => [key, request.toString()])).toEqual([
        ['k1', 'own'],
        ['k2', 'r'],
      ])
      await taker.mover.keepAnswers([made('k3')], 1n)
      expect((await answersIn(taker.server)).through).toBe(page.through + 1n)
    })

    test('only where the log has no other entry on the ring', async () => {
      const taker = await makeTaker()
      await taker.server.makeRingLog().append('newer', 1n, [])
      for (const ringEntry of [0n, 1n, 3n]) expect(await taker.mover.keepAnswers([made('k')], ringEntry)).toBe(false)
      expect((await answersIn(taker.server)).answers).toEqual([])
      expect(await taker.mover.keepAnswers([made('k')], 2n)).toBe(true)
      expect((await answersIn(taker.server)).answers).toEqual([made('k')])
    })

    test('up to a bound, which those of the log count against as well', async () => {
      const taker = await makeTaker()
      await judge(taker.session, decided(put('a'), { idempotency: under('own 1') }))
      await judge(taker.session, decided(put('a'), { idempotency: under('own 2') }))
      for (let batch = 0; batch < 10; batch++) {
        const answers = Array.from({ length: batch === 0 ? 9_999 : 10_000 }, (_, index) => made(`${batch}-${index}`))
        await taker.mover.keepAnswers(answers, 1n)
      }
      const oldest = async () => (await answersIn(taker.server)).answers[0]?.key
      expect(await oldest()).toBe('own 2')
      await taker.mover.keepAnswers([made('last')], 1n)
      expect(await oldest()).toBe('0-0')
      await judge(taker.session, decided(put('a'), { idempotency: under('own 3') }))
      expect(await oldest()).toBe('0-1')
    })

    test('by the one mover of the log alone, as long as it can reach it', async () => {
      const network = await server.makeNetwork()
      await server.makeRingLog().append('what it owns', 0n, [])
      const mover = await openMover(server, { network })
      network.cut()
      await expect(mover.keepAnswers([made('k')], 1n)).rejects.toThrow(Unavailable)
      network.heal()
      const reader = await server.makeRingLog({ network }).openReader()
      network.cut()
      await expect(reader.readAnswers(allSlots, 0n)).rejects.toThrow(Unavailable)
      network.heal()
    })
  })
}

async function openMover(server: LogServer, options: Parameters<LogServer['makeRingLog']>[0] = {}): Promise<KeyMover> {
  const mover = await server.makeRingLog(options).openMover()
  if (mover === undefined) throw new Error('another node moves keys')
  onTestFinished(() => mover.close())
  return mover
}

/** An answer of another log, by default to the request of `under`. */
function made(key: string, { note }: { note?: string } = {}): MovedAnswer {
  return {
    ...{ key, request: Buffer.from('r'), slot: 7, logId: 'cafe0123' },
    ...{ entry: { sequence: 1n, digest: Buffer.from('8 bytes!') }, currentTag: undefined, note },
  }
}

/** Of the value before, whose sequence says nothing in another log. */
function withoutSequence({ current, ...verdict }: Verdict) {
  return { ...verdict, current: current?.tag }
}

const byStart = (one: { readonly from: number }, other: { readonly from: number }) => one.from - other.from
