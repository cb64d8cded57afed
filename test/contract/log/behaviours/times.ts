import { beforeEach, describe, expect, test } from 'vitest'
import type { BatchEnd, Write } from '../../../../kvs/core/entry.ts'
import { maxDeadline } from '../../../../kvs/core/limits.ts'
import { type LogSession, NotAppended } from '../../../../kvs/log/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { decided } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeTimes(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  /** Each write as a batch of its own, by each of the three ways to append. */
  async function appendInTurn(session: LogSession, writes: readonly Write[]) {
    const ends: BatchEnd[] = []
    for (const [index, write] of writes.entries()) {
      const { number } = session.committed
      const seen = ends.at(-1)?.sequence ?? 0n
      if (index % 3 === 0) ends.push(await session.append([write]))
      else if (index % 3 === 1)
        ends.push(await session.appendSpooled([{ number: number + 1n, superseded: false, write }], seen))
      else ends.push((await session.appendConditional([decided(write)], seen)).end)
    }
    return ends
  }

  /** Time and deadline of each entry, in each of the ways in which they are read. */
  async function readInEachWay(session: LogSession) {
    const paged = (await readAll(session)).map(({ recordedAt, write }) => ({ recordedAt, deadline: write.deadline }))
    const replayed: typeof paged = []
    await session.replay(0n, ({ recordedAt, deadline }) => void replayed.push({ recordedAt, deadline }))
    const loaded: (typeof paged)[] = []
    await session.loadCheckpoint(({ sequence, recordedAt, deadline }) => {
      loaded[sequence - 1] = [{ recordedAt, deadline }]
    })
    return { paged, replayed, loaded: loaded.flat() }
  }

  const deadlines = [maxDeadline, 0, 1, undefined, 999, Date.UTC(1999, 11, 31, 23, 59, 59, 999), Date.UTC(2000, 0, 1)]
  const later = [
    Date.UTC(2026, 10, 29, 11, 12, 13, 457),
    Date.UTC(2285, 5, 5, 5, 5, 5, 555),
    Date.UTC(9000, 1, 1, 1, 1, 1, 1),
  ]

  describe('times and deadlines', () => {
    test('are the same however an entry is appended and read', async () => {
      const all = [...deadlines, ...later, undefined]
      const log = server.makeLog()
      const first = await log.open()
      const ends = await appendInTurn(
        first,
        all.map((deadline, index) => ({ ...put(`k${index}`), deadline })),
      )
      await server.advanceCheckpoint()
      await first.close()
      const session = await log.open()
      const { paged, replayed, loaded } = await readInEachWay(session)
      expect(paged.map(({ deadline }) => deadline)).toEqual(all)
      expect(paged.map(({ recordedAt }) => recordedAt)).toEqual(ends.map(({ recordedAt }) => recordedAt))
      expect(replayed).toEqual(paged)
      expect(loaded).toEqual(paged)
      expect(paged.every(({ recordedAt }) => Number.isInteger(recordedAt))).toBe(true)
      await session.close()
    })

    test('are those of each write in a batch, and all of a batch have its time', async () => {
      const session = await server.makeLog().open()
      const writes = [put('a'), { ...put('b'), deadline: 7 }, { ...remove('c'), deadline: 8 }, remove('d')]
      const before = Date.now()
      const { recordedAt } = await session.append(writes)
      expect(recordedAt).toBeGreaterThanOrEqual(before)
      expect(recordedAt).toBeLessThanOrEqual(Date.now())
      const given = writes.map((write) => decided(write, { lands: write.key !== 'a' }))
      const { end } = await session.appendConditional(given, 4n)
      const entries = await readAll(session)
      expect(entries.map(({ write }) => write.deadline)).toEqual([undefined, 7, 8, undefined, 7, 8, undefined])
      expect(entries.map((entry) => entry.recordedAt)).toEqual([
        ...Array(4).fill(recordedAt),
        ...Array(3).fill(end.recordedAt),
      ])
      await session.close()
    })

    test('are those of a key’s last entry in a checkpoint', async () => {
      const log = server.makeLog()
      const first = await log.open()
      await first.append([{ ...put('renewed'), deadline: 5 }, { ...put('for ever'), deadline: 5 }, put('ends')])
      await server.advanceCheckpoint()
      await first.append([{ ...put('renewed'), deadline: 9 }, put('for ever'), { ...put('ends'), deadline: 6 }])
      const end = await first.append([
        { ...put('expired'), deadline: 1 },
        { ...remove('expired'), deadline: 1 },
      ])
      await server.advanceCheckpoint()
      await first.close()
      const session = await log.open()
      const found = new Map<string, number | undefined>()
      const at = await session.loadCheckpoint(({ bytes, keyStart, keyLength, deadline }) => {
        found.set(bytes.toString('utf8', keyStart, keyStart + keyLength), deadline)
      })
      expect(at?.sequence).toBe(end.sequence)
      expect(Object.fromEntries(found)).toEqual({ renewed: 9, 'for ever': undefined, ends: 6 })
      await session.close()
    })

    test.each([
      ['before 1970', -1],
      ['after the year 9999', maxDeadline + 1],
    ])('no deadline is %s: the batch is refused, and nothing of it stored', async (_, deadline) => {
      const session = await server.makeLog().open()
      const writes = [put('a'), { ...put('b'), deadline }]
      for (const appending of [
        session.append(writes),
        session.appendConditional(
          writes.map((one) => decided(one)),
          0n,
        ),
      ]) {
        const error = await appending.catch((error) => error)
        expect(error).toBeInstanceOf(NotAppended)
        expect(error.logIsDown).toBe(false)
      }
      expect(await session.read(0n)).toEqual([])
      await session.close()
    })

    test('come back with a backup', async () => {
      const session = await server.makeLog().open()
      const { recordedAt } = await session.append([{ ...put('a'), deadline: later[0] }])
      const restore = await server.copy()
      await session.append([{ ...put('a'), deadline: later[1] }])
      await session.close()
      await restore()
      const other = await server.makeLog().open()
      expect(await readAll(other)).toMatchObject([{ recordedAt, write: { deadline: later[0] } }])
      await other.close()
    })
  })

  describe('the server’s clock', () => {
    test('is unknown before the first answer; from then on it is never behind an answer, and never ahead', async () => {
      const log = server.makeLog()
      expect(log.now()).toBeUndefined()
      const session = await log.open()
      let latest = 0
      for (let n = 0; n < 30; n++) {
        if (n % 3 === 0) await session.askHead()
        const { recordedAt } = n % 3 === 1 ? await session.append([put('a')]) : { recordedAt: latest }
        const now = log.now() ?? 0
        expect(now).toBeGreaterThanOrEqual(Math.max(recordedAt, latest))
        expect(now).toBeLessThanOrEqual(Date.now())
        latest = now
      }
      await session.close()
      const between = log.now() ?? 0
      expect(between).toBeGreaterThanOrEqual(latest)
      await (await log.open()).close()
      expect(log.now()).toBeGreaterThanOrEqual(between)
    })
  })
}
