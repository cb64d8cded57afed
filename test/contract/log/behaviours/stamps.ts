import { beforeEach, describe, expect, test } from 'vitest'
import type { Write } from '../../../../kvs/core/entry.ts'
import type { Position } from '../../../../kvs/core/position.ts'
import { maxStamp } from '../../../../kvs/core/rank.ts'
import type { LogSession } from '../../../../kvs/log/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { decided, decidedTogether, spooled, toldVersion } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeStamps(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  const stampsOf = async (session: LogSession) => (await readAll(session)).map(({ stamp }) => stamp)

  const seenWith = (stamp: number, sequences: [string, bigint][] = []): Position => ({
    sequences: new Map(sequences),
    stamp,
  })

  const lapsed = (key: string): Write => ({ ...remove(key), deadline: 1 })

  /** A batch by each of the three ways to append. Returns the ends. */
  async function appendInEachWay(session: LogSession) {
    const first = await session.append([put('a'), put('b')])
    const { number } = session.committed
    const second = await session.appendSpooled([spooled(number + 1n, 'c')], first.sequence)
    const { end } = await session.appendConditional([decided(put('d'))], second.sequence)
    return [first, second, end]
  }

  function expectToRise(stamps: readonly number[]): void {
    expect(stamps).toEqual([...new Set(stamps)].toSorted((one, other) => one - other))
  }

  describe('stamps', () => {
    test('rise from batch to batch and over sessions, are those of the clock, and all of a batch have one', async () => {
      const before = Date.now() * 1_000
      const ends = []
      for (const log of [server.makeLog(), server.makeLog()]) {
        const session = await log.open()
        ends.push(...(await appendInEachWay(session)))
        await session.close()
      }
      const stamps = ends.map(({ stamp }) => stamp)
      expectToRise(stamps)
      expect(stamps[0]).toBeGreaterThanOrEqual(before)
      expect(stamps.at(-1)).toBeLessThanOrEqual((Date.now() + 1) * 1_000)
      const session = await server.makeLog().open()
      const [one = 0, two, three, four = 0, five, six] = stamps
      expect(await stampsOf(session)).toEqual([one, one, two, three, four, four, five, six])
      await session.close()
    })

    test('rise where the server’s clock goes back', async () => {
      const session = await server.makeLog().open()
      await session.append([put('a')])
      await server.setClockBack()
      const [last = 0] = await stampsOf(session)
      const stamps = (await appendInEachWay(session)).map(({ stamp }) => stamp)
      expectToRise([last, ...stamps])
      expect((stamps.at(-1) ?? 0) - last).toBeLessThan(60_000_000)
      await session.close()
    })

    test('are later than those that their writes depend on, in each way to append', async () => {
      const session = await server.makeLog().open()
      const ahead = (Date.now() + 3_600_000) * 1_000
      const { stamp } = await session.append([put('a'), { ...put('b'), after: seenWith(ahead) }])
      expect(stamp).toBe(ahead + 1)
      const write = { ...put('c'), after: seenWith(ahead + 100) }
      const second = await session.appendSpooled([{ number: 3n, superseded: false, write }], 2n)
      expect(second.stamp).toBe(ahead + 101)
      const third = { ...remove('c'), after: seenWith(ahead + 200) }
      expect((await session.appendConditional([decided(third)], 3n)).end.stamp).toBe(ahead + 201)
      expect(await stampsOf(session)).toEqual([stamp, stamp, ahead + 101, ahead + 201])
      await session.close()
    })

    test('are raised no further than to the bound', async () => {
      const session = await server.makeLog().open()
      const { stamp } = await session.append([{ ...put('a'), after: seenWith(Number.MAX_SAFE_INTEGER) }])
      expect(stamp).toBe(maxStamp + 1)
      expect((await session.append([put('b')])).stamp).toBe(maxStamp + 2)
      await session.close()
    })

    test('and dependencies come back by read, replay and checkpoint', async () => {
      const log = server.makeLog()
      const first = await log.open()
      const dependency = seenWith(7, [
        ['another1', 3n],
        ['another2', 2n ** 40n],
      ])
      const { stamp } = await first.append([{ ...put('a'), after: dependency }, put('b')])
      await server.advanceCheckpoint()
      await first.close()
      const session = await log.open()
      const text = 'another1=3,another2=1099511627776,stamp=7'
      expect((await readAll(session)).map(({ write }) => write.after)).toEqual([dependency, undefined])
      const found: unknown[] = []
      await session.replay(0n, (entry) => void found.push([entry.sequence, entry.stamp, entry.after]))
      expect(found).toEqual([
        [1, stamp, text],
        [2, stamp, undefined],
      ])
      const loaded: unknown[] = []
      await session.loadCheckpoint((entry) => void loaded.push([entry.sequence, entry.stamp, entry.after]))
      expect(loaded.toSorted()).toEqual(found)
      await session.close()
    })

    test('of an expiry are that of the entry that has lapsed; later ones rise above all the same', async () => {
      const session = await server.makeLog().open()
      const old = await session.append([{ ...put('a'), deadline: 1 }])
      const newer = await session.append([put('b')])
      const expiry = decidedTogether([lapsed('a')], { reads: ['a'], current: toldVersion(1n) })
      const { end } = await session.appendConditional([decided(put('c')), expiry], 2n)
      expect(end.stamp).toBeGreaterThan(newer.stamp)
      const { stamp } = await session.append([put('a')])
      expectToRise([old.stamp, newer.stamp, end.stamp, stamp])
      expect(await stampsOf(session)).toEqual([old.stamp, newer.stamp, end.stamp, old.stamp, stamp])
      await session.close()
    })

    test('rise above those of a batch of expiries alone, also where the server’s clock goes back', async () => {
      const session = await server.makeLog().open()
      await session.append([{ ...put('a'), deadline: 1 }])
      await session.append([put('b')])
      await server.setClockBack()
      const expiry = decidedTogether([lapsed('a')], { current: toldVersion(1n) })
      const { end } = await session.appendConditional([expiry], 2n)
      const [old = 0, newer = 0, expired] = await stampsOf(session)
      expect(expired).toBe(old)
      expectToRise([newer, end.stamp, (await session.append([put('c')])).stamp])
      await session.close()
    })

    test('of an expiry of a key that has no entry are those of its batch', async () => {
      const session = await server.makeLog().open()
      const { end } = await session.appendConditional([decided(lapsed('a')), decided(put('b'))], 0n)
      expect(await stampsOf(session)).toEqual([end.stamp, end.stamp])
      await session.close()
    })
  })
}
