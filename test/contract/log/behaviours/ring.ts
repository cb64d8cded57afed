import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Write } from '../../../../kvs/core/entry.ts'
import { slotOf } from '../../../../kvs/core/ring/key-slot.ts'
import { allSlots, type SlotRanges } from '../../../../kvs/core/ring/slot-ranges.ts'
import { type LogSession, NotAppended, RingUnseen, Unavailable } from '../../../../kvs/log/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { until } from '../../../support/until.ts'
import { decided, foreign, spooled } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeRing(makeServer: MakeLogServer): void {
  let server: LogServer
  let session: LogSession
  beforeEach(async () => {
    server = await makeServer()
    session = await server.makeLog().open()
  })

  const appendRing = (text: string, seen = 0n, vacated: SlotRanges = []) =>
    server.makeRingLog().append(text, seen, vacated)
  const keysIn = async (log: LogSession) => (await readAll(log)).map(({ write }) => write.key)

  async function openNext(): Promise<LogSession> {
    const next = await server.makeLog().open()
    await session.close()
    session = next
    return next
  }

  describe('an entry on the ring', () => {
    test('is the log’s end, and in the head of the next session', async () => {
      expect(session.head.ring).toBeUndefined()
      await session.append([put('a')])
      const end = await appendRing('{"ä":1}', 1n)
      expect(end?.sequence).toBe(2n)
      const { sequence, digest } = await session.askHead()
      expect({ sequence, digest }).toEqual({ sequence: end?.sequence, digest: end?.digest })
      const next = await openNext()
      expect(next.head).toMatchObject({ sequence: 2n, ring: { sequence: 2n, text: '{"ä":1}' } })
      await next.append([put('b')])
      await appendRing('another', 3n)
      expect((await openNext()).head.ring).toEqual({ sequence: 4n, text: 'another' })
    })

    test('is read, replayed and told of as any other', async () => {
      let notified = 0
      session.onOthersAppended(() => notified++)
      const end = await appendRing('what it owns')
      await expect.poll(() => notified).toBe(1)
      const [entry] = await session.read(0n)
      expect(entry).toMatchObject({ ...end, isOwn: false, superseded: false, origin: undefined })
      expect(entry?.write).toMatchObject({ kind: 'ring', key: 'what it owns' })
      const replayed: unknown[] = []
      await (await openNext()).replay(0n, ({ sequence, kind, bytes, keyStart, keyLength, valueLength }) => {
        const key = bytes.toString('utf8', keyStart, keyStart + keyLength)
        replayed.push({ sequence, kind, key, valueLength: Math.max(0, valueLength) })
      })
      expect(replayed).toEqual([{ sequence: 1, kind: 'ring', key: 'what it owns', valueLength: 0 }])
    })

    test('is passed by the checkpoint, and in the head after it', async () => {
      await session.append([put('a'), put('b')])
      await appendRing('what it owns', 2n)
      await openNext()
      await session.append([remove('b')])
      await server.advanceCheckpoint()
      await openNext()
      const loaded: string[] = []
      const reached = await session.loadCheckpoint(({ bytes, keyStart, keyLength }) => {
        loaded.push(bytes.toString('utf8', keyStart, keyStart + keyLength))
      })
      expect(reached?.sequence).toBe(4n)
      expect(loaded).toEqual(['a'])
      expect(session.head.ring).toEqual({ sequence: 3n, text: 'what it owns' })
    })

    test('is about no member of a group of sites', async () => {
      const siteLog = server.makeSiteLog()
      await siteLog.appendMember({ kind: 'join', key: 'here:1' })
      await appendRing('here:1', 1n)
      expect([...(await siteLog.readMembers())].map(([address, { sequence }]) => [address, sequence])).toEqual([
        ['here:1', 1n],
      ])
      await appendRing('there:1', 2n)
      // It is older than the entry on the ring, which has the same key, and has an effect all the same.
      const taking = await until('the lead', () => server.makeSiteLog().openImport())
      await taking.append([foreign(1n, { kind: 'join', key: 'there:1' })], 3n)
      await taking.close()
      const entries = await readAll(session)
      expect(entries.map(({ superseded }) => superseded)).toEqual([false, false, false, false])
    })
  })

  describe('an entry on the ring is not stored', () => {
    test('where another one has come since', async () => {
      expect(await appendRing('one')).toMatchObject({ sequence: 1n })
      expect(await appendRing('other')).toBeUndefined()
      expect(await keysIn(session)).toEqual(['one'])
      expect(await appendRing('other', 1n)).toMatchObject({ sequence: 2n })
    })

    const key = 'straße'
    const slot = slotOf(key)
    const around: SlotRanges = [{ from: slot, through: slot }]

    test.each([
      ['a key in a slot that it gives away', key, around],
      ['a key that the range begins with', key, [{ from: slot, through: slot + 1 }]],
      ['a key that the range ends with', key, [{ from: 0, through: slot }]],
      ['a key in the second range', key, [{ from: 0, through: 0 }, ...around]],
      ['a key of the dialect with /route', `route/${key}`, around],
    ])('where %s has got a value since', async (_, key, vacated) => {
      await session.append([put('x'), put(key)])
      expect(await appendRing('late', 1n, vacated)).toBeUndefined()
      expect(await keysIn(session)).toEqual(['x', key])
      expect(await appendRing('in time', 2n, vacated)).toMatchObject({ sequence: 3n })
    })

    test('where that value has gone again', async () => {
      await session.append([put(key), remove(key)])
      expect(await appendRing('late', 0n, around)).toBeUndefined()
    })

    const elsewhere: SlotRanges = [
      { from: 0, through: slot - 1 },
      { from: slot + 1, through: 9_999 },
    ]
    const stored: [string, Write, SlotRanges][] = [
      ['a put elsewhere', put(key), elsewhere],
      ['a put where nothing is given away', put(key), []],
      ['a delete', remove(key), allSlots],
    ]
    test.each(stored)('but it is after %s', async (_, write, vacated) => {
      await session.append([write])
      expect(await appendRing('in time', 0n, vacated)).toMatchObject({ sequence: 2n })
    })

    test('but it is after a put that was superseded', async () => {
      await session.appendSpooled([spooled(1n, key, true)], 0n)
      expect(await appendRing('in time', 0n, around)).toMatchObject({ sequence: 2n })
    })

    test('where the log can’t be reached', async () => {
      const network = await server.makeNetwork()
      const ringLog = server.makeRingLog({ network })
      network.cut()
      await expect(ringLog.append('one', 0n, [])).rejects.toThrow(Unavailable)
      network.heal()
      expect(await ringLog.append('one', 0n, [])).toMatchObject({ sequence: 1n })
    })

    test('but it is over a connection that is kept, and after another node’s has taken its place', async () => {
      const [one, other] = [server.makeRingLog(), server.makeRingLog()]
      one.getReady()
      for (const [index, ringLog] of [one, one, other, one, other, other].entries()) {
        const sequence = BigInt(index)
        expect(await ringLog.append(`${index}`, sequence, [])).toMatchObject({ sequence: sequence + 1n })
      }
    })

    test('but it is once a connection that was kept has broken off', async () => {
      const network = await server.makeNetwork()
      const ringLog = server.makeRingLog({ network, timeoutMs: 500 })
      expect(await ringLog.append('one', 0n, [])).toMatchObject({ sequence: 1n })
      network.cut()
      await expect(ringLog.append('two', 1n, [])).rejects.toThrow()
      network.heal()
      expect(await ringLog.append('two', 1n, [])).toMatchObject({ sequence: 2n })
    })

    test('where the log takes no writes', async () => {
      const end = await server.refuseWrites()
      await expect(appendRing('one')).rejects.toThrow(NotAppended)
      await end()
      expect(await appendRing('one')).toMatchObject({ sequence: 1n })
    })
  })

  describe('after an entry on the ring', () => {
    const appends: [string, (log: LogSession, last: bigint) => Promise<unknown>][] = [
      ['append', (log, last) => log.append([put('b')], last)],
      ['appendSpooled', (log, last) => log.appendSpooled([spooled(last, 'b')], 2n)],
      ['appendConditional', (log, last) => log.appendConditional([decided(put('b'))], 2n, last)],
    ]

    test.each(appends)('%s is refused until the session has told that it has seen it', async (_, append) => {
      await session.append([put('a')])
      const before = session.committed
      expect(await appendRing('gives away', 1n)).toMatchObject({ sequence: 2n })
      await expect(append(session, 2n)).rejects.toThrow(RingUnseen)
      await expect(append(session, 2n)).rejects.toThrow(/not seen the entry 2/)
      expect(session.committed).toEqual(before)
      await session.seeRing(1n)
      await expect(append(session, 2n)).rejects.toThrow(RingUnseen)
      expect(await keysIn(session)).toEqual(['a', 'gives away'])
      await session.seeRing(2n)
      await session.seeRing(0n)
      await append(session, 2n)
      expect(session.committed).toMatchObject({ number: 2n, end: { sequence: 3n } })
      expect(await keysIn(session)).toEqual(['a', 'gives away', 'b'])
      await expect(appendRing('again', 2n)).resolves.toMatchObject({ sequence: 4n })
      await expect(append(session, 3n)).rejects.toThrow(RingUnseen)
    })

    test('a refused batch leaves no answers under idempotency keys', async () => {
      await appendRing('gives away')
      const once = [decided(put('a'), { idempotency: { key: 'i', request: Buffer.from('r') } })]
      await expect(session.appendConditional(once, 1n)).rejects.toThrow(RingUnseen)
      await session.seeRing(1n)
      expect((await session.appendConditional(once, 1n)).verdicts).toMatchObject([{ outcome: 'landed' }])
    })

    test('a new session has seen it, and others have not', async () => {
      const other = await server.makeLog().open()
      await appendRing('gives away')
      const next = await server.makeLog().open()
      await next.append([put('a')])
      await expect(other.append([put('b')])).rejects.toThrow(RingUnseen)
      await expect(session.append([put('c')])).rejects.toThrow(RingUnseen)
      await Promise.all([next.close(), other.close()])
    })

    test('a session speaks for itself alone', async () => {
      const writerId = randomUUID()
      const first = await server.makeLog({ writerId }).open()
      const second = await server.makeLog({ writerId }).open()
      await appendRing('gives away')
      await first.seeRing(1n)
      await expect(second.append([put('a')])).rejects.toThrow(RingUnseen)
      await Promise.all([first.close(), second.close()])
    })

    test('the ring goes on at once', async () => {
      const ringLog = server.makeRingLog()
      for (const sequence of [1n, 2n, 3n]) {
        expect(await ringLog.append(`${sequence}`, sequence - 1n, allSlots)).toMatchObject({ sequence })
      }
    })
  })
}
